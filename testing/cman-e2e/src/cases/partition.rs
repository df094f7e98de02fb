//! Partition and heal.

use super::{Scale, Stage};
use crate::{
    cluster::{ids, now_ns},
    figure::Figure,
    watch::ms_between,
};
use anyhow::{Result, ensure};
use std::{thread::sleep, time::Duration};

/// From healing to one view of all, in seconds.
const WHOLE_S: f64 = 3.0;

/// Bound of each wait.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Five nodes fall apart into three and two and heal, several times; in every second round the
/// coordinator is with the minority.
pub fn three_to_two(scale: &Scale) -> Result<Vec<Figure>> {
    let mut stage = Stage::new(scale, 5)?;
    let mut figures = Vec::new();
    for round in 0..scale.partitions {
        let quiet = if round == 0 { scale.tokens(1.0) } else { scale.between };
        sleep(quiet);
        let ranked = stage.by_rank()?;
        let coordinator_with_few = round % 2 == 1;
        let (minority, majority) =
            if coordinator_with_few { ranked.split_at(2) } else { ranked.split_at(3) };
        let (minority, majority) =
            if coordinator_with_few { (minority, majority) } else { (majority, minority) };
        let side = if coordinator_with_few { "minority" } else { "majority" };
        let prefix = format!("coordinator with the {side}");
        let measured = part_and_heal(&mut stage, scale, &sorted(majority), &sorted(minority))?;
        figures.extend(measured.into_iter().map(|figure| figure.of(&prefix)));
    }
    Ok(figures)
}

fn sorted(numbers: &[usize]) -> Vec<usize> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers
}

fn part_and_heal(
    stage: &mut Stage,
    scale: &Scale,
    majority: &[usize],
    minority: &[usize],
) -> Result<Vec<Figure>> {
    let since = now_ns();
    stage.cluster.lab_mut().partition(&[majority, minority])?;
    let alone = stage.watch.wait_inquorate(minority, since, WAIT_MAX)?;
    let acting = first_to_act(stage, majority, since)?;
    stage.watch.wait_formed(majority, majority, since, WAIT_MAX)?;
    stage.watch.wait_view(minority, minority, since, WAIT_MAX)?;
    sleep(scale.tokens(1.5));
    let majority_changes = stage.watch.most_changes(majority, since)?;
    for status in stage.cluster.statuses(majority) {
        ensure!(status?.is_formed(&ids(majority)), "the majority {majority:?} is not one cluster");
    }
    for status in stage.cluster.statuses(minority) {
        ensure!(!status?.quorum.quorate, "the minority {minority:?} claims quorum");
    }

    let healing = now_ns();
    stage.cluster.lab_mut().heal()?;
    let whole = stage.watch.wait_formed(&stage.all, &stage.all, healing, WAIT_MAX)?;
    sleep(scale.tokens(1.5));
    let changes = stage.watch.most_changes(&stage.all, healing)?;
    let views = changes.views as f64;
    let late = ms_between(acting, alone).max(0.0);
    let lost = majority_changes.quorum as f64;
    Ok(vec![
        Figure::strict("the minority knows it later than the majority acts", late, "ms", 0.0),
        Figure::information("lead of the minority", ms_between(alone, acting), "ms"),
        Figure::strict("quorum changes in the majority", lost, "changes", 0.0),
        Figure::amount(
            "one quorate view after healing",
            ms_between(healing, whole) / 1e3,
            "s",
            WHOLE_S,
        ),
        Figure::information("views of a node after healing", views, "views"),
    ])
}

/// When the first of the majority was quorate in a view without the minority.
fn first_to_act(stage: &Stage, majority: &[usize], since: u64) -> Result<u64> {
    let members = ids(majority);
    let mut first = None;
    stage.watch.wait(WAIT_MAX, "view of the majority", |watch| {
        for &number in majority {
            let Some(at) = watch.when_formed(number, &members, since)? else { continue };
            first = Some(first.map_or(at, |first: u64| first.min(at)));
        }
        Ok(first.is_some())
    })?;
    // The others may have been earlier, their events later.
    stage.watch.wait_formed(majority, majority, since, WAIT_MAX)?;
    for &number in majority {
        let at = stage.watch.when_formed(number, &members, since)?;
        first = first.into_iter().chain(at).min();
    }
    first.ok_or_else(|| anyhow::anyhow!("nobody of {majority:?} acts"))
}
