//! A number for a history: two members have the same one exactly when they saw the same messages
//! and the same changes of the group between them, in the same order.
//!
//! It begins with the first change at which enough members are in the group, and ends with the
//! last message: what changes behind it is not counted, since members end at different times.

use cman_client::{
    groups::{Process, Reason},
    ipc::{GroupConfig, GroupMessage},
};

/// An odd number without a pattern: the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// What stands before a message, and before a change.
const MESSAGE: u64 = 1;
const CHANGE: u64 = 2;

/// The history up to now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct OrderHash {
    state: u64,
    /// As it was after the last message.
    at_message: u64,
}

impl OrderHash {
    /// A message came.
    pub(crate) fn message(&mut self, message: &GroupMessage) {
        self.word(MESSAGE);
        self.word(message.sender.node.get().into());
        self.word(message.incarnation.0);
        self.word(message.number);
        self.word(of_bytes(&message.payload));
        self.at_message = self.state;
    }

    /// The group changed.
    pub(crate) fn change(&mut self, config: &GroupConfig) {
        self.word(CHANGE);
        self.count(config.members.len());
        for member in &config.members {
            self.process(*member);
        }
        for changes in [&config.left, &config.joined] {
            self.count(changes.len());
            for (process, reason) in changes {
                self.process(*process);
                self.word(match reason {
                    Reason::Join => 1,
                    Reason::Leave => 2,
                    Reason::NodeDown => 3,
                    Reason::NodeUp => 4,
                    Reason::ProcessDown => 5,
                });
            }
        }
    }

    /// The number, as text.
    pub(crate) fn text(self) -> String {
        format!("{:016x}", self.at_message)
    }

    fn process(&mut self, process: Process) {
        self.word(process.node.get().into());
        self.word(process.pid.into());
    }

    fn count(&mut self, count: usize) {
        self.word(u64::try_from(count).unwrap_or(u64::MAX));
    }

    const fn word(&mut self, word: u64) {
        self.state = mix(self.state, word);
    }
}

/// A number for some bytes. Four chains, so that the processor need not wait for one: that it costs
/// little beside what is measured.
pub(crate) fn of_bytes(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks();
    let (rows, single) = words.as_chunks();
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let chains = rows.iter().fold([1, 2, 3, 4], |[a, b, c, d], [e, f, g, h]: &[_; 4]| {
        [mix_word(a, e), mix_word(b, f), mix_word(c, g), mix_word(d, h)]
    });
    let state = chains.into_iter().fold(length, mix);
    let state = single.iter().fold(state, mix_word);
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    mix_word(state, &last)
}

const fn mix_word(state: u64, word: &[u8; 8]) -> u64 {
    mix(state, u64::from_le_bytes(*word))
}

/// Every bit of both changes about half of the bits, and the order counts.
const fn mix(state: u64, word: u64) -> u64 {
    let mixed = (state.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER);
    mixed ^ (mixed >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_client::groups::GroupName;
    use cman_types::{Incarnation, NodeId};

    fn message(node: u32, incarnation: u64, number: u64, payload: &'static str) -> GroupMessage {
        GroupMessage {
            group: GroupName::new(b"g").unwrap(),
            sender: Process { node: NodeId::new(node).unwrap(), pid: 9 },
            incarnation: Incarnation(incarnation),
            number,
            payload: payload.into(),
        }
    }

    fn change(pid: u32, reason: Reason) -> GroupConfig {
        let process = Process { node: NodeId::new(1).unwrap(), pid };
        GroupConfig {
            group: GroupName::new(b"g").unwrap(),
            members: vec![process],
            left: vec![],
            joined: vec![(process, reason)],
        }
    }

    fn of(history: &[Result<GroupMessage, GroupConfig>]) -> String {
        let mut hash = OrderHash::default();
        for event in history {
            match event {
                Ok(message) => hash.message(message),
                Err(config) => hash.change(config),
            }
        }
        hash.text()
    }

    #[test]
    fn every_part_of_a_history_and_its_order_count() {
        let m =
            |node, incarnation, number, payload| Ok(message(node, incarnation, number, payload));
        let c = |pid, reason| Err(change(pid, reason));
        let histories = [
            vec![],
            vec![m(1, 1, 1, "a")],
            vec![m(2, 1, 1, "a")],
            vec![m(1, 2, 1, "a")],
            vec![m(1, 1, 2, "a")],
            vec![m(1, 1, 1, "b")],
            vec![m(1, 1, 1, "a\0")],
            vec![m(1, 1, 1, "a"), m(2, 1, 1, "b")],
            vec![m(2, 1, 1, "b"), m(1, 1, 1, "a")],
            vec![c(1, Reason::Join), m(1, 1, 1, "a")],
            vec![c(2, Reason::Join), m(1, 1, 1, "a")],
            vec![c(1, Reason::NodeUp), m(1, 1, 1, "a")],
            vec![m(1, 1, 1, "a"), c(1, Reason::Join), m(1, 1, 2, "a")],
            vec![c(1, Reason::Join), m(1, 1, 1, "a"), m(1, 1, 2, "a")],
        ];
        let hashes: std::collections::BTreeSet<_> = histories.iter().map(|h| of(h)).collect();
        assert_eq!(hashes.len(), histories.len());
    }

    #[test]
    fn what_changes_behind_the_last_message_does_not_count() {
        let first = message(1, 1, 1, "a");
        let ended = of(&[Ok(first.clone()), Err(change(1, Reason::Join))]);
        assert_eq!(of(&[Ok(first)]), ended);
    }
}
