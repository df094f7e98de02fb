//! `libcman` as C programs use it, at real daemons.
//!
//! The programs are in `capi/libcman/tests`; here is where they run, and with whom. Each function
//! is called with success and with each documented error, plain, under AddressSanitizer and under
//! valgrind.

mod clients;
mod examples;
mod functions;
mod together;

use anyhow::Result;
use cman_e2e::{
    built,
    c_programs::{Program, Watched},
    cluster::Cluster,
    conf::Conf,
};
use std::time::Duration;

/// How long a program may take that mostly waits.
const BOUND: Duration = Duration::from_secs(120);

/// A cluster of so many nodes, of which all are up.
fn formed(nodes: usize) -> Result<Cluster> {
    formed_as(&Conf::new(nodes))
}

fn formed_as(conf: &Conf) -> Result<Cluster> {
    let mut cluster = built::cluster(conf)?;
    cluster.start_all()?;
    let all: Vec<_> = (1..=conf.nodes).collect();
    cluster.wait_formed(&all, Duration::from_secs(20))?;
    Ok(cluster)
}

/// Runs a test program at the first node.
fn at_first(cluster: &Cluster, watched: Watched, program: &str, arguments: &[&str]) -> Result<()> {
    let program = Program::compile(cluster, &format!("tests/{program}"), watched)?;
    program.succeeds(cluster.node(1)?, arguments, BOUND).map(drop)
}
