//! What doing nothing costs.

use super::{Scale, Stage};
use crate::{cost::Cost, figure::Figure};
use anyhow::{Context, Result};
use std::thread::sleep;

/// Datagrams a second of an ordinary member.
const DATAGRAMS_PER_S: f64 = 6.0;
/// Resident memory in MiB.
const RESIDENT_MIB: f64 = 16.0;
/// Share of one core in percent.
const CORE_PERCENT: f64 = 0.3;

/// An idle cluster: the median over its ordinary members.
pub fn idle(scale: &Scale, nodes: usize) -> Result<Vec<Figure>> {
    let stage = Stage::new(scale, nodes)?;
    // What forming cost is not the cost of idling; neither is what the tests themselves ask.
    sleep(scale.tokens(3.0));
    let ordinary = stage.ordinary()?;
    let pids: Result<Vec<_>> = ordinary
        .iter()
        .map(|&number| stage.cluster.node(number)?.pid().context("no daemon"))
        .collect();
    let cost = Cost::over(&pids?, scale.idle)?;
    let prefix = format!("{nodes} nodes, ordinary member");
    Ok(vec![
        Figure::amount("datagrams sent a second", cost.datagrams_per_s, "1/s", DATAGRAMS_PER_S)
            .of(&prefix),
        Figure::amount("resident", cost.resident_mib, "MiB", RESIDENT_MIB).of(&prefix),
        Figure::amount("of one core", cost.core_percent, "%", CORE_PERCENT).of(&prefix),
    ])
}
