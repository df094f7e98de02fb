//! The quorum device.

use crate::{
    constants::state,
    errno::Call,
    handle::Handle,
    layouts::DeviceInfo,
    pointer::{counted, padded},
};
use bytes::Bytes;
use cman_client::ipc::{ClassicRequest, Reply, Request, classic::DeviceStatus};
use rustix::io::Errno;
use std::ffi::c_int;

/// `cman_register_quorum_device`.
pub(crate) fn register(handle: &Handle, name: &[u8], votes: c_int) -> Result<c_int, Errno> {
    let votes = u32::try_from(votes).map_err(|_| Errno::INVAL)?;
    let name = Bytes::copy_from_slice(name);
    order(handle, ClassicRequest::DeviceRegister { name, votes })
}

/// `cman_unregister_quorum_device`.
pub(crate) fn unregister(handle: &Handle) -> Result<c_int, Errno> {
    order(handle, ClassicRequest::DeviceUnregister)
}

/// `cman_poll_quorum_device`.
pub(crate) fn poll(handle: &Handle, available: bool) -> Result<c_int, Errno> {
    order(handle, ClassicRequest::DevicePoll { available })
}

/// `cman_get_quorum_device`.
pub(crate) fn info(handle: &Handle) -> Result<DeviceInfo, Errno> {
    let DeviceStatus { name, alive, votes } = find(handle)?.ok_or(Errno::NOENT)?;
    let state = if alive { state::MEMBER } else { state::DEAD };
    Ok(DeviceInfo { name: padded(&name), state, votes: counted(votes) })
}

/// The device, if there is one.
pub(crate) fn find(handle: &Handle) -> Result<Option<DeviceStatus>, Errno> {
    match handle.ask(Call::Query, Request::Classic(ClassicRequest::DeviceGet)) {
        Ok(Reply::Device(device)) => Ok(Some(device)),
        // A daemon of a time before devices has none.
        Err(Errno::NOENT | Errno::OPNOTSUPP) => Ok(None),
        Err(error) => Err(error),
        Ok(_) => Err(handle.mistrust()),
    }
}

fn order(handle: &Handle, request: ClassicRequest) -> Result<c_int, Errno> {
    handle.must_be_admin()?;
    handle.order_classic(Call::Device, request)
}
