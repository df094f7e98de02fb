//! What one client has under way, counted by both threads.

use cman_types::Instant;
use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};
use tokio::sync::Notify;

/// Bytes of calls that may wait for the node before the client's socket is not read any more.
pub(crate) const ASKED_MAX: usize = 1 << 20;
/// Below so many the socket is read again.
const ASKED_LOW: usize = ASKED_MAX / 2;
/// Bytes of events that may wait for a client. One that falls behind further is let go (PT-14). As
/// much as the node keeps for members that lack something: at a full network half a second.
pub(crate) const UNREAD_MAX: usize = 64 << 20;
/// Above so many bytes a client that reads counts as slow.
const SLOW_BYTES: usize = 8 << 20;
/// Bytes a second that come for a slow client; fewer, the more it has to read, ...
const SLOW_PACE: usize = 20_000_000;
/// ... down to so many, since all others wait for it.
const SLOWEST_PACE: usize = SLOW_PACE / 4;
/// A client that has taken nothing for so long counts as stopped.
const STOPPED_AFTER: Duration = Duration::from_millis(50);

/// One client's account.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Bytes of calls that the engine thread has not done yet.
    asked: AtomicUsize,
    /// Bytes of replies and events that are not in the client's socket yet.
    unread: AtomicUsize,
    /// Told when `asked` is low again.
    low: Notify,
    /// When the client last took something: nanoseconds of the boot-time clock.
    took_at: AtomicU64,
}

impl Account {
    /// So many bytes of calls are on their way.
    pub(crate) fn ask(&self, bytes: usize) {
        self.asked.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many bytes of calls are done.
    pub(crate) fn done(&self, bytes: usize) {
        let before = self.asked.fetch_sub(bytes, Ordering::AcqRel);
        if before > ASKED_LOW && before.saturating_sub(bytes) <= ASKED_LOW {
            self.low.notify_one();
        }
    }

    /// Waits until the client may ask more.
    pub(crate) async fn may_ask(&self) {
        while self.asked.load(Ordering::Acquire) > ASKED_MAX {
            self.low.notified().await;
        }
    }

    /// So many bytes wait for the client. False if they are too many.
    pub(crate) fn owe(&self, bytes: usize) -> bool {
        let before = self.unread.fetch_add(bytes, Ordering::Relaxed);
        // One that has read everything may be owed anything.
        before == 0 || before.saturating_add(bytes) <= UNREAD_MAX
    }

    /// The client took so many bytes.
    pub(crate) fn took(&self, now: Instant, bytes: usize) {
        self.took_at.store(now.as_nanos(), Ordering::Relaxed);
        self.paid(bytes);
    }

    /// How many bytes a second may come for a client that has much to read, and reads: it is not
    /// stopped, but slow. `None` for as many as there are.
    pub(crate) fn pace(&self, now: Instant) -> Option<usize> {
        let unread = self.unread();
        let took_at = Instant::from_nanos(self.took_at.load(Ordering::Relaxed));
        let slow = unread > SLOW_BYTES && now.since(took_at) < STOPPED_AFTER;
        // In units in which the product fits.
        slow.then(|| (SLOW_PACE * (SLOW_BYTES >> 20) / (unread >> 20)).max(SLOWEST_PACE))
    }

    /// So many bytes are in the client's socket, or dropped.
    pub(crate) fn paid(&self, bytes: usize) {
        self.unread.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes that wait for the client.
    pub(crate) fn unread(&self) -> usize {
        self.unread.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Arc, time::Duration};
    use tokio::time::timeout;

    #[tokio::test(flavor = "current_thread")]
    async fn who_asked_too_much_waits_until_little_is_left() {
        let account = Arc::new(Account::default());
        account.ask(ASKED_MAX);
        account.may_ask().await;
        account.ask(1);
        let waiting = tokio::spawn({
            let account = account.clone();
            async move { account.may_ask().await }
        });
        tokio::task::yield_now().await;
        account.done(10);
        assert!(!waiting.is_finished(), "it goes on when little is left, not for each call");
        account.done(ASKED_MAX - 20);
        timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    }

    #[test]
    fn one_that_reads_too_slowly_is_told_from_one_that_does_not() {
        let account = Account::default();
        let at = |ms| Instant::ZERO + Duration::from_millis(ms);
        account.owe(SLOW_BYTES + 2);
        account.took(at(1000), 1);
        assert_eq!(account.pace(at(1001)), Some(SLOW_PACE));
        assert_eq!(account.pace(at(1000) + STOPPED_AFTER), None, "it is stopped");
        account.took(at(2000), 1);
        assert_eq!(account.pace(at(2000)), None, "it has read enough");
    }

    #[test]
    fn the_more_one_has_to_read_the_less_comes() {
        let account = Account::default();
        account.took(Instant::ZERO, 0);
        let mut paces = vec![];
        for _ in 0..8 {
            account.owe(8 << 20);
            paces.extend(account.pace(Instant::ZERO));
        }
        let expected = [10_000_000, 6_666_666, 5_000_000];
        assert_eq!(paces[..3], expected);
        assert!(paces[3..].iter().all(|pace| *pace == SLOWEST_PACE), "{paces:?}");
    }

    #[test]
    fn one_that_reads_may_be_owed_anything_once() {
        let account = Account::default();
        assert!(account.owe(UNREAD_MAX + 1));
        assert!(!account.owe(1));
        account.paid(UNREAD_MAX + 2);
        assert!(account.owe(1) && account.owe(UNREAD_MAX - 1) && !account.owe(1));
    }
}
