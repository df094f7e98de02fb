//! Barriers.

use crate::{barriers, boundary, pointer};
use cman_types::BarrierName;
use std::ffi::{c_char, c_int, c_void};

/// Longest name of a barrier, in bytes.
const NAME_MAX: usize = BarrierName::SIZE_MAX;

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_barrier_register(
    handle: *mut c_void,
    name: *const c_char,
    flags: c_int,
    nodes: c_int,
) -> c_int {
    boundary::call(handle, |handle| {
        // SAFETY: NULL, or a text of the program's.
        let name = unsafe { pointer::text(name, NAME_MAX) }?;
        barriers::register(handle, name, flags, nodes)
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_barrier_change(
    handle: *mut c_void,
    name: *const c_char,
    what: c_int,
    argument: c_int,
) -> c_int {
    boundary::call(handle, |handle| {
        // SAFETY: NULL, or a text of the program's.
        let name = unsafe { pointer::text(name, NAME_MAX) }?;
        barriers::change(handle, name, what, argument)
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_barrier_wait(
    handle: *mut c_void,
    name: *const c_char,
) -> c_int {
    boundary::call(handle, |handle| {
        // SAFETY: NULL, or a text of the program's.
        let name = unsafe { pointer::text(name, NAME_MAX) }?;
        barriers::wait(handle, name)
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_barrier_delete(
    handle: *mut c_void,
    name: *const c_char,
) -> c_int {
    boundary::call(handle, |handle| {
        // SAFETY: NULL, or a text of the program's.
        let name = unsafe { pointer::text(name, NAME_MAX) }?;
        barriers::delete(handle, name)
    })
}
