//! What happens.

use crate::{
    boundary, dispatch,
    notification::{self, ConfchgCallback, EventCallback},
};
use std::ffi::{c_int, c_void};

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_start_notification(
    handle: *mut c_void,
    callback: Option<EventCallback>,
) -> c_int {
    boundary::call(handle, |handle| notification::start(handle, callback))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_stop_notification(handle: *mut c_void) -> c_int {
    boundary::call(handle, |handle| notification::stop(handle))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_start_confchg(
    handle: *mut c_void,
    callback: Option<ConfchgCallback>,
) -> c_int {
    boundary::call(handle, |handle| notification::start_confchg(handle, callback))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_stop_confchg(handle: *mut c_void) -> c_int {
    boundary::call(handle, |handle| notification::stop_confchg(handle))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_replyto_shutdown(handle: *mut c_void, yesno: c_int) -> c_int {
    boundary::call(handle, |handle| notification::reply_to_shutdown(handle, yesno != 0))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_get_fd(handle: *mut c_void) -> c_int {
    boundary::call(handle, |handle| Ok(handle.fd()))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cman_dispatch(handle: *mut c_void, flags: c_int) -> c_int {
    boundary::call(handle, |known| dispatch::dispatch(known, handle, flags))
}
