//! One bad path does not stop the work: a member does not hear another, and messages flow.

use super::{Scale, Stage};
use crate::{
    cluster::now_ns,
    figure::Figure,
    ordered::{Life, Load, Residents, check, check::percentile_us},
    watch::Changes,
};
use anyhow::{Context, Result, ensure};
use std::{thread::sleep, time::Duration};

/// How many nodes are in it.
const NODES: usize = 5;
/// What each of them sends.
const LOAD: Load = Load { rate: 100, size: Some(64) };
/// The time that at most one message in a hundred takes longer.
const P99_MS: f64 = 50.0;
/// How long what needs no time may take.
const SETTLED_MAX: Duration = Duration::from_secs(60);

/// A member that does not hear another, and one that does not hear the coordinator, each for the
/// scale's fault.
pub fn one_bad_path(scale: &Scale) -> Result<Vec<Figure>> {
    let mut stage = Stage::new(scale, NODES)?;
    let coordinator = stage.coordinator()?;
    let ordinary = stage.ordinary()?;
    let [a, b, ..] = ordinary.as_slice() else { anyhow::bail!("too few nodes") };
    let mut figures = Vec::new();
    for (what, from, to) in [
        ("between members", *a, *b),
        ("to the coordinator", *a, coordinator),
        ("from the coordinator", coordinator, *b),
    ] {
        let measured = cut_one_way(&mut stage, from, to, scale.fault);
        let p99 = measured.with_context(|| format!("one-way cut {what}"))?;
        figures.push(Figure::amount(format!("one bad path {what}: p99"), p99, "ms", P99_MS));
    }
    Ok(figures)
}

/// The 99th percentile, in milliseconds, while `to` does not hear `from`.
fn cut_one_way(stage: &mut Stage, from: usize, to: usize, length: Duration) -> Result<f64> {
    let residents = Residents::start(&stage.cluster, LOAD, 0, SETTLED_MAX)?;
    let since = now_ns();
    stage.cluster.lab_mut().one_way(from, to)?;
    sleep(length);
    // What is under way when sending ends must come through the cut, too.
    let lives = residents.settle(&stage.cluster, SETTLED_MAX)?;
    stage.cluster.lab_mut().heal()?;
    check(&lives)?;
    everywhere(&lives)?;
    let changes = stage.watch.most_changes(&stage.all, since)?;
    ensure!(changes == Changes::default(), "the view changed: {changes:?}");
    Ok(percentile_us(&lives, 990) as f64 / 1e3)
}

/// Everybody that was there from the beginning to the end has seen as much as all sent together.
fn everywhere(lives: &[Life]) -> Result<()> {
    for life in lives {
        ensure!(life.ended.is_none(), "{} lost its daemon: {:?}", life.me, life.ended);
        for sender in lives {
            let of_sender = life.heard().filter(|(_, heard)| heard.life == sender.number);
            // Who joins late does not see the beginning, and nothing else is missing.
            let places: Vec<_> = of_sender.map(|(_, heard)| heard.place).collect();
            let (first, last) = (places.first(), places.last());
            let whole = first.is_some_and(|first| first + places.len() == sender.sent.len());
            ensure!(whole, "{} of {}: {first:?} to {last:?}", life.me, sender.me);
        }
    }
    Ok(())
}
