//! Waking a thread that waits in poll(2).

use rustix::event::{EventfdFlags, eventfd};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

/// A descriptor that becomes readable when somebody calls [`Waker::wake`]. Clones wake the same
/// thread; any number of wakes before the thread looks count as one.
#[derive(Clone, Debug)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// A waker that has not been woken.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(fd)))
    }

    /// Makes the descriptor readable. Never blocks.
    pub fn wake(&self) {
        // It can only fail when the counter is full, and then it is readable already.
        let _full = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Makes the descriptor unreadable until the next wake. To be called *before* looking for
    /// work, so that no wake is lost.
    pub fn clear(&self) {
        let mut count = [0; 8];
        // It can only fail when nobody woke us, and then there is nothing to clear.
        let _nobody = rustix::io::read(&*self.0, &mut count);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn readable(waker: &Waker) -> bool {
        let mut fds = [PollFd::new(waker, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
    }

    #[test]
    fn wakes_count_as_one_until_cleared() {
        let waker = Waker::new().unwrap();
        assert!(!readable(&waker));
        waker.clone().wake();
        waker.wake();
        assert!(readable(&waker));
        waker.clear();
        assert!(!readable(&waker));
    }
}
