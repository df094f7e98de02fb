//! Messages to ports.

use crate::{
    constants::{NODEID_ALL, header},
    errno::Call,
    handle::Handle,
    notification::DataCallback,
};
use bytes::Bytes;
use cman_client::ipc::{ClassicRequest, Reply, Request, classic::PORT_MESSAGE_MAX};
use cman_types::NodeId;
use rustix::io::Errno;
use std::ffi::c_int;

/// `cman_start_recv_data`. A handle has one port for as long as it lives; another callback for that
/// port takes the place of the one before.
pub(crate) fn start(
    handle: &Handle,
    callback: Option<DataCallback>,
    port: u8,
) -> Result<c_int, Errno> {
    handle.must_be_public()?;
    let callback = callback.filter(|_| port != 0).ok_or(Errno::INVAL)?;
    let (bound, before) = {
        let mut callbacks = handle.callbacks();
        if callbacks.port.is_some_and(|bound| bound != port) {
            return Err(Errno::INVAL);
        }
        // First, so that nothing is missed that another thread dispatches.
        (callbacks.port.replace(port), callbacks.data.replace(callback))
    };
    if bound.is_some() {
        return Ok(0);
    }
    let done = handle.order_classic(Call::Bind, ClassicRequest::PortBind { port });
    if done.is_err() {
        let mut callbacks = handle.callbacks();
        (callbacks.port, callbacks.data) = (bound, before);
    }
    done
}

/// `cman_end_recv_data`. The port stays bound.
pub(crate) fn end(handle: &Handle) -> Result<c_int, Errno> {
    handle.must_be_public()?;
    handle.callbacks().data = None;
    Ok(0)
}

/// `cman_send_data`. Returns the length that the old library would have sent.
pub(crate) fn send(handle: &Handle, payload: &[u8], port: u8, node: c_int) -> Result<c_int, Errno> {
    handle.must_be_public()?;
    if payload.len() > PORT_MESSAGE_MAX {
        return Err(Errno::INVAL);
    }
    let own = handle.callbacks().port;
    let port = if port == 0 { own.ok_or(Errno::INVAL)? } else { port };
    let to = recipient(node)?;
    let sent = header::DATA.saturating_add(payload.len());
    let payload = Bytes::copy_from_slice(payload);
    handle.send(ClassicRequest::PortSend { to, port, payload })?;
    Ok(c_int::try_from(sent).unwrap_or(c_int::MAX))
}

/// `cman_is_listening`.
pub(crate) fn is_listening(handle: &Handle, node: c_int, port: u8) -> Result<c_int, Errno> {
    let node = match u32::try_from(node) {
        Ok(node) => NodeId::new(node),
        Err(_) => return Err(Errno::NOENT),
    };
    // Not asked again: that it is not known yet is an answer that programs wait for.
    let request = Request::Classic(ClassicRequest::PortIsBound { node, port });
    match handle.ask(Call::Other, request)? {
        Reply::Is(is) => Ok(is.into()),
        _ => Err(handle.mistrust()),
    }
}

/// All nodes, or one.
fn recipient(node: c_int) -> Result<Option<NodeId>, Errno> {
    if node == NODEID_ALL {
        return Ok(None);
    }
    let node = u32::try_from(node).ok().and_then(NodeId::new);
    node.map(Some).ok_or(Errno::INVAL)
}
