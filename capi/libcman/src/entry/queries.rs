//! How things are.

use crate::{
    boundary, cluster,
    constants::{AGENT_ROOM, NODENAME_MAX},
    data,
    layouts::{Cluster, ExtraInfo, Node, NodeAddress, Version},
    nodes::{self, shortened},
    pointer,
};
use rustix::io::Errno;
use std::{
    ffi::{c_char, c_int, c_void},
    mem::offset_of,
};

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_get_node_count(handle: *mut c_void) -> c_int {
    boundary::call(handle, |handle| nodes::count(handle))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_get_subsys_count(handle: *mut c_void) -> c_int {
    boundary::call(handle, |handle| cluster::subsystems(handle))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_get_nodes(
    handle: *mut c_void,
    max: c_int,
    count: *mut c_int,
    room: *mut Node,
) -> c_int {
    boundary::call(handle, |handle| {
        let list = || nodes::all(handle);
        // SAFETY: what the header says, as the caller was told.
        unsafe { put_nodes(max, count, room, list) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_get_disallowed_nodes(
    handle: *mut c_void,
    max: c_int,
    count: *mut c_int,
    room: *mut Node,
) -> c_int {
    boundary::call(handle, |handle| {
        let list = || nodes::disallowed(handle);
        // SAFETY: what the header says, as the caller was told.
        unsafe { put_nodes(max, count, room, list) }
    })
}

/// # Safety
/// Pointers that are not NULL lead to room, for one number and for `max` nodes.
unsafe fn put_nodes(
    max: c_int,
    count: *mut c_int,
    room: *mut Node,
    list: impl FnOnce() -> Result<Vec<Node>, Errno>,
) -> Result<c_int, Errno> {
    let max = usize::try_from(max).map_err(|_| Errno::INVAL)?;
    if max == 0 || count.is_null() || room.is_null() {
        return Err(Errno::INVAL);
    }
    let nodes = list()?;
    // SAFETY: not NULL, and there is room for as many as may be.
    let put = unsafe { pointer::put_all(room, max, &nodes) };
    // SAFETY: not NULL.
    unsafe { pointer::put(count, shortened(put)) };
    Ok(0)
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_get_node(
    handle: *mut c_void,
    id: c_int,
    node: *mut Node,
) -> c_int {
    boundary::call(handle, |handle| {
        // SAFETY: NULL, or a node of the program's, of which every byte makes sense.
        let wanted = unsafe { pointer::read(node) }?;
        let end = wanted.name.iter().position(|byte| *byte == 0).ok_or(Errno::INVAL)?;
        let found = nodes::one(handle, id, wanted.name.get(..end).unwrap_or_default())?;
        // SAFETY: it was just read from there.
        unsafe { pointer::put(node, found) };
        Ok(0)
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_get_node_addrs(
    handle: *mut c_void,
    id: c_int,
    max: c_int,
    count: *mut c_int,
    room: *mut NodeAddress,
) -> c_int {
    boundary::call(handle, |handle| {
        let max = usize::try_from(max).map_err(|_| Errno::INVAL)?;
        if count.is_null() || (room.is_null() && max > 0) {
            return Err(Errno::INVAL);
        }
        let addresses = nodes::addresses(handle, id)?;
        // SAFETY: not NULL unless none may be put there.
        unsafe { pointer::put_all(room, max, &addresses) };
        // SAFETY: not NULL.
        unsafe { pointer::put(count, shortened(addresses.len())) };
        Ok(0)
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_is_active(handle: *mut c_void) -> c_int {
    boundary::call(handle, |handle| cluster::is_active(handle))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_is_listening(handle: *mut c_void, id: c_int, port: u8) -> c_int {
    boundary::call(handle, |handle| data::is_listening(handle, id, port))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_is_quorate(handle: *mut c_void) -> c_int {
    boundary::call(handle, |handle| cluster::is_quorate(handle))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_get_version(
    handle: *mut c_void,
    version: *mut Version,
) -> c_int {
    boundary::call(handle, |handle| {
        if version.is_null() {
            return Err(Errno::INVAL);
        }
        let found = cluster::version(handle)?;
        // SAFETY: not NULL, so there is room for it.
        unsafe { pointer::put(version, found) };
        Ok(0)
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_get_cluster(
    handle: *mut c_void,
    cluster: *mut Cluster,
) -> c_int {
    boundary::call(handle, |handle| {
        if cluster.is_null() {
            return Err(Errno::INVAL);
        }
        let found = cluster::cluster(handle)?;
        // SAFETY: not NULL, so there is room for it.
        unsafe { pointer::put(cluster, found) };
        Ok(0)
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_get_fenceinfo(
    handle: *mut c_void,
    id: c_int,
    time: *mut u64,
    fenced: *mut c_int,
    agent: *mut c_char,
) -> c_int {
    boundary::call(handle, |handle| {
        if time.is_null() || fenced.is_null() {
            return Err(Errno::INVAL);
        }
        let status = nodes::fencing(handle, id)?;
        // SAFETY: not NULL.
        unsafe { pointer::put(time, status.at) };
        // SAFETY: not NULL.
        unsafe { pointer::put(fenced, status.fenced.into()) };
        if !agent.is_null() {
            let name = pointer::padded::<AGENT_ROOM>(&status.agent);
            // SAFETY: not NULL, and whoever wants the agent has so much room for it.
            unsafe { pointer::put(agent.cast(), name) };
        }
        Ok(0)
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_get_extra_info(
    handle: *mut c_void,
    info: *mut ExtraInfo,
    len: c_int,
) -> c_int {
    boundary::call(handle, |handle| {
        let len = usize::try_from(len).map_err(|_| Errno::INVAL)?;
        if info.is_null() || len < size_of::<ExtraInfo>() {
            return Err(Errno::INVAL);
        }
        let (mut found, addresses) = cluster::extra_info(handle)?;
        let at = offset_of!(ExtraInfo, addresses);
        let fit = len - at >= addresses.len();
        if !fit {
            found.num_addresses = 0;
        }
        // SAFETY: not NULL, and at least so long.
        unsafe { pointer::put(info, found) };
        if fit {
            // SAFETY: inside of what is `len` bytes long.
            let place = unsafe { info.cast::<u8>().add(at) };
            // SAFETY: as above: from there on it has at least so many bytes.
            unsafe { pointer::put_all(place, addresses.len(), &addresses) };
        }
        Ok(0)
    })
}

/// A name in a node has an end, which is part of its room.
const _: () = assert!(size_of::<Node>() > NODENAME_MAX);
