//! What was delivered where, and what is promised about it.

use bytes::Bytes;
use cman_order::Delivery;
use cman_types::ViewId;

/// A message accepted from a client.
pub(crate) struct Accepted {
    pub(crate) payload: Bytes,
    pub(crate) safe: bool,
    /// In which view, and after how many deliveries of it at its sender.
    pub(crate) cause: (usize, usize),
}

/// When in the life of a view something was delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    Open,
    BeforeTransition,
    AfterTransition,
}

/// A delivered message: its place, its sender, which of its sender's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Item {
    pub(crate) number: u64,
    pub(crate) sender: usize,
    pub(crate) index: usize,
}

/// A view, and what its members delivered in it.
pub(crate) struct View {
    pub(crate) id: ViewId,
    /// The nodes, ascending.
    pub(crate) members: Vec<usize>,
    pub(crate) coordinator: usize,
    /// How many messages each member had delivered of its own before this view.
    pub(crate) starts: Vec<usize>,
    pub(crate) logs: Vec<Log>,
    /// The sequence of which all deliveries in the working view are prefixes.
    sequence: Vec<Item>,
    /// Safe deliveries before any transition.
    safe: Vec<Item>,
}

/// What one member delivered in a view.
#[derive(Clone, Default)]
pub(crate) struct Log {
    pub(crate) items: Vec<Item>,
    /// How many are a prefix of the view's sequence.
    prefix: usize,
    /// How many of each member's messages.
    of_sender: Vec<usize>,
    pub(crate) closed: bool,
}

impl View {
    pub(crate) fn new(
        id: ViewId,
        members: Vec<usize>,
        coordinator: usize,
        starts: Vec<usize>,
    ) -> Self {
        let log = Log { of_sender: vec![0; members.len()], ..Log::default() };
        let logs = vec![log; members.len()];
        Self { id, members, coordinator, starts, logs, sequence: vec![], safe: vec![] }
    }

    pub(crate) fn index_of(&self, node: usize) -> usize {
        self.members.binary_search(&node).unwrap()
    }

    /// A member delivers. `view`: which view this is; `accepted`: all messages of the sender.
    pub(crate) fn deliver(
        &mut self,
        view: usize,
        member: usize,
        delivery: &Delivery,
        when: When,
        accepted: &[Accepted],
    ) -> Item {
        let sender = usize::from(delivery.sender);
        let log = &mut self.logs[member];
        assert!(!log.closed, "delivered in a view that is over");
        // P3: of each sender what it sent in this view, from the first on, without a gap.
        let index = self.starts[sender] + log.of_sender[sender];
        log.of_sender[sender] += 1;
        let message = accepted.get(index).expect("P3: delivered what was not sent");
        assert!(message.payload == delivery.payload, "P3: not the sender's next message");
        assert_eq!(message.safe, delivery.safe);
        let item = Item { number: delivery.number, sender, index };
        // P5: all that its sender had delivered in this view before it was sent.
        let (cause_view, causes) = message.cause;
        if cause_view == view {
            assert!(causes <= log.prefix, "P5: {item:?} before its cause");
        }
        let place = log.items.len();
        log.items.push(item);
        if when != When::AfterTransition && place == self.sequence.len() {
            self.sequence.push(item);
        }
        let same = self.sequence.get(place) == Some(&item);
        // P1: one sequence, on all sides.
        assert!(same || when == When::AfterTransition, "P1: {item:?} at {place}");
        if same && log.prefix == place {
            log.prefix += 1;
        }
        if delivery.safe && when != When::AfterTransition {
            self.safe.push(item);
        }
        item
    }

    /// P4: what anybody delivered as safe, all deliver that live on.
    pub(crate) fn check_safe(&self) {
        for (member, log) in self.logs.iter().enumerate().filter(|(_, log)| log.closed) {
            for item in &self.safe {
                let place = log.items.iter().position(|other| other == item);
                assert!(place.is_some(), "P4: member {member} never delivered {item:?}");
            }
        }
    }
}
