//! Entering and leaving Rust.

use crate::{handle::Handle, registry};
use rustix::io::Errno;
use std::{
    ffi::{c_int, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::Arc,
};

/// What C gets from a function that fails.
const FAILED: c_int = -1;

/// Does something with the handle that a program passed. Returns what C gets: a number that is not
/// negative, or -1 and `errno`.
pub(crate) fn call(
    handle: *mut c_void,
    what: impl FnOnce(&Arc<Handle>) -> Result<c_int, Errno>,
) -> c_int {
    or_failed(FAILED, || {
        let handle = registry::find(handle.addr()).ok_or(Errno::INVAL)?;
        what(&handle)
    })
}

/// Makes a handle. Returns what C gets: NULL and `errno` if there is none.
pub(crate) fn open(open: impl FnOnce() -> Result<Handle, Errno>) -> *mut c_void {
    quiet();
    or_failed(ptr::null_mut(), || Ok(ptr::without_provenance_mut(registry::add(open()?))))
}

/// Ends a handle.
pub(crate) fn finish(handle: *mut c_void) -> c_int {
    or_failed(FAILED, || {
        let handle = registry::remove(handle.addr()).ok_or(Errno::INVAL)?;
        handle.finish();
        // Somebody is inside: a callback that called this, or another thread that waits. Nobody
        // else, not even a process that was forked, loses its connection by this.
        if Arc::strong_count(&handle) > 1 {
            handle.hang_up();
        }
        Ok(0)
    })
}

/// What comes of it, or `failed` and `errno`. No panic goes on into C.
fn or_failed<T>(failed: T, what: impl FnOnce() -> Result<T, Errno>) -> T {
    // What is behind locks is whole whatever happens: see the modules that lock.
    match catch_unwind(AssertUnwindSafe(what)) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => {
            set_errno(error);
            failed
        }
        Err(_) => {
            set_errno(Errno::IO);
            failed
        }
    }
}

fn set_errno(error: Errno) {
    // SAFETY: where the error of this thread is; there is no safe function for it.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: it belongs to this thread, as long as that lives.
    unsafe { *place = error.raw_os_error() }
}

/// Panics print nothing: the standard error of a program is its own. This library has a standard
/// library of its own, so nobody else's panics are meant.
#[cfg(not(test))]
fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

/// Tests say why they fail.
#[cfg(test)]
const fn quiet() {}
