//! Who subscribed to events. A client that does not take them is let go, as the only victim.

use crate::outlet::{Outlet, State};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All subscribers.
#[derive(Debug, Default)]
pub(crate) struct Hub(Mutex<Vec<Arc<Outlet>>>);

impl Hub {
    /// A new subscriber. A second subscription would only say everything twice.
    pub(crate) fn subscribe(&self, outlet: &Arc<Outlet>) {
        if !self.has(outlet) {
            self.lock().push(outlet.clone());
        }
    }

    /// Whether it is a subscriber.
    pub(crate) fn has(&self, outlet: &Arc<Outlet>) -> bool {
        self.lock().iter().any(|one| Arc::ptr_eq(one, outlet))
    }

    /// Passes an encoded event to everybody. Those who have no room for it are let go.
    pub(crate) fn publish(&self, event: &[u8]) {
        self.lock().retain(|subscriber| {
            subscriber.put(event);
            subscriber.state() == State::Open
        });
    }

    /// Lets go of everybody: they missed something and must ask again.
    pub(crate) fn drop_all(&self) {
        for subscriber in self.lock().drain(..) {
            subscriber.cut();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Outlet>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_slow_one_is_let_go() {
        let hub = Hub::default();
        let (slow, quick) = (Outlet::new(), Outlet::new());
        for outlet in [&slow, &quick] {
            hub.subscribe(outlet);
            hub.subscribe(outlet);
        }
        let event = [7; 64 << 10];
        let mut published = 0;
        while slow.state() == State::Open {
            hub.publish(&event);
            published += 1;
            assert_eq!(quick.take().concat().len(), event.len(), "once, whoever subscribes twice");
        }
        assert!(published > 16);
        assert_eq!((hub.has(&slow), hub.has(&quick)), (false, true));
        assert!(slow.take().concat().len() < event.len(), "only why it is let go");
        hub.drop_all();
        assert_eq!((quick.state(), hub.has(&quick)), (State::Cut, false));
    }
}
