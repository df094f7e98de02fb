//! A clean leave is noticed at once; with `remove` the votes go along.

use anyhow::{Result, ensure};
use cman_e2e::{
    attempt::expect_nothing_left,
    cases::{Scale, Stage, leave, leave::GIVES_UP},
    cluster::now_ns,
    figure::check_all,
    turn, warnings,
};
use std::{thread::sleep, time::Duration};

fn of_four(coordinator: bool, remove: bool) -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&leave::leave(&Scale::short(), 4, coordinator, remove)?)
}

#[test]
fn a_member_leaves() -> Result<()> {
    of_four(false, false)
}

#[test]
fn the_coordinator_leaves() -> Result<()> {
    of_four(true, false)
}

#[test]
fn a_member_leaves_with_remove() -> Result<()> {
    of_four(false, true)
}

#[test]
fn the_coordinator_leaves_with_remove() -> Result<()> {
    of_four(true, true)
}

/// How long a daemon may take from the request to its end, also on a busy machine: it waits half a
/// second for clients to read the news, and for a slow disk.
const ENDED_MAX: Duration = Duration::from_secs(5);

/// A node sleeps for so long that it is put out, wakes, and is told to leave: at once, or when it
/// has just found back.
fn sleeper_leaves(coordinator: bool, awake: Duration) -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::new(&Scale::short(), 3)?;
    let ranked = stage.by_rank()?;
    let sleeper = if coordinator { ranked.first() } else { ranked.last() };
    let sleeper = sleeper.copied().unwrap_or(1);
    let others = stage.others(&[sleeper]);
    stage.cluster.node(sleeper)?.pause()?;
    sleep(Duration::from_secs(10));

    stage.cluster.node(sleeper)?.resume()?;
    sleep(awake);
    let since = now_ns();
    stage.cluster.node(sleeper)?.tool_prints(&["leave"])?;
    let ended = stage.cluster.node_mut(sleeper)?.wait_exit(ENDED_MAX)?;
    ensure!(ended.code() == Some(0), "it ended with {ended}");
    expect_nothing_left(&stage.cluster.node(sleeper)?.run_dir())?;
    // What it lost while it slept is no surprise.
    warnings::expect_only(&stage.cluster, &[sleeper], &["quorum lost", GIVES_UP])?;

    // The others are a cluster without it, and not because it fell silent again.
    stage.cluster.wait_formed(&others, Scale::short().tokens(5.0))?;
    sleep(Scale::short().tokens(1.5));
    let quorum = stage.watch.most_changes(&others, since)?.quorum;
    ensure!(quorum == 0, "the others changed quorum {quorum} times");
    for &other in &others {
        let last = stage.watch.views(other, since)?.pop().map(|view| view.fields);
        let why = last.map(|view| view["reasons"][0]["reason"].to_string());
        ensure!(why.is_none_or(|why| why == "\"left\""), "node {other} says that it fell silent");
    }
    warnings::expect_only(&stage.cluster, &others, &[])
}

#[test]
fn a_member_leaves_the_moment_it_wakes() -> Result<()> {
    sleeper_leaves(false, Duration::ZERO)
}

#[test]
fn the_coordinator_leaves_the_moment_it_wakes() -> Result<()> {
    sleeper_leaves(true, Duration::ZERO)
}

#[test]
fn a_member_leaves_soon_after_it_woke() -> Result<()> {
    sleeper_leaves(false, Duration::from_millis(200))
}
