//! What can be measured, its unit, and what is wanted of it.

use super::plan::{Load, Senders};
use std::fmt;

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    /// Messages a second at the slowest receiver.
    Rate { nodes: usize, size: usize, senders: Senders },
    /// The latency that so many in a hundred do not exceed, at the slowest receiver.
    Latency { nodes: usize, percent: u8 },
    /// From kill -9 to the new membership at the last survivor.
    Failover { nodes: usize },
    /// Plain multicast datagrams a second at the slowest receiver.
    Multicast { nodes: usize },
    /// Round trip of one plain datagram.
    RoundTrip { nodes: usize, percent: u8 },
}

impl Figure {
    /// The figures that a load gives.
    pub(crate) fn of_load(nodes: usize, load: Load) -> Vec<Self> {
        match load {
            Load::Flood { size, senders, .. } => vec![Self::Rate { nodes, size, senders }],
            Load::Pace { .. } => [50, 99].map(|percent| Self::Latency { nodes, percent }).to_vec(),
        }
    }

    /// What its values count.
    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Rate { .. } | Self::Multicast { .. } => "1/s",
            Self::Latency { .. } | Self::RoundTrip { .. } => "us",
            Self::Failover { .. } => "ms",
        }
    }

    /// How many times as good as `theirs` a value of `ours` is.
    pub(crate) fn advantage(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::Rate { .. } | Self::Multicast { .. } => ours / theirs,
            Self::Latency { .. } | Self::RoundTrip { .. } | Self::Failover { .. } => theirs / ours,
        }
    }

    /// How many times as good as corosync we want to be.
    pub(crate) const fn wanted(self) -> Option<f64> {
        match self {
            Self::Rate { size: 64 | 1024, .. } | Self::Failover { nodes: 3 } => Some(3.0),
            Self::Rate { size: 65_536, .. } | Self::Latency { percent: 50, .. } => Some(2.0),
            _ => None,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate { nodes, size, senders } => {
                let who = match senders {
                    Senders::One => "one sender",
                    Senders::All => "all send",
                };
                write!(f, "{nodes} nodes, {size} B, {who}")
            }
            Self::Latency { nodes, percent } => write!(f, "{nodes} nodes, latency p{percent}"),
            Self::Failover { nodes } => write!(f, "{nodes} nodes, kill -9 to new membership"),
            Self::Multicast { nodes } => write!(f, "{nodes} nodes, multicast of 1400 B"),
            Self::RoundTrip { nodes, percent } => {
                write!(f, "{nodes} nodes, round trip of 64 B p{percent}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_messages_are_better_and_more_time_is_worse() {
        let rate = Figure::Rate { nodes: 3, size: 64, senders: Senders::All };
        assert!((rate.advantage(30.0, 10.0) - 3.0).abs() < 1e-9);
        let latency = Figure::Latency { nodes: 3, percent: 50 };
        assert!((latency.advantage(30.0, 60.0) - 2.0).abs() < 1e-9);
    }
}
