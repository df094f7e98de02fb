//! `kill -9` and at once a new start.

use super::{Scale, Stage};
use crate::{
    cluster::{ids, now_ns},
    figure::Figure,
    watch::ms_between,
};
use anyhow::{Result, ensure};
use std::time::Duration;

/// From the new start to membership, in milliseconds.
const BACK_MS: f64 = 1000.0;

/// Most time between death and new start.
const GAP_MAX: Duration = Duration::from_millis(200);

/// A daemon is killed and started again within 200 ms; its old life is replaced at once.
pub fn at_once(scale: &Scale, nodes: usize, coordinator: bool) -> Result<Vec<Figure>> {
    let mut stage = Stage::new(scale, nodes)?;
    stage.watch.expect_quiet(&stage.all, scale.tokens(1.0))?;
    let ranked = stage.by_rank()?;
    let chosen = if coordinator { ranked.first() } else { ranked.last() };
    let victim = chosen.copied().unwrap_or(1);
    let others = stage.others(&[victim]);
    let old_life = stage.cluster.node(victim)?.status()?.raw["incarnation"].as_u64();

    let killed = now_ns();
    stage.cluster.node_mut(victim)?.kill()?;
    stage.cluster.node_mut(victim)?.start()?;
    let started = now_ns();
    let gap = Duration::from_nanos(started.saturating_sub(killed));
    ensure!(gap <= GAP_MAX, "the lab took {gap:?} to start the daemon again");
    let back = stage.watch.wait_view(&others, &stage.all, killed, Duration::from_secs(60))?;
    stage.cluster.wait_formed(&stage.all, Duration::from_secs(60))?;
    std::thread::sleep(scale.tokens(1.5));
    let changes = stage.watch.most_changes(&others, killed)?;
    let status = stage.cluster.node(victim)?.status()?;
    ensure!(status.is_formed(&ids(&stage.all)), "node {victim} fell out again");
    ensure!(status.raw["incarnation"].as_u64() > old_life, "the new life is not newer");

    let what = if coordinator { "coordinator restarted" } else { "member restarted" };
    let quorum = changes.quorum as f64;
    Ok(vec![
        Figure::amount("member again", ms_between(started, back), "ms", BACK_MS).of(what),
        Figure::information("views at another", changes.views as f64, "views").of(what),
        Figure::strict("quorum changes at another", quorum, "changes", 0.0).of(what),
    ])
}
