//! Paths between some nodes cut or lossy, while others work.

use super::{Scale, Stage};
use crate::{cluster::now_ns, figure::Figure, watch::Changes};
use anyhow::Result;
use std::{thread::sleep, time::Duration};

/// Per-path loss of the table, in percent.
const LOSS_PERCENT: f64 = 30.0;

/// What goes wrong between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The second does not hear the first.
    OneWay,
    /// Neither hears the other.
    BothWays,
}

/// Who the two nodes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// Two ordinary members.
    Members,
    /// An ordinary member, then the coordinator.
    MemberToCoordinator,
    /// The coordinator, then an ordinary member.
    CoordinatorToMember,
}

/// Every pair and cut of the table.
pub const CUTS: [(Pair, Cut, &str); 5] = [
    (Pair::Members, Cut::OneWay, "one way, two members"),
    (Pair::MemberToCoordinator, Cut::OneWay, "one way, member to coordinator"),
    (Pair::CoordinatorToMember, Cut::OneWay, "one way, coordinator to member"),
    (Pair::Members, Cut::BothWays, "both ways, two members"),
    (Pair::MemberToCoordinator, Cut::BothWays, "both ways, member and coordinator"),
];

/// Five nodes; one path after the other is cut, and nothing changes.
pub fn cuts(scale: &Scale) -> Result<Vec<Figure>> {
    let mut stage = Stage::new(scale, 5)?;
    let mut figures = Vec::new();
    for (pair, cut, what) in CUTS {
        stage.watch.expect_quiet(&stage.all, scale.tokens(1.0))?;
        let (from, to) = choose(&stage, pair)?;
        let since = now_ns();
        match cut {
            Cut::OneWay => stage.cluster.lab_mut().one_way(from, to)?,
            Cut::BothWays => stage.cluster.lab_mut().cut(from, to)?,
        }
        sleep(scale.fault);
        figures.extend(nothing_changed(&stage, since, what)?);
        stage.cluster.lab_mut().heal()?;
    }
    Ok(figures)
}

fn choose(stage: &Stage, pair: Pair) -> Result<(usize, usize)> {
    let coordinator = stage.coordinator()?;
    let ordinary = stage.others(&[coordinator]);
    let [first, second] = [ordinary.first(), ordinary.last()].map(|n| n.copied().unwrap_or(1));
    Ok(match pair {
        Pair::Members => (first, second),
        Pair::MemberToCoordinator => (second, coordinator),
        Pair::CoordinatorToMember => (coordinator, second),
    })
}

/// Five nodes, each frame lost with 30 % probability on each directed path.
pub fn loss(scale: &Scale) -> Result<Vec<Figure>> {
    // The table speaks of the default token.
    let scale = Scale { token_ms: None, ..*scale };
    let mut stage = Stage::new(&scale, 5)?;
    let since = now_ns();
    stage.cluster.lab_mut().loss_all(LOSS_PERCENT)?;
    sleep(scale.fault);
    nothing_changed(&stage, since, "30 % loss")
}

/// Five nodes; one is cut both ways from two of the four others. Every pair still has a path
/// through one other node, so nothing changes.
pub fn half_cut_off(scale: &Scale) -> Result<Vec<Figure>> {
    let mut stage = Stage::new(scale, 5)?;
    let lonely = stage.ordinary()?.last().copied().unwrap_or(5);
    // The coordinator is among those that it no longer hears.
    let lost: Vec<_> = stage.by_rank()?.into_iter().filter(|n| *n != lonely).take(2).collect();
    let since = now_ns();
    stage.cluster.lab_mut().change(|faults| {
        for &other in &lost {
            faults.cut(lonely, other);
        }
    })?;
    sleep(scale.fault);
    nothing_changed(&stage, since, "one node cut from half of the others")
}

/// Five nodes in a chain, each hears only its neighbours: at most four views in the first minute,
/// then at most two a minute. The coordinator is at an end, from where it reaches two others.
pub fn chain(scale: &Scale) -> Result<Vec<Figure>> {
    let mut stage = Stage::new(scale, 5)?;
    let order = stage.by_rank()?;
    let since = now_ns();
    stage.cluster.lab_mut().change(|faults| {
        for (place, &a) in order.iter().enumerate() {
            for &b in order.iter().skip(place + 2) {
                faults.cut(a, b);
            }
        }
    })?;
    sleep(scale.fault);
    let first = stage.watch.most_changes(&stage.all, since)?;
    let mut figures =
        vec![Figure::strict("chain: views in the first minute", first.views as f64, "views", 4.0)];
    if scale.fault >= Duration::from_secs(60) {
        let since = now_ns();
        sleep(scale.fault);
        let then = stage.watch.most_changes(&stage.all, since)?.views as f64;
        figures.push(Figure::strict("chain: views in the second minute", then, "views", 2.0));
    }
    Ok(figures)
}

fn nothing_changed(stage: &Stage, since: u64, what: &str) -> Result<Vec<Figure>> {
    let Changes { views, quorum } = stage.watch.most_changes(&stage.all, since)?;
    if views + quorum > 0 {
        println!("{what}:\n{}", stage.watch.story());
    }
    Ok(vec![
        Figure::strict("views", views as f64, "views", 0.0).of(what),
        Figure::strict("quorum changes", quorum as f64, "changes", 0.0).of(what),
    ])
}
