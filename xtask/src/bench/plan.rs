//! What is asked for.

use clap::{ValueEnum, builder::RangedU64ValueParser, value_parser};
use std::path::PathBuf;

/// Kinds of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// Messages a second at the slowest receiver
    Throughput,
    /// From sending a message to having it, at 100 a second
    Latency,
    /// From kill -9 of one node to the new membership at all others
    Failover,
    /// The network by itself
    Wire,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Senders {
    /// One node
    One,
    /// All nodes at once
    All,
}

/// What `cargo xtask bench peer` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    /// What to measure
    #[arg(long, value_delimiter = ',', value_name = "ROW,...")]
    #[arg(default_value = "throughput,latency,failover,wire")]
    pub(crate) rows: Vec<Row>,
    /// With how many nodes (2 to 64)
    #[arg(long, value_delimiter = ',', default_value = "3,8", value_name = "N,...")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(2..=64))]
    pub(crate) nodes: Vec<usize>,
    /// Throughput: with messages of how many bytes (16 to 1000000)
    #[arg(long, value_delimiter = ',', default_value = "64,1024,65536", value_name = "BYTES,...")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(16..=1_000_000))]
    pub(crate) sizes: Vec<usize>,
    /// Throughput: who sends
    #[arg(long, value_delimiter = ',', default_value = "one,all")]
    pub(crate) senders: Vec<Senders>,
    /// Throughput: for how many seconds (1 to 10)
    #[arg(long, default_value_t = 2, value_parser = value_parser!(u32).range(1..=10))]
    pub(crate) seconds: u32,
    /// Latency: how many messages (100 to 10000)
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u32).range(100..=10_000))]
    pub(crate) messages: u32,
    /// How often; the medians count
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u32).range(1..=100))]
    pub(crate) repeat: u32,
    /// Write all values to this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// A load on a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// As many messages as are taken.
    Flood { size: usize, senders: Senders, seconds: u32 },
    /// So many small messages from one node, 100 a second.
    Pace { messages: u32 },
}

/// Bytes of the messages whose latency is measured.
pub(crate) const PACED_SIZE: usize = 64;

/// Their number a second.
pub(crate) const PACED_RATE: u32 = 100;

impl Plan {
    /// Whether these rows are wanted.
    pub(crate) fn wants(&self, row: Row) -> bool {
        self.rows.contains(&row)
    }

    /// All loads that a cluster gets, in turn.
    pub(crate) fn loads(&self) -> Vec<Load> {
        let mut loads = Vec::new();
        if self.wants(Row::Throughput) {
            for &size in &self.sizes {
                for &senders in &self.senders {
                    loads.push(Load::Flood { size, senders, seconds: self.seconds });
                }
            }
        }
        if self.wants(Row::Latency) {
            // First: a cluster that was just under full load may not have come to rest.
            loads.insert(0, Load::Pace { messages: self.messages });
        }
        loads
    }
}
