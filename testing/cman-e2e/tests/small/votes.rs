//! Votes that are changed while the cluster runs, and quorum devices.

use anyhow::{Context, Result, bail, ensure};
use cman_client::{
    Error, Socket,
    calls::Calls,
    ipc::{ClassicRequest, ErrorCode, Reply, Request},
};
use cman_e2e::{attempt::expect_words, built, cluster::Cluster, conf::Conf, turn};
use std::{thread::sleep, time::Duration};

/// How long anything may take here.
const SOON: Duration = Duration::from_secs(30);

/// A fast cluster: nothing here is about the default token.
const TOKEN_MS: u64 = 500;

/// How often the device of these clusters must be polled.
const POLL: Duration = Duration::from_millis(1000);

/// Votes here, expected, and needed, as a node says.
fn counted(cluster: &Cluster, number: usize) -> Result<(u32, u32, u32)> {
    let quorum = cluster.node(number)?.status()?.quorum;
    Ok((quorum.votes, quorum.expected_votes, quorum.needed))
}

fn quorate(cluster: &Cluster, number: usize) -> Result<bool> {
    Ok(cluster.node(number)?.status()?.quorum.quorate)
}

/// The tool refuses that, with these words.
fn refused(cluster: &Cluster, number: usize, arguments: &[&str], words: &[&str]) -> Result<()> {
    let output = cluster.node(number)?.tool(arguments)?;
    ensure!(output.status.code() == Some(1), "{arguments:?} ended with {}", output.status);
    expect_words(&String::from_utf8_lossy(&output.stderr), words)
}

#[test]
fn votes_change_for_all_at_once_and_nonsense_is_refused() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Conf::new(3).token(TOKEN_MS))?;
    cluster.start_all()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;

    cluster.node(2)?.tool_prints(&["votes", "-v", "3", "-n", "n1"])?;
    ensure!(counted(&cluster, 2)? == (5, 5, 3), "{:?}", counted(&cluster, 2)?);
    cluster.wait_until("the same on all nodes", SOON, |cluster| {
        Ok([1, 2, 3].iter().all(|&n| counted(cluster, n).ok() == Some((5, 5, 3))))
    })?;
    cluster.node(3)?.tool_prints(&["-e", "7", "expected"])?;
    ensure!(counted(&cluster, 3)? == (5, 7, 4), "{:?}", counted(&cluster, 3)?);

    refused(&cluster, 1, &["expected", "-e", "0"], &["0 votes"])?;
    refused(&cluster, 1, &["expected", "-e", "10"], &["6 votes", "5 are here"])?;
    refused(&cluster, 1, &["votes", "-v", "0"], &["0 votes"])?;
    refused(&cluster, 1, &["votes", "-v", "1", "-n", "n9"], &["no node n9"])?;
    ensure!(counted(&cluster, 1)? == (5, 7, 4), "{:?}", counted(&cluster, 1)?);

    // Who restarts learns it from the others; who is away has no votes that can be changed.
    cluster.node_mut(3)?.kill()?;
    cluster.wait_until("a view without node 3", SOON, |cluster| Ok(counted(cluster, 1)?.0 == 4))?;
    ensure!(quorate(&cluster, 1)?, "four of seven votes are not enough\n{}", cluster.log_tails());
    refused(&cluster, 1, &["votes", "-v", "2", "-n", "n3"], &["not a member"])?;
    cluster.node_mut(3)?.start()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    ensure!(counted(&cluster, 3)? == (5, 7, 4), "{:?}", counted(&cluster, 3)?);
    expect_words(
        &cluster.node(1)?.log(),
        &["node 1 has 3 votes from now on", "7 votes are expected"],
    )
}

#[test]
fn an_administrator_lowers_what_is_expected_of_those_who_are_left() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Conf::new(3).token(TOKEN_MS))?;
    cluster.start_all()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    cluster.kill_together(&[2, 3])?;
    cluster.wait_until("node 1 alone", SOON, |cluster| Ok(counted(cluster, 1)?.0 == 1))?;
    ensure!(!quorate(&cluster, 1)?, "one of three is quorate");
    refused(&cluster, 1, &["votes", "-v", "3"], &["without quorum"])?;
    cluster.node(1)?.tool_prints(&["expected", "-e", "1"])?;
    cluster.wait_until("quorum as told", SOON, |cluster| quorate(cluster, 1))?;
    ensure!(counted(&cluster, 1)? == (1, 1, 1), "{:?}", counted(&cluster, 1)?);
    Ok(())
}

/// The daemon's answer to a request.
fn ask(cluster: &Cluster, number: usize, request: ClassicRequest) -> Result<Reply, Error> {
    let node = cluster.node(number).map_err(|_| Error::Unexpected)?;
    let calls = Calls::open(&node.run_dir(), Socket::Admin, "test")?;
    calls.ask(Request::Classic(request))
}

/// The code of a refusal.
fn code(answer: Result<Reply, Error>) -> Result<ErrorCode> {
    match answer {
        Err(Error::Refused(refusal)) => Ok(refusal.code),
        other => bail!("no refusal: {other:?}"),
    }
}

fn poll(cluster: &Cluster, available: bool) -> Result<()> {
    ask(cluster, 1, ClassicRequest::DevicePoll { available }).context("a poll")?;
    Ok(())
}

#[test]
fn a_device_keeps_one_of_two_quorate_until_nobody_polls_it() -> Result<()> {
    let _turn = turn::shared()?;
    let mut conf = Conf::new(2).token(TOKEN_MS);
    "expected_votes=\"3\" quorum_dev_poll=\"1000\"".clone_into(&mut conf.cman);
    let mut cluster = built::cluster(&conf)?;
    cluster.start_all()?;
    cluster.wait_formed(&[1, 2], SOON)?;

    let register =
        |name: &str| ClassicRequest::DeviceRegister { name: name.to_owned().into(), votes: 1 };
    ensure!(code(ask(&cluster, 1, ClassicRequest::DeviceGet))? == ErrorCode::NotFound, "none yet");
    ensure!(code(ask(&cluster, 1, register("n2")))? == ErrorCode::Already, "the name of a node");
    ask(&cluster, 1, register("disk"))?;
    ensure!(code(ask(&cluster, 1, register("other")))? == ErrorCode::Exists, "one a node");
    ensure!(counted(&cluster, 1)? == (2, 3, 2), "dead until polled: {:?}", counted(&cluster, 1)?);
    poll(&cluster, true)?;
    ensure!(counted(&cluster, 1)? == (3, 3, 2), "{:?}", counted(&cluster, 1)?);
    let unregister = ClassicRequest::DeviceUnregister;
    ensure!(code(ask(&cluster, 1, unregister))? == ErrorCode::Busy, "it lives");

    cluster.node_mut(2)?.kill()?;
    for _ in 0..16 {
        poll(&cluster, true)?;
        sleep(POLL / 4);
    }
    ensure!(quorate(&cluster, 1)?, "lost with a device\n{}", cluster.log_tails());
    ensure!(counted(&cluster, 1)? == (2, 3, 2), "{:?}", counted(&cluster, 1)?);
    let why = cluster.node(1)?.status()?.raw["quorum"]["why"].to_string();
    ensure!(why.contains("no promise of quorum covers"), "{why}");

    // Its program dies: it counts for two periods at most.
    sleep(POLL * 2 + POLL / 2);
    ensure!(!quorate(&cluster, 1)?, "quorate by a dead device\n{}", cluster.log_tails());
    expect_words(&cluster.node(1)?.log(), &["disk lives", "disk is dead", "not polled in time"])?;
    ask(&cluster, 1, ClassicRequest::DeviceUnregister)?;
    ensure!(code(ask(&cluster, 1, ClassicRequest::DeviceGet))? == ErrorCode::NotFound, "gone");
    Ok(())
}
