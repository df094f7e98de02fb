//! A fault that never stops: at most four views in the first minute, then at most two a minute.

use super::{Scale, Stage};
use crate::{cluster::now_ns, figure::Figure};
use anyhow::Result;
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Views in the first minute, and in each minute after it.
const VIEWS: [f64; 2] = [4.0, 2.0];

/// One node, a member or the coordinator, is stopped for 1.9 tokens in each 2.8.
pub fn sleepy(scale: &Scale, coordinator: bool, minutes: usize) -> Result<Vec<Figure>> {
    let who = if coordinator { "coordinator" } else { "member" };
    let what = format!("a {who} that keeps falling asleep");
    restless(scale, coordinator, minutes, &what, |stage, number| {
        stage.cluster.node(number)?.pause()?;
        sleep(scale.tokens(1.9));
        stage.cluster.node(number)?.resume()?;
        sleep(scale.tokens(0.9));
        Ok(())
    })
}

/// The network of one node, a member or the coordinator, goes away for 1.5 tokens and comes back
/// for one.
pub fn flapping(scale: &Scale, coordinator: bool, minutes: usize) -> Result<Vec<Figure>> {
    let who = if coordinator { "coordinator" } else { "member" };
    let what = format!("a {who} whose network keeps flapping");
    restless(scale, coordinator, minutes, &what, |stage, number| {
        let others = stage.others(&[number]);
        stage.cluster.lab_mut().partition(&[&[number], &others])?;
        sleep(scale.tokens(1.5));
        stage.cluster.lab_mut().heal()?;
        sleep(scale.tokens(1.0));
        Ok(())
    })
}

/// Repeats a fault of one node of five, and counts views at the others.
fn restless(
    scale: &Scale,
    coordinator: bool,
    minutes: usize,
    what: &str,
    mut fault: impl FnMut(&mut Stage, usize) -> Result<()>,
) -> Result<Vec<Figure>> {
    let mut stage = Stage::new(scale, 5)?;
    let ranked = stage.by_rank()?;
    let chosen = if coordinator { ranked.first() } else { ranked.last() };
    let sick = chosen.copied().unwrap_or(1);
    let others = stage.others(&[sick]);
    let (start, mut figures) = (now_ns(), Vec::new());
    for minute in 1..=minutes {
        let since = now_ns();
        let end = Instant::now() + Duration::from_secs(60);
        while Instant::now() < end {
            fault(&mut stage, sick)?;
        }
        let views = stage.watch.most_changes(&others, since)?.views as f64;
        let limit = VIEWS.get(minute - 1).or(VIEWS.last()).copied().unwrap_or_default();
        figures.push(Figure::strict(format!("views in minute {minute}"), views, "views", limit));
    }
    let quorum = stage.watch.most_changes(&others, start)?.quorum as f64;
    figures.push(Figure::strict("quorum changes elsewhere", quorum, "changes", 0.0));
    Ok(figures.into_iter().map(|figure| figure.of(what)).collect())
}
