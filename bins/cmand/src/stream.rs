//! A client's connection, as the service thread waits for it.
//!
//! Reading and writing are waited for apart, and writing only while the socket is full. Otherwise
//! the thread would be woken whenever a client has read something, with nothing to do.

use rustix::net::{SendAncillaryBuffer, SendFlags, Shutdown, sendmsg, shutdown};
use std::{
    io::{self, IoSlice},
    os::fd::OwnedFd,
    sync::Arc,
};
use tokio::net::{UnixStream, unix::pipe};

/// Where a client is heard. The runtime's sockets wait for both directions; its end of a pipe waits
/// for one, and reads any descriptor.
pub(crate) type Reader = pipe::Receiver;

/// Where a client is written to. When it is dropped, the client has heard everything.
#[derive(Debug)]
pub(crate) struct Writer(Arc<OwnedFd>);

/// Both ends of a connection; within a runtime.
///
/// # Errors
/// When the process has no descriptor left.
pub(crate) fn split(stream: UnixStream) -> io::Result<(Reader, Writer)> {
    let socket = OwnedFd::from(stream.into_std()?);
    let writer = Writer(Arc::new(socket.try_clone()?));
    Ok((Reader::from_owned_fd_unchecked(socket)?, writer))
}

impl Writer {
    /// The socket itself.
    pub(crate) const fn socket(&self) -> &Arc<OwnedFd> {
        &self.0
    }

    /// Writes what there is room for; says how many bytes that was.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when there is no room: see [`Self::writable`].
    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(sendmsg(&self.0, slices, &mut SendAncillaryBuffer::default(), flags)?)
    }

    /// Waits until there is room, or the client is gone.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        pipe::Sender::from_owned_fd_unchecked(self.0.try_clone()?)?.writable().await
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The client may be gone.
        let _gone = shutdown(&self.0, Shutdown::Write);
    }
}
