//! Ordered messages while things break: every message once, in one order, or an honest word.

use anyhow::{Context, Result, ensure};
use cman_client::groups::Reason;
use cman_e2e::{
    built,
    cases::{Scale, hold_back, one_bad_path, slow, soak},
    cluster::Cluster,
    conf::Conf,
    figure::check_all,
    load::start,
    ordered::{Life, Load, Residents, check},
    turn,
};
use std::{env, thread::sleep, time::Duration};

/// Within this what was broken is whole again.
const WHOLE_MAX: Duration = Duration::from_secs(90);
/// Small messages from everybody, all the time.
const LOAD: Load = Load { rate: 100, size: Some(64) };

fn formed(nodes: usize) -> Result<Cluster> {
    let mut cluster = built::cluster(&Conf::new(nodes).token(1000))?;
    cluster.start_all()?;
    let all: Vec<_> = (1..=nodes).collect();
    cluster.wait_formed(&all, WHOLE_MAX)?;
    Ok(cluster)
}

/// The reasons for which others went out of the group, as the life on a node saw it that lasted.
fn reasons_on(lives: &[Life], node: u32) -> Result<(Vec<Reason>, Vec<Reason>)> {
    let mut lasting = lives.iter().filter(|life| life.ended.is_none());
    let life = lasting.find(|life| life.me.node.get() == node).context("nobody lasted")?;
    let left = life.left().map(|(_, reason)| reason).collect();
    Ok((left, life.joined().map(|(_, reason)| reason).collect()))
}

#[test]
fn the_group_says_who_died_and_how() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed(3)?;
    let residents = Residents::start(&cluster, LOAD, 0, WHOLE_MAX)?;
    let words = "receive --group ordered --count 1000000 --members 4";
    let killed = start(cluster.node(2)?, words)?;
    cluster.wait_until("four in the group", WHOLE_MAX, |_| Ok(residents.on(1)?.members() == 4))?;
    killed.kill()?;
    residents.wait_together(&cluster, WHOLE_MAX)?;

    cluster.node_mut(3)?.kill()?;
    cluster.wait_until("two in the group", WHOLE_MAX, |_| Ok(residents.on(1)?.members() == 2))?;
    cluster.node_mut(3)?.start()?;
    residents.wait_together(&cluster, WHOLE_MAX)?;

    let lives = residents.settle(&cluster, WHOLE_MAX)?;
    check(&lives)?;
    let (left, _) = reasons_on(&lives, 1)?;
    ensure!(left == [Reason::ProcessDown, Reason::NodeDown], "{left:?}");
    ensure!(reasons_on(&lives, 2)?.0 == left, "node 2 saw something else");
    Ok(())
}

#[test]
fn both_sides_of_a_partition_merge_their_groups() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed(3)?;
    let residents = Residents::start(&cluster, LOAD, 0, WHOLE_MAX)?;
    cluster.lab_mut().partition(&[&[1], &[2, 3]])?;
    cluster.wait_until("two groups", WHOLE_MAX, |_| {
        Ok(residents.on(1)?.members() == 1 && residents.on(2)?.members() == 2)
    })?;
    sleep(Duration::from_secs(1));
    cluster.lab_mut().heal()?;
    residents.wait_together(&cluster, WHOLE_MAX)?;
    let lives = residents.settle(&cluster, WHOLE_MAX)?;
    ensure!(lives.len() == 3, "a member was let go: {} lives", lives.len());
    check(&lives)?;
    for (node, others) in [(1, 2), (2, 1), (3, 1)] {
        let (left, joined) = reasons_on(&lives, node)?;
        let (down, up) = (Reason::NodeDown, Reason::NodeUp);
        ensure!(left == vec![down; others], "node {node} saw {left:?}");
        let came = joined.iter().filter(|reason| **reason == up).count();
        ensure!(came == others, "node {node} saw {joined:?}");
    }
    Ok(())
}

#[test]
fn one_bad_path_does_not_stop_the_work() -> Result<()> {
    let _turn = turn::shared()?;
    let long = env::var_os("CMAN_LONG").is_some();
    let fault = Duration::from_secs(if long { 60 } else { 5 });
    check_all(&one_bad_path::one_bad_path(&Scale { fault, ..Scale::short() })?)
}

#[test]
fn a_member_that_sleeps_for_half_a_token() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&slow::member_stopped(&Scale::short())?)
}

#[test]
fn the_coordinator_sleeps_for_half_a_token() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&slow::coordinator_stopped(&Scale::short())?)
}

/// 20 MB/s of all together: `CMAN_LONG=1`; a fifth of it otherwise.
fn much() -> Load {
    if env::var_os("CMAN_LONG").is_some() { hold_back::FAST } else { hold_back::SLOW }
}

#[test]
fn a_member_that_sleeps_holds_nobody_back() -> Result<()> {
    let _turn = turn::alone()?;
    check_all(&hold_back::member_stopped(&Scale::short(), much())?)
}

#[test]
fn who_falls_behind_the_repair_buffer_is_put_out_for_it() -> Result<()> {
    let _turn = turn::alone()?;
    check_all(&hold_back::member_left_behind(&Scale::short(), hold_back::FAST)?)
}

#[test]
fn a_client_that_stops_reading_goes_alone() -> Result<()> {
    let _turn = turn::alone()?;
    check_all(&hold_back::client_stopped(&Scale::short(), hold_back::FAST)?)
}

/// Ten minutes of it: `CMAN_SOAK_SECONDS=600`; another schedule: `CMAN_SOAK_SEED=7`.
#[test]
fn everything_breaks_and_nothing_is_lost() -> Result<()> {
    let _turn = turn::shared()?;
    let number = |name: &str, otherwise: u64| {
        env::var(name).map_or(Ok(otherwise), |text| text.parse().with_context(|| name.to_owned()))
    };
    let (seed, seconds) = (number("CMAN_SOAK_SEED", 1)?, number("CMAN_SOAK_SECONDS", 25)?);
    let length = Duration::from_secs(seconds);
    let figures = soak::soak(&Scale::short(), seed, length).with_context(|| {
        format!(
            "seed {seed}; again with\nCMAN_SOAK_SEED={seed} CMAN_SOAK_SECONDS={seconds} \
             cargo test -p cman-e2e --test small everything_breaks"
        )
    })?;
    check_all(&figures)
}
