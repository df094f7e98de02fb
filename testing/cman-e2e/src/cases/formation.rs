//! Daemons started together.

use super::Scale;
use crate::{
    built,
    cluster::{Cluster, now_ns},
    figure::Figure,
    watch::{Watch, ms_between},
};
use anyhow::{Result, ensure};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Views that a node may install on the way.
const VIEWS_MAX: f64 = 4.0;

/// The daemon's socket in its run directory.
const SOCKET: &str = "cman.sock";

/// The longest that is waited; a cluster that needs longer has failed.
const FORMING_MAX: Duration = Duration::from_secs(120);

/// `nodes` daemons started together: all in one view and quorate within `limit_s` seconds.
pub fn together(scale: &Scale, nodes: usize, limit_s: f64) -> Result<Vec<Figure>> {
    let mut cluster = built::cluster(&scale.conf(nodes))?;
    let all: Vec<_> = (1..=nodes).collect();
    let start = now_ns();
    cluster.start_all()?;
    let watch = watch_as_they_answer(&mut cluster, &all)?;
    let formed = watch.wait_formed(&all, &all, start, FORMING_MAX)?;
    // A cluster that falls apart again has not formed.
    watch.expect_quiet(&all, scale.tokens(1.5))?;

    let mut views_max = 0;
    for status in cluster.statuses(&all) {
        let status = status?;
        ensure!(status.is_formed(&crate::cluster::ids(&all)), "node {} fell out", status.node_id);
        views_max = views_max.max(status.view.map_or(0, |view| view.changes));
    }
    let seconds = ms_between(start, formed) / 1000.0;
    Ok(vec![
        Figure::amount(format!("{nodes} nodes: one quorate view"), seconds, "s", limit_s),
        Figure::strict(
            format!("{nodes} nodes: views on the way"),
            views_max as f64,
            "views",
            VIEWS_MAX,
        ),
    ])
}

/// Opens the streams as soon as the daemons have made their sockets: asking earlier, again and
/// again, would take the processors away from what is measured.
fn watch_as_they_answer(cluster: &mut Cluster, numbers: &[usize]) -> Result<Watch> {
    let mut watch = Watch::default();
    let mut waiting = numbers.to_vec();
    let deadline = Instant::now() + FORMING_MAX;
    while let Some(&number) = waiting.last() {
        let node = cluster.node_mut(number)?;
        if node.run_dir().join(SOCKET).exists() {
            watch.add(cluster, number)?;
            waiting.pop();
            continue;
        }
        ensure!(node.is_running(), "the daemon of node {number} ended\n{}", node.log_tail(20));
        ensure!(Instant::now() < deadline, "node {number} makes no socket\n{}", node.log_tail(20));
        sleep(Duration::from_millis(2));
    }
    Ok(watch)
}
