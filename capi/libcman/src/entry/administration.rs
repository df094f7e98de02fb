//! Changing the cluster.

use crate::{administration, boundary, constants::AGENT_ROOM, layouts::Version, pointer};
use std::ffi::{c_char, c_int, c_void};

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_set_version(
    handle: *mut c_void,
    version: *const Version,
) -> c_int {
    boundary::call(handle, |handle| {
        // SAFETY: NULL, or a version of the program's.
        let version = unsafe { pointer::read(version) }?;
        administration::set_version(handle, &version)
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_leave_cluster(handle: *mut c_void, flags: c_int) -> c_int {
    boundary::call(handle, |handle| administration::leave_cluster(handle, flags))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_set_votes(handle: *mut c_void, votes: c_int, id: c_int) -> c_int {
    boundary::call(handle, |handle| administration::set_votes(handle, votes, id))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_set_expected_votes(handle: *mut c_void, votes: c_int) -> c_int {
    boundary::call(handle, |handle| administration::set_expected_votes(handle, votes))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_kill_node(handle: *mut c_void, id: c_int) -> c_int {
    boundary::call(handle, |handle| administration::kill_node(handle, id))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_node_fenced(
    handle: *mut c_void,
    id: c_int,
    time: u64,
    agent: *const c_char,
) -> c_int {
    boundary::call(handle, |handle| {
        // SAFETY: NULL, or a text of the program's.
        let agent = unsafe { pointer::text(agent, AGENT_ROOM - 1) }?;
        administration::node_fenced(handle, id, time, agent)
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_shutdown(handle: *mut c_void, flags: c_int) -> c_int {
    boundary::call(handle, |handle| administration::shut_down(handle, flags))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_set_dirty(handle: *mut c_void) -> c_int {
    boundary::call(handle, |handle| administration::set_dirty(handle))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_set_debuglog(handle: *mut c_void, mask: c_int) -> c_int {
    boundary::call(handle, |handle| administration::set_debug(handle, mask))
}
