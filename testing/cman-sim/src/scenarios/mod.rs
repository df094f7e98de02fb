//! Scenarios with names: stories in which something once went wrong, or that the project promises
//! to survive. Each runs by name (`cman-sim scenario NAME`) and as a test.

mod barriers;
mod crowds;
mod deaths;
mod dirty;
mod endings;
mod ghosts;
mod guards;
mod hearing;
mod large;
mod lives;
mod load;
mod paths;
mod ports;
mod quorum;
pub(crate) mod stage;
mod stalls;
mod starts;
#[cfg(test)]
mod tests;
mod votes;

use cman_types::Prng;

use crate::{
    cluster::Cluster,
    stories,
    violation::Check,
    world::{Options, World},
};

type Play = Box<dyn Fn(&mut World, &mut Prng) -> Check + Send + Sync>;

/// A story.
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// What happens in it, for people.
    pub text: &'static str,
    cluster: Cluster,
    /// Whether states are looked at all the time; too slow for a thousand nodes.
    look: bool,
    play: Play,
}

impl core::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Scenario").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Scenario {
    pub(crate) fn new(
        name: impl Into<String>,
        text: &'static str,
        cluster: Cluster,
        play: impl Fn(&mut World, &mut Prng) -> Check + Send + Sync + 'static,
    ) -> Self {
        let look = cluster.len() <= 64;
        Self { name: name.into(), text, cluster, look, play: Box::new(play) }
    }
}

/// How a scenario went.
#[derive(Debug)]
pub struct Told {
    /// What was broken.
    pub check: Check,
    /// The end of the column log.
    pub tail: Vec<String>,
}

/// All scenarios.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let groups = [
        starts::all(),
        deaths::all(),
        paths::all(),
        stalls::all(),
        lives::all(),
        quorum::all(),
        votes::all(),
        guards::all(),
        ghosts::all(),
        crowds::all(),
        barriers::all(),
        ports::all(),
        endings::all(),
        dirty::all(),
        load::all(),
        large::all(),
        stories::as_scenarios(),
    ];
    groups.into_iter().flatten().collect()
}

/// The scenario with this name.
#[must_use]
pub fn named(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}

/// Plays a scenario. `live`: the column log goes to standard output.
#[must_use]
pub fn run(scenario: &Scenario, seed: u64, live: bool) -> Told {
    let mut options = Options::quiet(seed);
    options.look = scenario.look;
    options.log = scenario.look;
    options.live = live;
    let mut world = World::new(scenario.cluster.clone(), options);
    let mut prng = Prng::new(seed ^ 0x7363_656e);
    let check = (scenario.play)(&mut world, &mut prng);
    Told { check, tail: world.columns.tail() }
}
