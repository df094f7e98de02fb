//! Own messages on their way to the wire.

use crate::limits::{MESSAGE_BYTES_MAX, MESSAGE_OVERHEAD, QUEUE_BYTES_MAX};
use bytes::Bytes;
use core::fmt;
use std::collections::VecDeque;

/// What a client says.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Message {
    /// Any bytes, also none; at most [`MESSAGE_BYTES_MAX`].
    pub payload: Bytes,
    /// Whether it is to be delivered only when all members hold it.
    pub safe: bool,
}

/// Why a message was not taken. Nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refused {
    /// Too much waits already: [`Queue::reopened`] says when to try again. R-45m.
    Full,
    /// It is longer than [`MESSAGE_BYTES_MAX`]: no use in trying again.
    TooLong,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("too many messages wait to be sent; try again later"),
            Self::TooLong => write!(f, "a message has at most {MESSAGE_BYTES_MAX} bytes"),
        }
    }
}

impl core::error::Error for Refused {}

/// Messages of this node that are not, or not wholly, on the wire. Outlives views. R-40m.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Queue {
    messages: VecDeque<Message>,
    bytes: usize,
    /// Somebody was told that it is full, and not yet that it is open again.
    refusing: bool,
}

impl Queue {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a message: it will be delivered here in some view, in the order of these calls.
    ///
    /// # Errors
    /// [`Refused`] if it would not fit, or is too long; then it was not taken.
    pub fn push(&mut self, message: Message) -> Result<(), Refused> {
        if message.payload.len() > MESSAGE_BYTES_MAX {
            return Err(Refused::TooLong);
        }
        let more = charge(&message);
        if !self.messages.is_empty() && self.bytes + more > QUEUE_BYTES_MAX {
            self.refusing = true;
            return Err(Refused::Full);
        }
        self.bytes += more;
        self.messages.push_back(message);
        Ok(())
    }

    /// Takes a message that must not be refused: few and small ones, of the services.
    pub fn push_always(&mut self, message: Message) {
        self.bytes += charge(&message);
        self.messages.push_back(message);
    }

    /// The same, before everything but the first `behind` messages.
    pub(crate) fn insert(&mut self, behind: usize, message: Message) {
        self.bytes += charge(&message);
        self.messages.insert(behind.min(self.messages.len()), message);
    }

    /// Whether a message would be taken that is not too long; if not, it is said later that there
    /// is room again.
    pub fn has_room(&mut self) -> bool {
        let room = self.messages.is_empty() || self.bytes < QUEUE_BYTES_MAX;
        self.refusing |= !room;
        room
    }

    /// Whether less than half of it is in use, after a message was refused. Says so once.
    pub fn reopened(&mut self) -> bool {
        let reopened = self.refusing && self.bytes < QUEUE_BYTES_MAX / 2;
        self.refusing &= !reopened;
        reopened
    }

    /// Whether a message was refused, and it has not reopened since.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.refusing
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How many messages wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// How much waits, in bytes, with something for the keeping of each message.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn payload_bytes(&self) -> usize {
        self.bytes - self.messages.len() * MESSAGE_OVERHEAD
    }

    pub(crate) fn front(&self) -> Option<&Message> {
        self.messages.front()
    }

    pub(crate) fn pop(&mut self) {
        if let Some(message) = self.messages.pop_front() {
            self.bytes -= charge(&message);
        }
    }
}

fn charge(message: &Message) -> usize {
    message.payload.len() + MESSAGE_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(size: usize) -> Message {
        Message { payload: Bytes::from(vec![7; size]), safe: false }
    }

    /// R-45m: full is said, not felt; and taken back once, when there is room for a while.
    #[test]
    fn full_then_open_once() {
        let mut queue = Queue::new();
        while queue.push(message(1 << 20)) == Ok(()) {}
        assert_eq!((queue.len(), queue.is_full(), queue.reopened()), (7, true, false));
        while queue.bytes() >= QUEUE_BYTES_MAX / 2 {
            assert!(!queue.reopened());
            queue.pop();
        }
        assert!(queue.reopened() && !queue.reopened() && !queue.is_full());
    }

    #[test]
    fn one_message_always_fits() {
        let mut queue = Queue::new();
        assert_eq!(queue.push(message(MESSAGE_BYTES_MAX + 1)), Err(Refused::TooLong));
        assert_eq!(queue.push(message(MESSAGE_BYTES_MAX)), Ok(()));
        assert_eq!(queue.push(message(0)), Err(Refused::Full));
    }

    #[test]
    fn empty_messages_are_not_free() {
        let mut queue = Queue::new();
        while queue.push(message(0)) == Ok(()) {}
        assert_eq!(queue.len(), QUEUE_BYTES_MAX / MESSAGE_OVERHEAD);
    }
}
