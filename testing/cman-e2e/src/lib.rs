//! Real daemons in network namespaces: the laboratory of the end-to-end tests and the sandbox.
//!
//! Everything here is made by the lab that uses it and removed by it: namespaces, processes and
//! directories. Addresses exist inside these namespaces only. Needs root, `iproute2` and
//! `nftables`; several labs run side by side.
//!
//! | module | what |
//! |---|---|
//! | [`command`] | running a program and saying what went wrong |
//! | [`lab`] | namespaces on one bridge, their counters and their faults |
//! | `address` | the addresses of the nodes of a lab, and who knows whose |
//! | [`faults`] | which frames the bridge drops, as one nftables transaction |
//! | [`conf`] | the `cluster.conf` and the key of a test cluster |
//! | [`node`] | one daemon: start, kill, stop, what its tools print |
//! | [`cluster`] | a lab with a daemon on each node, and bounded waiting |
//! | [`c_programs`] | programs in C, with the C libraries |
//! | [`load`] | `cman_bench` on the nodes, and what it saw |
//! | [`ordered`] | members that remember all they saw, and what must hold of that |
//! | [`report`] | what `cman_tool --json` prints, as types |
//! | [`events`] | the stream of `cman_tool events --json`, gathered in the background |
//! | [`watch`] | the streams of several nodes, and what changed in them |
//! | [`attempt`] | programs that are expected to fail, and to say why |
//! | [`warnings`] | what daemons complain of in their logs |
//! | [`lease`] | until when a node says that it may act |
//! | [`history`] | what daemons told over time, held against what must always be true |
//! | [`random`] | numbers that look random |
//! | [`built`] | the programs under test, brought up to date |
//! | [`turn`] | tests take turns |
//! | [`cases`] | the rows of the table of promises |
//! | [`rows`] | the table itself |
//! | [`figure`] | a measured number and its bound |
//! | [`cost`] | what daemons cost while they run |
//! | [`corosync`] | corosync in the same lab, for comparison |
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use cman_e2e::{cluster::Cluster, conf::Conf};
//! use std::time::Duration;
//!
//! let mut cluster = Cluster::new(&Conf::new(3))?;
//! cluster.start_all()?;
//! cluster.wait_formed(&[1, 2, 3], Duration::from_secs(6))?;
//! cluster.lab_mut().one_way(1, 2)?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod address;
pub mod attempt;
pub mod built;
pub mod c_programs;
pub mod cases;
pub mod cluster;
pub mod command;
pub mod conf;
pub mod corosync;
pub mod cost;
pub mod events;
pub mod faults;
pub mod figure;
pub mod history;
pub mod lab;
pub mod lease;
pub mod load;
pub mod node;
pub mod ordered;
pub mod random;
pub mod report;
pub mod rows;
pub mod turn;
pub mod warnings;
pub mod watch;
