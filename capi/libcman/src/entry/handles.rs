//! Making and ending handles, and what they carry.

use crate::{boundary, handle::Handle, pointer};
use cman_client::Socket;
use rustix::io::Errno;
use std::ffi::{c_int, c_void};

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_init(private: *mut c_void) -> *mut c_void {
    boundary::open(|| Handle::open(Socket::Public, private))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_admin_init(private: *mut c_void) -> *mut c_void {
    boundary::open(|| Handle::open(Socket::Admin, private))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_finish(handle: *mut c_void) -> c_int {
    boundary::finish(handle)
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_setprivdata(handle: *mut c_void, private: *mut c_void) -> c_int {
    boundary::call(handle, |handle| {
        handle.set_private(private);
        Ok(0)
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_getprivdata(
    handle: *mut c_void,
    private: *mut *mut c_void,
) -> c_int {
    boundary::call(handle, |handle| {
        if private.is_null() {
            return Err(Errno::INVAL);
        }
        // SAFETY: not NULL, so there is room for it.
        unsafe { pointer::put(private, handle.private()) };
        Ok(0)
    })
}
