//! Messages to ports.

use crate::{boundary, data, notification::DataCallback, pointer};
use std::ffi::{c_int, c_void};

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cman_send_data(
    handle: *mut c_void,
    message: *const c_void,
    len: c_int,
    // How it is ordered. Here everything is ordered in the strongest way they can ask for.
    _flags: c_int,
    port: u8,
    id: c_int,
) -> c_int {
    boundary::call(handle, |handle| {
        // SAFETY: NULL, or as many bytes as the program says.
        let payload = unsafe { pointer::bytes(message.cast(), len) }?;
        data::send(handle, payload, port, id)
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_start_recv_data(
    handle: *mut c_void,
    callback: Option<DataCallback>,
    port: u8,
) -> c_int {
    boundary::call(handle, |handle| data::start(handle, callback, port))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_end_recv_data(handle: *mut c_void) -> c_int {
    boundary::call(handle, |handle| data::end(handle))
}
