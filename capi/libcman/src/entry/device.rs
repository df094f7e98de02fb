//! The quorum device.

use crate::{boundary, constants::NODENAME_MAX, device, layouts::DeviceInfo, pointer};
use rustix::io::Errno;
use std::ffi::{c_char, c_int, c_void};

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_register_quorum_device(
    handle: *mut c_void,
    name: *const c_char,
    votes: c_int,
) -> c_int {
    boundary::call(handle, |handle| {
        // SAFETY: NULL, or a text of the program's.
        let name = unsafe { pointer::text(name, NODENAME_MAX) }?;
        device::register(handle, name, votes)
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_unregister_quorum_device(handle: *mut c_void) -> c_int {
    boundary::call(handle, |handle| device::unregister(handle))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_poll_quorum_device(handle: *mut c_void, available: c_int) -> c_int {
    boundary::call(handle, |handle| device::poll(handle, available != 0))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_get_quorum_device(
    handle: *mut c_void,
    info: *mut DeviceInfo,
) -> c_int {
    boundary::call(handle, |handle| {
        if info.is_null() {
            return Err(Errno::INVAL);
        }
        let found = device::info(handle)?;
        // SAFETY: not NULL, so there is room for it.
        unsafe { pointer::put(info, found) };
        Ok(0)
    })
}
