//! Many clients, dead ones, and deaf ones.

use super::*;
use anyhow::{Context, ensure};
use cman_e2e::turn;
use rustix::process::{Signal, kill_process};
use std::{thread::sleep, time::Instant};

/// Messages of 1492 bytes that are more than may wait for a client (PT-14).
const FLOOD: &str = "50000";

#[test]
fn a_thousand_handles_are_open_at_once() -> Result<()> {
    let _turn = turn::shared()?;
    at_first(&formed(1)?, Watched::No, "many", &["handles", "1000"])
}

#[test]
fn a_million_dispatches_take_no_memory() -> Result<()> {
    let _turn = turn::shared()?;
    at_first(&formed(1)?, Watched::No, "many", &["dispatches", "1000000"])
}

/// Whoever is killed leaves nothing behind: what it had can be had again at once.
#[test]
fn a_killed_client_leaves_nothing_behind() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = formed(1)?;
    let node = cluster.node(1)?;
    let chat = Program::compile(&cluster, "examples/chat", Watched::No)?;
    let waits = Program::compile(&cluster, "tests/barriers", Watched::No)?;
    for round in 0..20_u64 {
        let mut talker = chat.start(node, &[])?;
        let mut waiter = waits.start(node, &["left", "2"])?;
        // At any point: before it has connected, in the middle, and long after.
        if round >= 15 {
            waiter.wait_for("registered")?;
            talker.type_in("hello\n")?;
            talker.wait_for("n1: hello")?;
        } else {
            sleep(Duration::from_millis(round));
        }
        for running in [&talker, &waiter] {
            kill_process(running.pid().context("no such process")?, Signal::KILL)?;
        }
        drop((talker, waiter));
        let start = Instant::now();
        while status_of(node)? != (1, vec![0]) {
            ensure!(start.elapsed() < BOUND, "left behind: {:?}", status_of(node)?);
            sleep(Duration::from_millis(20));
        }
    }
    // The barrier of the dead can be made anew, for another number of nodes.
    let made = waits.succeeds(node, &["left", "1"], BOUND)?;
    ensure!(made.ends_with("0 \n"), "the barrier: {made}");
    Ok(())
}

/// How many clients the daemon counts, the one that asks included, and which ports are bound.
fn status_of(node: &cman_e2e::node::Node) -> Result<(u64, Vec<u64>)> {
    let status = node.tool_prints(&["status", "--json"])?;
    let status: serde_json::Value = serde_json::from_str(&status)?;
    let ports = status["ports_bound"].as_array().context("no ports")?;
    let ports = ports.iter().filter_map(serde_json::Value::as_u64).collect();
    Ok((status["active_subsystems"].as_u64().context("no clients")?, ports))
}

/// A client that does not read is let go, and nobody else notices.
#[test]
fn a_deaf_client_is_cut_off_alone() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = formed(1)?;
    let node = cluster.node(1)?;
    let deaf = Program::compile(&cluster, "tests/deaf", Watched::No)?;
    let mut deaf = deaf.start(node, &["200"])?;
    deaf.wait_for("ready")?;
    let flood = Program::compile(&cluster, "tests/flood", Watched::No)?;
    flood.succeeds(node, &["200", FLOOD], BOUND)?;
    at_first(&cluster, Watched::No, "data", &[])?;
    kill_process(deaf.pid().context("no such process")?, Signal::CONT)?;
    deaf.finish(BOUND).map(drop)
}
