//! Section 14: datagrams and wake-ups are bounded, whatever happens.

use cman_types::NodeId;

use crate::{
    clock::Real,
    violation::{Check, Violation},
};

/// Timers that may fire at one host within one instant before it counts as spinning.
const SAME_INSTANT_MAX: u32 = 64;

/// What one host did lately.
#[derive(Clone, Copy, Debug, Default)]
struct Effort {
    at: Real,
    in_this_instant: u32,
    window_began: Real,
    sent_in_window: u64,
    /// Datagrams that may be answered besides, because they had queued up.
    backlog: u64,
}

/// The efforts of all hosts.
#[derive(Debug, Default)]
pub struct Work {
    efforts: Vec<Effort>,
}

impl Work {
    /// The efforts of `hosts` hosts.
    #[must_use]
    pub fn new(hosts: usize) -> Self {
        Self { efforts: vec![Effort::default(); hosts] }
    }

    /// A timer of the host fires.
    pub fn timer(&mut self, now: Real, host: usize, node: NodeId) -> Check {
        let Some(effort) = self.efforts.get_mut(host) else {
            return Ok(());
        };
        if effort.at != now {
            effort.at = now;
            effort.in_this_instant = 0;
        }
        effort.in_this_instant += 1;
        if effort.in_this_instant <= SAME_INSTANT_MAX {
            return Ok(());
        }
        let what = format!("{SAME_INSTANT_MAX} timers in one instant");
        Err(Violation::new("bounded work", &[node], what))
    }

    /// A datagram reaches the host: it may have something to do at once, once more.
    pub fn input(&mut self, host: usize) {
        if let Some(effort) = self.efforts.get_mut(host) {
            effort.in_this_instant = 0;
        }
    }

    /// The host wakes from a stall with so many datagrams queued. Each may be answered.
    pub fn backlog(&mut self, host: usize, datagrams: u64) {
        if let Some(effort) = self.efforts.get_mut(host) {
            effort.backlog += datagrams;
        }
    }

    /// The host sends datagrams of the control lane: at most 400, and 300 for each node, in each
    /// window of one token.
    /// A view change costs 3 datagrams each way to each node (section 14), repeated every 40 ms
    /// to 60 ms at most: in a token of 2 s about 100 for each node, and as many again by relays.
    pub fn sends(
        &mut self,
        now: Real,
        token: Real,
        host: usize,
        node: NodeId,
        datagrams: u64,
    ) -> Check {
        let nodes = self.efforts.len() as u64;
        let Some(effort) = self.efforts.get_mut(host) else {
            return Ok(());
        };
        if now - effort.window_began > token {
            effort.window_began = now;
            effort.sent_in_window = 0;
            effort.backlog = 0;
        }
        effort.sent_in_window += datagrams;
        let bound = 400 + 300 * nodes + effort.backlog;
        if effort.sent_in_window <= bound {
            return Ok(());
        }
        let what =
            format!("{} datagrams within a token, at most {bound} allowed", effort.sent_in_window);
        Err(Violation::new("bounded work", &[node], what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::node;

    #[test]
    fn spinning_and_flooding_are_noticed() {
        let mut work = Work::new(3);
        for at in 0..1000 {
            assert!(work.timer(at, 0, node(1)).is_ok());
            assert!(work.sends(at * 1000, 1000, 0, node(1), 100).is_ok());
        }
        assert!((0..100).any(|_| work.timer(5000, 0, node(1)).is_err()));
        assert!((0..20).any(|_| work.sends(0, 1000, 1, node(2), 100).is_err()));
        work.backlog(2, 1_000_000);
        assert!((0..20).all(|_| work.sends(0, 1000, 2, node(3), 100).is_ok()));
    }
}
