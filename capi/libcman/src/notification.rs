//! Whom to call when something happens, and saying so to the daemon.

use crate::{errno::Call, handle::Handle};
use cman_client::ipc::ClassicRequest;
use rustix::io::Errno;
use std::ffi::{c_char, c_int, c_uint, c_void};

/// `cman_callback_t`.
pub(crate) type EventCallback = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int, c_int);
/// `cman_datacallback_t`.
pub(crate) type DataCallback =
    unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_char, c_int, u8, c_int);
/// `cman_confchgcallback_t`.
pub(crate) type ConfchgCallback = unsafe extern "C" fn(
    *mut c_void,
    *mut c_void,
    *mut c_uint,
    c_int,
    *mut c_uint,
    c_int,
    *mut c_uint,
    c_int,
);

/// The callbacks of a handle.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Callbacks {
    pub(crate) event: Option<EventCallback>,
    pub(crate) data: Option<DataCallback>,
    pub(crate) confchg: Option<ConfchgCallback>,
    /// The port that is bound, which stays so without a callback.
    pub(crate) port: Option<u8>,
}

/// `cman_start_notification`.
pub(crate) fn start(handle: &Handle, callback: Option<EventCallback>) -> Result<c_int, Errno> {
    handle.must_be_public()?;
    let callback = callback.ok_or(Errno::INVAL)?;
    // First, so that nothing is missed that another thread dispatches.
    let before = handle.callbacks().event.replace(callback);
    let done = notify(handle, true);
    if done.is_err() {
        handle.callbacks().event = before;
    }
    done
}

/// `cman_stop_notification`.
pub(crate) fn stop(handle: &Handle) -> Result<c_int, Errno> {
    handle.must_be_public()?;
    let had = handle.callbacks().event.take().is_some();
    // Of a handle that never was told anything there is nothing to be said.
    if had { notify(handle, false) } else { Ok(0) }
}

/// `cman_start_confchg`.
pub(crate) fn start_confchg(
    handle: &Handle,
    callback: Option<ConfchgCallback>,
) -> Result<c_int, Errno> {
    handle.must_be_public()?;
    let callback = callback.ok_or(Errno::INVAL)?;
    let before = handle.callbacks().confchg.replace(callback);
    let done = notify_views(handle, true);
    if done.is_err() {
        handle.callbacks().confchg = before;
    }
    done
}

/// `cman_stop_confchg`.
pub(crate) fn stop_confchg(handle: &Handle) -> Result<c_int, Errno> {
    handle.must_be_public()?;
    let had = handle.callbacks().confchg.take().is_some();
    if had { notify_views(handle, false) } else { Ok(0) }
}

/// `cman_replyto_shutdown`.
pub(crate) fn reply_to_shutdown(handle: &Handle, agree: bool) -> Result<c_int, Errno> {
    handle.send(ClassicRequest::ShutdownReply { agree }).map(|()| 0)
}

fn notify(handle: &Handle, on: bool) -> Result<c_int, Errno> {
    handle.order_classic(Call::Other, ClassicRequest::Notify { on })
}

fn notify_views(handle: &Handle, on: bool) -> Result<c_int, Errno> {
    handle.order_classic(Call::Other, ClassicRequest::NotifyViews { on })
}
