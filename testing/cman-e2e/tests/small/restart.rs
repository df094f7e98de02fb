//! A daemon that is killed and started again at once replaces its own former life.

use anyhow::{Result, ensure};
use cman_e2e::{
    cases::{Scale, Stage, restart},
    cluster::now_ns,
    figure::check_all,
    turn,
    watch::Changes,
};
use std::time::Duration;

/// How long a daemon may take to end.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_member() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&restart::at_once(&Scale::short(), 3, false)?)
}

#[test]
fn the_coordinator() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&restart::at_once(&Scale::short(), 3, true)?)
}

#[test]
fn one_after_the_other_without_anybody_noticing() -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::new(&Scale::short(), 3)?;
    for number in 1..=3 {
        let others = stage.others(&[number]);
        let since = now_ns();
        stage.cluster.node_mut(number)?.stop(SOON)?;
        stage.restore(&[number])?;
        let changes = stage.watch.most_changes(&others, since)?;
        ensure!(changes == Changes { views: 2, quorum: 0 }, "node {number} restarted: {changes:?}");
    }
    Ok(())
}

#[test]
fn all_at_once_after_a_power_cut() -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::new(&Scale::short(), 3)?;
    let epoch = |stage: &Stage| -> Result<Option<u64>> {
        Ok(stage.cluster.node(1)?.status()?.view.map(|view| view.epoch))
    };
    let before = epoch(&stage)?;
    let all = stage.all.clone();
    stage.cluster.kill_together(&all)?;
    stage.restore(&all)?;
    ensure!(epoch(&stage)? > before, "the epoch went from {before:?} to {:?}", epoch(&stage)?);
    Ok(())
}
