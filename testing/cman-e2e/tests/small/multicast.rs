//! Where multicast does not pass, the cluster goes on by unicast and says so.

use anyhow::{Result, ensure};
use cman_e2e::{
    built,
    cases::{Scale, Stage},
    cluster::{Cluster, now_ns},
    turn,
    watch::Changes,
};
use std::{thread::sleep, time::Duration};

/// Everything a node says of itself that could name the trouble.
fn told(cluster: &Cluster, number: usize) -> Result<String> {
    let troubles = cluster.node(number)?.status()?.raw["path_troubles"].to_string();
    Ok(troubles.to_lowercase())
}

fn anybody_reports(cluster: &Cluster, numbers: &[usize]) -> Result<bool> {
    for &number in numbers {
        if told(cluster, number)?.contains("multicast") {
            return Ok(true);
        }
    }
    Ok(false)
}

#[test]
fn it_may_fail_for_one_or_for_all_and_come_back() -> Result<()> {
    let _turn = turn::shared()?;
    let scale = Scale::short();
    let mut stage = Stage::new(&scale, 3)?;
    ensure!(!anybody_reports(&stage.cluster, &stage.all)?, "trouble before there is any");
    let deaf = stage.ordinary()?.last().copied().unwrap_or(3);
    for blocked in [vec![deaf], stage.all.clone()] {
        let since = now_ns();
        for &number in &blocked {
            stage.cluster.lab_mut().block_multicast(number)?;
        }
        let all = stage.all.clone();
        let reported = Duration::from_secs(15);
        stage.cluster.wait_until("the trouble reported", reported, |cluster| {
            anybody_reports(cluster, &all)
        })?;
        sleep(scale.tokens(4.0));
        let changes = stage.watch.most_changes(&stage.all, since)?;
        ensure!(changes == Changes::default(), "{blocked:?} deaf to multicast: {changes:?}");
    }
    let since = now_ns();
    stage.cluster.lab_mut().heal()?;
    let all = stage.all.clone();
    stage.cluster.wait_until("the trouble over", Duration::from_secs(20), |cluster| {
        anybody_reports(cluster, &all).map(|reported| !reported)
    })?;
    ensure!(stage.watch.most_changes(&stage.all, since)? == Changes::default(), "it healed badly");
    Ok(())
}

#[test]
fn a_cluster_forms_without_it() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Scale::short().conf(3))?;
    for number in 1..=3 {
        cluster.lab_mut().block_multicast(number)?;
    }
    cluster.start_all()?;
    cluster.wait_formed(&[1, 2, 3], Duration::from_secs(20))?;
    cluster.wait_until("the trouble reported", Duration::from_secs(15), |cluster| {
        anybody_reports(cluster, &[1, 2, 3])
    })?;
    Ok(())
}

#[test]
fn udpu_needs_none_and_misses_none() -> Result<()> {
    let _turn = turn::shared()?;
    let mut conf = Scale::short().conf(3);
    "transport=\"udpu\"".clone_into(&mut conf.cman);
    let mut cluster = built::cluster(&conf)?;
    for number in 1..=3 {
        cluster.lab_mut().block_multicast(number)?;
    }
    cluster.start_all()?;
    cluster.wait_formed(&[1, 2, 3], Duration::from_secs(10))?;
    sleep(Duration::from_secs(3));
    ensure!(!anybody_reports(&cluster, &[1, 2, 3])?, "udpu misses multicast");
    let status = cluster.node(1)?.status()?;
    let multicast = &status.raw["links"][0]["multicast"];
    ensure!(multicast.is_null(), "udpu has the multicast address {multicast}");
    ensure!(status.is_formed(&[1, 2, 3]), "it fell apart: {:?}", status.view);
    Ok(())
}
