//! Who may act: two nodes, unequal votes, nodes that gave up their votes.

use anyhow::{Result, ensure};
use cman_e2e::{
    attempt::expect_words,
    built,
    cases::{Scale, Stage},
    cluster::{Cluster, now_ns},
    conf::Conf,
    turn,
};
use std::{thread::sleep, time::Duration};

/// How long anything may take here.
const SOON: Duration = Duration::from_secs(30);

/// How long daemons may take to end.
const ENDED: Duration = Duration::from_secs(10);

/// A fast cluster: nothing here is about the default token.
const TOKEN_MS: u64 = 500;

/// As long as somebody could need to claim what it must not claim.
const LONG_ENOUGH: Duration = Duration::from_secs(4);

fn quorate(cluster: &Cluster, number: usize) -> Result<bool> {
    Ok(cluster.node(number)?.status()?.quorum.quorate)
}

fn flags(cluster: &Cluster, number: usize) -> Result<String> {
    Ok(cluster.node(number)?.status()?.raw["quorum"]["flags"].to_string())
}

/// Waits until these nodes are in one view, and then a while: none may become quorate.
fn stay_inquorate(cluster: &Cluster, numbers: &[usize]) -> Result<()> {
    let members = cman_e2e::cluster::ids(numbers);
    cluster.wait_until(&format!("a view of {numbers:?}"), SOON, |cluster| {
        let view = cluster.node(numbers.first().copied().unwrap_or(1))?.status()?.view;
        Ok(view.is_some_and(|view| view.members == members))
    })?;
    sleep(LONG_ENOUGH);
    for &number in numbers {
        ensure!(!quorate(cluster, number)?, "node {number} claims quorum\n{}", cluster.log_tails());
    }
    Ok(())
}

#[test]
fn one_of_two_goes_on_but_does_not_begin_alone() -> Result<()> {
    let _turn = turn::shared()?;
    let mut conf = Conf::new(2).token(TOKEN_MS);
    "two_node=\"1\" expected_votes=\"1\"".clone_into(&mut conf.cman);
    let mut cluster = built::cluster(&conf)?;
    cluster.node_mut(1)?.start()?;
    cluster.wait_until("an answer", SOON, |cluster| Ok(cluster.node(1)?.status().is_ok()))?;
    stay_inquorate(&cluster, &[1])?;
    let told = flags(&cluster, 1)?;
    ensure!(told.contains("two_node") && told.contains("wait_for_all"), "its flags are {told}");
    let words = ["no quorum yet", "wait_for_all", "votes: 1 of", "must not act"];
    expect_words(&cluster.node(1)?.log(), &words)?;

    cluster.node_mut(2)?.start()?;
    cluster.wait_formed(&[1, 2], SOON)?;
    ensure!(!flags(&cluster, 1)?.contains("wait_for_all"), "it waits for what has come");
    let text = cluster.node(1)?.tool_prints(&["status"])?;
    ensure!(text.contains("\nFlags: 2node \n"), "the status is\n{text}");

    cluster.node_mut(2)?.kill()?;
    cluster.wait_formed(&[1], SOON)?;
    cluster.node_mut(2)?.start()?;
    cluster.wait_formed(&[1, 2], SOON)?;

    // Whoever begins anew begins with both.
    cluster.kill_together(&[1, 2])?;
    cluster.node_mut(2)?.start()?;
    cluster.wait_until("an answer", SOON, |cluster| Ok(cluster.node(2)?.status().is_ok()))?;
    stay_inquorate(&cluster, &[2])
}

#[test]
fn votes_count_not_heads() -> Result<()> {
    let _turn = turn::shared()?;
    let mut conf = Conf::new(3).token(TOKEN_MS);
    conf.votes.push((1, 3));
    let mut cluster = built::cluster(&conf)?;
    cluster.start_all()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    let quorum = cluster.node(2)?.status()?.quorum;
    ensure!(quorum.votes == 5 && quorum.expected_votes == 5 && quorum.needed == 3, "{quorum:?}");

    cluster.kill_together(&[2, 3])?;
    cluster.wait_formed(&[1], SOON)?;
    cluster.node_mut(2)?.start()?;
    cluster.node_mut(3)?.start()?;
    cluster.wait_formed(&[1, 2, 3], Duration::from_secs(90))?;
    cluster.node_mut(1)?.kill()?;
    stay_inquorate(&cluster, &[2, 3])
}

#[test]
fn who_left_with_its_votes_does_not_begin_without_those_who_stayed() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Conf::new(3).token(TOKEN_MS))?;
    cluster.start_all()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    for (leaver, stayers) in [(3, &[1, 2][..]), (2, &[1])] {
        cluster.node(leaver)?.tool_prints(&["leave", "remove"])?;
        cluster.node_mut(leaver)?.wait_exit(ENDED)?;
        cluster.wait_formed(stayers, SOON)?;
        let expected = usize::try_from(cluster.node(1)?.status()?.quorum.expected_votes)?;
        ensure!(expected == stayers.len(), "{expected} votes expected of {stayers:?}");
    }

    // Two of three by the configuration, but the third may still be acting somewhere.
    cluster.lab_mut().partition(&[&[1], &[2, 3]])?;
    cluster.node_mut(2)?.start()?;
    cluster.node_mut(3)?.start()?;
    stay_inquorate(&cluster, &[2, 3])?;
    ensure!(quorate(&cluster, 1)?, "node 1 lost its quorum for nothing");

    cluster.lab_mut().heal()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    let expected = cluster.node(1)?.status()?.quorum.expected_votes;
    ensure!(expected == 3, "{expected} votes expected of all three");
    Ok(())
}

#[test]
fn half_of_four_is_not_enough_for_either_side() -> Result<()> {
    let _turn = turn::shared()?;
    let scale = Scale { token_ms: Some(TOKEN_MS), ..Scale::short() };
    let mut stage = Stage::new(&scale, 4)?;
    let since = now_ns();
    stage.cluster.lab_mut().partition(&[&[1, 2], &[3, 4]])?;
    stage.watch.wait_inquorate(&stage.all, since, SOON)?;
    for side in [[1, 2], [3, 4]] {
        stage.watch.wait_view(&side, &side, since, SOON)?;
    }
    sleep(LONG_ENOUGH);
    for number in 1..=4 {
        ensure!(!quorate(&stage.cluster, number)?, "node {number} of a half claims quorum");
    }
    let healing = now_ns();
    stage.cluster.lab_mut().heal()?;
    stage.watch.wait_formed(&stage.all, &stage.all, healing, SOON)?;
    Ok(())
}
