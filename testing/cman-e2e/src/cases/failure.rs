//! `kill -9` of members and coordinators.

use super::{Scale, Stage};
use crate::{cluster::now_ns, figure::Figure, warnings, watch::ms_between};
use anyhow::Result;
use std::time::Duration;

/// Beyond the token: how long the new view may take after one death, in milliseconds.
const AFTER_ONE_MS: u64 = 300;
/// The same after two and more at once.
const AFTER_SEVERAL_MS: u64 = 500;

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victims {
    /// One that does not coordinate.
    Member,
    /// The coordinator.
    Coordinator,
    /// The coordinator and the one that would succeed it.
    CoordinatorAndSuccessor,
    /// Every second node, the coordinator among them.
    Half,
}

impl Victims {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Member => "a member",
            Self::Coordinator => "the coordinator",
            Self::CoordinatorAndSuccessor => "coordinator and successor",
            Self::Half => "half the cluster",
        }
    }

    /// Who that is on this stage.
    pub fn choose(self, stage: &Stage) -> Result<Vec<usize>> {
        let ranked = stage.by_rank()?;
        Ok(match self {
            Self::Member => ranked.iter().rev().take(1).copied().collect(),
            Self::Coordinator => ranked.iter().take(1).copied().collect(),
            Self::CoordinatorAndSuccessor => ranked.iter().take(2).copied().collect(),
            Self::Half => ranked.iter().step_by(2).take(ranked.len() / 2).copied().collect(),
        })
    }
}

/// Kills `victims` of a whole and steady cluster and watches the survivors.
fn kill(stage: &mut Stage, scale: &Scale, victims: &[usize]) -> Result<Vec<Figure>> {
    let survivors = stage.others(victims);
    let since = now_ns();
    stage.cluster.kill_together(victims)?;
    let bound = scale.tokens(5.0) + Duration::from_secs(10);
    let seen = stage.watch.wait_view(&survivors, &survivors, since, bound)?;
    // Whatever follows the new view must have had time to show.
    std::thread::sleep(scale.tokens(1.5));
    let changes = stage.watch.most_changes(&survivors, since)?;

    let more = if victims.len() == 1 { AFTER_ONE_MS } else { AFTER_SEVERAL_MS };
    let limit = scale.token().saturating_add(more) as f64;
    let mut figures = vec![
        Figure::amount("new view at all survivors", ms_between(since, seen), "ms", limit),
        Figure::strict("views at a survivor", changes.views as f64, "views", 1.0),
    ];
    if survivors.len() * 2 > stage.all.len() {
        let changed = changes.quorum as f64;
        figures.push(Figure::strict("quorum changes at a survivor", changed, "changes", 0.0));
        let lease_end = stage.lease_end_ms(victims, &survivors, since)?;
        figures.push(Figure::strict("lease of the dead ends after the view", lease_end, "ms", 0.0));
        warnings::expect_only(&stage.cluster, &survivors, &[])?;
    } else {
        warnings::expect_only(&stage.cluster, &survivors, &["quorum lost"])?;
    }
    Ok(figures)
}

/// One fresh cluster and one blow.
pub fn kill_once(scale: &Scale, nodes: usize, who: Victims) -> Result<Vec<Figure>> {
    let mut stage = Stage::new(scale, nodes)?;
    stage.watch.expect_quiet(&stage.all, scale.tokens(1.0))?;
    let victims = who.choose(&stage)?;
    let figures = kill(&mut stage, scale, &victims)?;
    let prefix = format!("{nodes} nodes, {}", who.name());
    Ok(figures.into_iter().map(|figure| figure.of(&prefix)).collect())
}

/// One blow after the other, each to a fresh cluster: so half the cluster is half of all its nodes,
/// and no blow is easier or harder because of those before.
pub fn kill_each(scale: &Scale, nodes: usize, whom: &[Victims]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for &who in whom {
        figures.extend(kill_once(scale, nodes, who)?);
    }
    Ok(figures)
}

/// The kinds that are different ones in three nodes already: there, half are the coordinator.
pub const OF_THREE: [Victims; 3] =
    [Victims::Member, Victims::Coordinator, Victims::CoordinatorAndSuccessor];

/// Every kind of blow.
pub const ALL: [Victims; 4] =
    [Victims::Member, Victims::Coordinator, Victims::CoordinatorAndSuccessor, Victims::Half];
