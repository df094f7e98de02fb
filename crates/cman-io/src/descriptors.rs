//! Descriptors that this process was given without asking.

use std::io;

/// Keeps every descriptor beyond stdin, stdout and stderr from the programs that this process will
/// start: a daemon must not hold the pipes of whoever started it.
///
/// # Errors
/// When the kernel is older than 5.11.
pub fn keep_from_children() -> io::Result<()> {
    let flags = libc::c_int::try_from(libc::CLOSE_RANGE_CLOEXEC).unwrap_or(0);
    // SAFETY: needed because no safe wrapper exists. With this flag nothing is closed now, so no
    // descriptor that somebody owns goes away under them.
    let result = unsafe { libc::close_range(3, libc::c_uint::MAX, flags) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_getfd, fcntl_setfd};

    #[test]
    fn inherited_descriptors_end_with_this_process() {
        let inherited = fcntl_dupfd_cloexec(io::stdin(), 100).unwrap();
        fcntl_setfd(&inherited, FdFlags::empty()).unwrap();
        keep_from_children().unwrap();
        assert_eq!(fcntl_getfd(&inherited), Ok(FdFlags::CLOEXEC));
    }
}
