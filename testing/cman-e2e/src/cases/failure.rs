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

/// Kills `victims` of a steady cluster and watches the survivors. The dead stay dead, and are no
/// longer of the stage.
pub fn kill(stage: &mut Stage, scale: &Scale, victims: &[usize]) -> Result<Vec<Figure>> {
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
    if survivors.len() * 2 > configured(stage) {
        let changed = changes.quorum as f64;
        figures.push(Figure::strict("quorum changes at a survivor", changed, "changes", 0.0));
        let lease_end = stage.lease_end_ms(victims, &survivors, since)?;
        figures.push(Figure::strict("lease of the dead ends after the view", lease_end, "ms", 0.0));
        warnings::expect_only(&stage.cluster, &survivors, &[])?;
    } else {
        warnings::expect_only(&stage.cluster, &survivors, &["quorum lost"])?;
    }
    victims.iter().for_each(|&victim| stage.watch.remove(victim));
    stage.all = survivors;
    Ok(figures)
}

/// How many nodes the cluster has, dead and alive.
fn configured(stage: &Stage) -> usize {
    stage.cluster.nodes().count()
}

/// One cluster and one blow after the other, without repair between them.
pub fn kill_in_turn(scale: &Scale, nodes: usize, whom: &[Victims]) -> Result<Vec<Figure>> {
    let mut stage = Stage::new(scale, nodes)?;
    let mut all = Vec::new();
    for who in whom {
        stage.watch.expect_quiet(&stage.all, scale.tokens(1.0))?;
        let victims = who.choose(&stage)?;
        let figures = kill(&mut stage, scale, &victims)?;
        let prefix = format!("{nodes} nodes, {}", who.name());
        all.extend(figures.into_iter().map(|figure| figure.of(&prefix)));
    }
    Ok(all)
}

/// One fresh cluster and one blow.
pub fn kill_once(scale: &Scale, nodes: usize, who: Victims) -> Result<Vec<Figure>> {
    kill_in_turn(scale, nodes, &[who])
}

/// Every kind of blow, in the order in which each leaves enough for the next.
pub const ALL_IN_TURN: [Victims; 4] =
    [Victims::Member, Victims::Coordinator, Victims::CoordinatorAndSuccessor, Victims::Half];
