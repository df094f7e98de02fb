//! Who subscribed to events. A client that does not take them is let go, as the only victim.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};

/// Events that may wait for one client.
const QUEUE_MAX: usize = 256;

/// An encoded event, the same bytes for everybody.
pub(crate) type EventBytes = Arc<[u8]>;

/// All subscribers.
#[derive(Debug, Default)]
pub(crate) struct Hub(Mutex<Vec<Subscriber>>);

#[derive(Debug)]
struct Subscriber {
    queue: mpsc::Sender<EventBytes>,
    /// Tells the conversation that it is over.
    dropped: Arc<Notify>,
}

/// One conversation's end of a subscription.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) events: mpsc::Receiver<EventBytes>,
}

impl Hub {
    /// A new subscriber that first gets `first`. `dropped` is notified when it was too slow.
    pub(crate) fn subscribe(
        &self,
        first: impl IntoIterator<Item = EventBytes>,
        dropped: Arc<Notify>,
    ) -> Subscription {
        let (queue, events) = mpsc::channel(QUEUE_MAX);
        for event in first {
            // The queue is empty and has room for many more.
            let _has_room = queue.try_send(event);
        }
        self.lock().push(Subscriber { queue, dropped });
        Subscription { events }
    }

    /// Passes an event to everybody, and lets go of those who have no room for it.
    pub(crate) fn publish(&self, event: &EventBytes) {
        self.lock().retain(|subscriber| {
            let taken = subscriber.queue.try_send(EventBytes::clone(event)).is_ok();
            if !taken {
                subscriber.dropped.notify_one();
            }
            taken
        });
    }

    /// Lets go of everybody: they missed something and must ask again.
    pub(crate) fn drop_all(&self) {
        for subscriber in self.lock().drain(..) {
            subscriber.dropped.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Subscriber>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    async fn is_notified(dropped: &Notify) -> bool {
        timeout(Duration::from_millis(10), dropped.notified()).await.is_ok()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_the_slow_one_is_let_go() {
        let hub = Hub::default();
        let (slow_end, quick_end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let first: EventBytes = [0].as_slice().into();
        let mut slow = hub.subscribe([first], slow_end.clone());
        let mut quick = hub.subscribe([], quick_end.clone());
        for number in 1..=u8::MAX {
            hub.publish(&[number].as_slice().into());
            assert_eq!(quick.events.recv().await.unwrap()[0], number);
        }
        assert!(!is_notified(&slow_end).await);
        hub.publish(&[7].as_slice().into());
        assert!(is_notified(&slow_end).await);
        assert!(!is_notified(&quick_end).await);
        assert_eq!(quick.events.recv().await.unwrap()[0], 7);
        assert_eq!(slow.events.recv().await.unwrap()[0], 0, "what was queued can still be read");
        hub.drop_all();
        assert!(is_notified(&quick_end).await);
    }
}
