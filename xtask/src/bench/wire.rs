//! The network by itself.

use super::{
    programs::Programs,
    task::{Task, gather},
};
use crate::sandbox::interrupt::Interrupt;
use anyhow::{Context, Result};
use cman_e2e::lab::Lab;
use serde_json::Value;
use std::time::Duration;

/// Bytes of a datagram of ours that is full.
const DATAGRAM: &str = "1400";

/// Bytes of a datagram whose round trip is measured, and how many.
const PING: [&str; 2] = ["64", "5000"];

/// How long a measurement may take.
const BOUND: Duration = Duration::from_secs(20);

/// How long receivers get to start.
const HEAD_START: Duration = Duration::from_millis(200);

/// What the network of a lab can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire {
    /// Multicast datagrams a second at the slowest receiver.
    pub(crate) multicast: f64,
    /// Median round trip, in microseconds.
    pub(crate) p50_us: f64,
    /// 99 of 100 round trips do not exceed it, in microseconds.
    pub(crate) p99_us: f64,
}

/// Measures it with so many nodes, of which one sends for so many seconds.
pub(crate) fn measure(
    nodes: usize,
    seconds: u32,
    programs: &Programs,
    interrupt: &Interrupt,
) -> Result<Wire> {
    let lab = Lab::new(nodes)?;
    let start = |node: usize, verb: &str, words: &[&str]| {
        let mut command = lab.command(node, &programs.wire);
        command.arg(verb).arg(Lab::address(node)).args(words);
        Task::start(format!("node {node}: wire {verb}"), &mut command)
    };
    let mut tasks = Vec::new();
    for node in 2..=nodes {
        tasks.push(start(node, "receive", &[DATAGRAM])?);
    }
    interrupt.wait(HEAD_START);
    let sender = start(1, "send", &[DATAGRAM, &seconds.to_string()])?;
    let received = gather(tasks, BOUND, interrupt)?;
    gather(vec![sender], BOUND, interrupt)?;
    let rates: Option<Vec<_>> =
        received.iter().map(|one| one.get("per_second")?.as_f64()).collect();
    let slowest = rates.and_then(|rates| rates.into_iter().reduce(f64::min));

    let echo = start(2, "echo", &[])?;
    interrupt.wait(HEAD_START);
    let [size, count] = PING;
    let trips =
        gather(vec![start(1, "ping", &[&Lab::address(2), size, count])?], BOUND, interrupt)?;
    drop(echo);
    let trip = |what: &str| trips.first()?.get(what).and_then(Value::as_f64);
    Ok(Wire {
        multicast: slowest.context("a receiver told no rate")?,
        p50_us: trip("p50_us").context("no p50_us")?,
        p99_us: trip("p99_us").context("no p99_us")?,
    })
}
