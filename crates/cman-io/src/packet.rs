//! Many datagrams with one system call.
//!
//! The kernel takes datagrams of one size and destination as one packet and cuts it as late as it
//! can: in the network card, or, where the receiver is on the same host, not at all. So a packet
//! costs about as much as one datagram. The other way around, a socket may get datagrams of one
//! sender together. Linux does the first since 4.18 and the second since 5.0; where it does not,
//! or the card cannot, datagrams go one by one.

use rustix::{
    io::Errno,
    net::{SendAncillaryBuffer, SendFlags, SocketAddrAny, addr::SocketAddrStorage, sendmsg_addr},
};
use std::{
    cell::Cell,
    io::{self, IoSlice},
    mem::{MaybeUninit, offset_of, size_of},
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

/// Most datagrams in a packet: what all kernels take.
const DATAGRAMS_MAX: usize = 64;
/// Most bytes in a packet that is sent: what fits IPv6 and IPv4 with their options.
const SENT_MAX: usize = 64_000;
/// Bytes that a packet may have that is received.
pub(crate) const PACKET_MAX: usize = 1 << 16;

/// Makes packets of what is sent through one socket.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    /// What the socket cuts packets into: 0 for not at all.
    segment: Cell<usize>,
    /// The kernel, or the card, does not cut.
    refused: Cell<bool>,
}

impl Packets {
    /// Sends datagrams in their order. What cannot be sent does not keep those behind it.
    ///
    /// # Errors
    /// The last refusal.
    pub(crate) fn send(
        &self,
        fd: &OwnedFd,
        to: &SocketAddr,
        datagrams: &[IoSlice<'_>],
    ) -> rustix::io::Result<()> {
        let mut result = Ok(());
        let mut rest = datagrams;
        while !rest.is_empty() {
            let length = if self.refused.get() { 1 } else { packet_length(rest) };
            let (packet, others) = rest.split_at(length);
            match self.send_packet(fd, to, packet) {
                Ok(()) => {}
                Err(error) if length > 1 && is_for_good(error) => {
                    self.refused.set(true);
                    self.cut_into(fd, 0)?;
                    continue;
                }
                Err(error) => result = Err(error),
            }
            rest = others;
        }
        result
    }

    fn send_packet(
        &self,
        fd: &OwnedFd,
        to: &SocketAddr,
        packet: &[IoSlice<'_>],
    ) -> rustix::io::Result<()> {
        let size = packet.first().map_or(0, |datagram| datagram.len());
        if packet.len() > 1 {
            self.cut_into(fd, size)?;
        } else if size > self.segment.get() {
            self.cut_into(fd, 0)?;
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        sendmsg_addr(fd, to, packet, &mut SendAncillaryBuffer::default(), flags)?;
        Ok(())
    }

    fn cut_into(&self, fd: &OwnedFd, size: usize) -> rustix::io::Result<()> {
        if self.segment.get() != size {
            set_option(fd.as_fd(), libc::UDP_SEGMENT, size)?;
            self.segment.set(size);
        }
        Ok(())
    }
}

/// Whether the kernel or the card cannot cut: datagrams may pass one by one.
fn is_for_good(error: Errno) -> bool {
    let for_good = [Errno::INVAL, Errno::IO, Errno::MSGSIZE, Errno::NOPROTOOPT, Errno::OPNOTSUPP];
    for_good.contains(&error)
}

/// How many datagrams from the front go in one packet: they have one size, but for the last, which
/// may be shorter.
fn packet_length(datagrams: &[IoSlice<'_>]) -> usize {
    let size = datagrams.first().map_or(0, |first| first.len());
    let most = DATAGRAMS_MAX.min(SENT_MAX / size.max(1)).clamp(1, datagrams.len().max(1));
    let same = datagrams.iter().take(most).take_while(|datagram| datagram.len() == size).count();
    let shorter = datagrams.get(same).is_some_and(|next| next.len() < size && !next.is_empty());
    if shorter && same < most { same + 1 } else { same }
}

/// Lets a socket have packets. Where it cannot, it has datagrams.
pub(crate) fn receive_packets(fd: &OwnedFd) {
    let _too_old = set_option(fd.as_fd(), libc::UDP_GRO, 1);
}

fn set_option(fd: BorrowedFd<'_>, name: libc::c_int, value: usize) -> rustix::io::Result<()> {
    let value = libc::c_int::try_from(value).map_err(|_| Errno::INVAL)?;
    let size = u32::try_from(size_of_val(&value)).map_err(|_| Errno::INVAL)?;
    let (raw, value) = (fd.as_raw_fd(), (&raw const value).cast());
    // SAFETY: needed because no safe wrapper knows these options. The descriptor is open, and the
    // kernel reads `size` bytes of a live integer.
    let result = unsafe { libc::setsockopt(raw, libc::SOL_UDP, name, value, size) };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

/// What one system call brought: at least one datagram, which may be empty.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) source: SocketAddr,
    /// Of all datagrams together.
    length: usize,
    /// Of each but the last, which may be shorter.
    size: usize,
}

impl Received {
    /// The datagrams that are now in `buffer`.
    pub(crate) fn datagrams<'b>(
        &self,
        buffer: &'b mut [u8],
    ) -> impl Iterator<Item = &'b mut [u8]> + use<'b> {
        let mut rest = buffer.get_mut(..self.length);
        let size = self.size;
        std::iter::from_fn(move || {
            let bytes = rest.take()?;
            let (datagram, others) = bytes.split_at_mut(size.min(bytes.len()));
            rest = Some(others).filter(|others| !others.is_empty());
            Some(datagram)
        })
    }
}

/// Reads a packet into a buffer of [`PACKET_MAX`] bytes; `None` when there is none.
pub(crate) fn receive(fd: &OwnedFd, buffer: &mut [u8]) -> io::Result<Option<Received>> {
    loop {
        match receive_once(fd, buffer) {
            Ok(Some(received)) => return Ok(Some(received)),
            // From nowhere.
            Ok(None) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Room for what the kernel says about a packet, which is its datagrams' size.
#[repr(C, align(8))]
#[derive(Default)]
struct Control([u8; 32]);

fn receive_once(fd: &OwnedFd, buffer: &mut [u8]) -> rustix::io::Result<Option<Received>> {
    let mut source = MaybeUninit::<SocketAddrStorage>::zeroed();
    let mut control = Control::default();
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: needed because the structure has private padding. Zeros are a value of it.
    let mut header: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    header.msg_name = source.as_mut_ptr().cast();
    header.msg_namelen = u32::try_from(size_of::<SocketAddrStorage>()).unwrap_or(0);
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len() as _;
    // SAFETY: needed because no safe wrapper hands out what the kernel says about packets. The
    // descriptor is open; all pointers are to live memory of the lengths beside them, and nothing
    // else refers to it during the call.
    let length = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT) };
    let Ok(length) = usize::try_from(length) else { return Err(last_error()) };
    let name_length = header.msg_namelen;
    if name_length == 0 {
        return Ok(None);
    }
    // SAFETY: needed to make an address of what the kernel wrote. All of the storage is
    // initialised, and the length is what the kernel said of it.
    let source = unsafe { SocketAddrAny::read(source.as_ptr(), name_length) };
    let Ok(source) = SocketAddr::try_from(source) else { return Ok(None) };
    let size = segment_size(&control.0).unwrap_or(length).max(1);
    Ok(Some(Received { source, length, size }))
}

/// The size of a packet's datagrams; `None` if it is a single one. The kernel tells nothing else
/// than that, so it comes first.
fn segment_size(control: &[u8]) -> Option<usize> {
    let int_at = |at: usize| {
        let bytes = control.get(at..at + size_of::<libc::c_int>())?.first_chunk()?;
        Some(libc::c_int::from_ne_bytes(*bytes))
    };
    let level = int_at(offset_of!(libc::cmsghdr, cmsg_level))?;
    let kind = int_at(offset_of!(libc::cmsghdr, cmsg_type))?;
    if (level, kind) != (libc::SOL_UDP, libc::UDP_GRO) {
        return None;
    }
    usize::try_from(int_at(size_of::<libc::cmsghdr>())?).ok().filter(|size| *size > 0)
}

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(sizes: &[usize]) -> Vec<usize> {
        let bytes = vec![0; 2000];
        let datagrams: Vec<_> = sizes.iter().map(|size| IoSlice::new(&bytes[..*size])).collect();
        let (mut rest, mut lengths) = (&datagrams[..], vec![]);
        while !rest.is_empty() {
            lengths.push(packet_length(rest));
            rest = &rest[packet_length(rest)..];
        }
        lengths
    }

    #[test]
    fn a_packet_has_datagrams_of_one_size_and_a_shorter_one() {
        assert_eq!(lengths(&[9]), [1]);
        assert_eq!(lengths(&[9, 9, 5, 9, 9]), [3, 2]);
        assert_eq!(lengths(&[9, 10, 10]), [1, 2]);
        assert_eq!(lengths(&[9, 5, 5]), [2, 1]);
        assert_eq!(lengths(&[9, 0, 9]), [1, 1, 1]);
    }

    #[test]
    fn a_packet_is_bounded() {
        assert_eq!(lengths(&[1400; 100]), [45, 45, 10]);
        assert_eq!(lengths(&[10; 130]), [64, 64, 2]);
        let mut sizes = [10; 65];
        sizes[64] = 5;
        assert_eq!(lengths(&sizes), [64, 1]);
    }

    #[test]
    fn what_the_kernel_says_is_the_size() {
        let mut control = Control::default().0;
        assert_eq!(segment_size(&control), None);
        let mut put = |at: usize, value: libc::c_int| {
            control[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        };
        put(offset_of!(libc::cmsghdr, cmsg_level), libc::SOL_UDP);
        put(offset_of!(libc::cmsghdr, cmsg_type), libc::UDP_GRO);
        put(size_of::<libc::cmsghdr>(), 1400);
        assert_eq!(segment_size(&control), Some(1400));
        assert_eq!(segment_size(&control[..size_of::<libc::cmsghdr>()]), None);
    }
}
