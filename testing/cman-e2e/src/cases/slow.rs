//! Daemons that sleep for half a token while messages flow: nothing is lost, and the work goes on
//! soon after they wake.

use super::{Scale, Stage};
use crate::{
    cluster::now_ns,
    figure::Figure,
    ordered::{Life, Load, Residents, check},
    watch::{Changes, ms_between},
};
use anyhow::{Context, Result, ensure};
use std::{thread::sleep, time::Duration};

/// How many nodes are in it.
const NODES: usize = 5;
/// What each of them sends.
const LOAD: Load = Load { rate: 100, size: Some(1024) };
/// Within this after the sleeper wakes messages flow again, everywhere.
const RESUMED_MS: f64 = 100.0;
/// How long what needs no time may take.
const SETTLED_MAX: Duration = Duration::from_secs(60);
/// How long all is well before and behind.
const CALM: Duration = Duration::from_secs(2);

/// An ordinary member stopped for half a token.
pub fn member_stopped(scale: &Scale) -> Result<Vec<Figure>> {
    let stage = Stage::new(scale, NODES)?;
    let member = *stage.ordinary()?.last().context("no member")?;
    stopped(&stage, scale, member, "a member")
}

/// The coordinator stopped for half a token.
pub fn coordinator_stopped(scale: &Scale) -> Result<Vec<Figure>> {
    let stage = Stage::new(scale, NODES)?;
    let coordinator = stage.coordinator()?;
    stopped(&stage, scale, coordinator, "the coordinator")
}

fn stopped(stage: &Stage, scale: &Scale, sleeper: usize, who: &str) -> Result<Vec<Figure>> {
    let residents = Residents::start(&stage.cluster, LOAD, 0, SETTLED_MAX)?;
    sleep(CALM);
    let since = now_ns();
    stage.cluster.node(sleeper)?.pause()?;
    sleep(scale.tokens(0.5));
    stage.cluster.node(sleeper)?.resume()?;
    let woken = now_ns();
    sleep(CALM);
    let lives = residents.settle(&stage.cluster, SETTLED_MAX)?;
    check(&lives)?;
    let changes = stage.watch.most_changes(&stage.all, since)?;
    ensure!(changes == Changes::default(), "the view changed: {changes:?}");
    let mut resumed = 0.0_f64;
    for life in &lives {
        ensure!(life.ended.is_none(), "{} lost its daemon: {:?}", life.me, life.ended);
        let at = resumed_at(life, woken).with_context(|| format!("nothing came to {}", life.me))?;
        resumed = resumed.max(ms_between(woken, at));
    }
    let what = format!("{who} stopped for half a token: messages flow again after");
    Ok(vec![Figure::amount(what, resumed, "ms", RESUMED_MS)])
}

/// When a message came that was sent after that moment.
fn resumed_at(life: &Life, moment: u64) -> Option<u64> {
    life.heard().find(|(_, heard)| heard.sent_at >= moment).map(|(at, _)| at)
}
