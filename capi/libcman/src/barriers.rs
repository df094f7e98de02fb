//! Barriers.

use crate::{constants::barrier_attribute as attribute, errno::Call, handle::Handle};
use cman_client::ipc::{ClassicRequest, classic::BarrierChange};
use cman_types::BarrierName;
use rustix::io::Errno;
use std::ffi::c_int;

/// `cman_barrier_register`.
pub(crate) fn register(
    handle: &Handle,
    name: &[u8],
    flags: c_int,
    nodes: c_int,
) -> Result<c_int, Errno> {
    let (name, flags) = (barrier(name)?, flags.cast_unsigned());
    let nodes = not_negative(nodes)?;
    order(handle, ClassicRequest::BarrierRegister { name, flags, nodes })
}

/// `cman_barrier_change`.
pub(crate) fn change(
    handle: &Handle,
    name: &[u8],
    what: c_int,
    argument: c_int,
) -> Result<c_int, Errno> {
    let name = barrier(name)?;
    let change = match what {
        attribute::AUTODELETE => BarrierChange::Autodelete(argument != 0),
        attribute::ENABLED if argument == 1 => BarrierChange::Enable,
        attribute::NODES => BarrierChange::Nodes(not_negative(argument)?),
        attribute::TIMEOUT => BarrierChange::Timeout(not_negative(argument)?),
        // More than one step, a callback, and what never was.
        _ => return Err(Errno::INVAL),
    };
    order(handle, ClassicRequest::BarrierChange { name, change })
}

/// `cman_barrier_wait`. When a node was lost that is waited for, the old library returned the
/// number of the error, and programs ask for that.
pub(crate) fn wait(handle: &Handle, name: &[u8]) -> Result<c_int, Errno> {
    match order(handle, ClassicRequest::BarrierWait { name: barrier(name)? }) {
        Err(Errno::SRCH) => Ok(Errno::SRCH.raw_os_error()),
        done => done,
    }
}

/// `cman_barrier_delete`.
pub(crate) fn delete(handle: &Handle, name: &[u8]) -> Result<c_int, Errno> {
    order(handle, ClassicRequest::BarrierDelete { name: barrier(name)? })
}

fn order(handle: &Handle, request: ClassicRequest) -> Result<c_int, Errno> {
    handle.order_classic(Call::Barrier, request)
}

fn barrier(name: &[u8]) -> Result<BarrierName, Errno> {
    BarrierName::new(name).map_err(|_| Errno::INVAL)
}

fn not_negative(number: c_int) -> Result<u32, Errno> {
    u32::try_from(number).map_err(|_| Errno::INVAL)
}
