//! Short stories: targeted schedules that seeds tell in clusters of their own drawing.
//!
//! Some faults show only if several things happen in the right order: a voter restarts within a
//! lease *and* finds itself on the other side of a partition. Chance alone gets there once in
//! hundreds of seeds (section 17 of the protocol calls it thin detection). Most seeds therefore
//! begin with one of these stories, and go on with faults from there.

pub(crate) mod members;
mod messages;
mod promises;
mod removed;
mod strangers;

use cman_types::Prng;
use core::time::Duration;

use crate::{
    clock::nanos,
    cluster::Cluster,
    reach::Place,
    scenarios::{Scenario, stage::expect},
    violation::{Check, Violation},
    world::World,
};

/// Whether the story could be told in this cluster.
type Told = Result<bool, Violation>;

/// A story.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// What it is called.
    pub name: &'static str,
    /// What happens in it, for people.
    pub text: &'static str,
    /// A cluster in which it can be told.
    cluster: fn() -> Cluster,
    place: Place,
    tell: fn(&mut World, &mut Prng) -> Told,
}

/// All stories.
pub const ALL: [Story; 13] = [
    promises::FORGOTTEN,
    promises::CUT_OFF,
    promises::TAKEN_OVER,
    removed::OLDER_BASIS,
    removed::HALVES,
    strangers::TWIN,
    strangers::LATE_HELLO,
    strangers::DEAF_STARTER,
    strangers::ECHOES,
    members::HEAVY_SLEEPER,
    messages::CUT_MESSAGE,
    messages::LEFT_BEHIND,
    messages::LOST_CAUSE,
];

/// The stories as scenarios: `story-NAME`, each in the cluster that suits it.
pub(crate) fn as_scenarios() -> Vec<Scenario> {
    let scenario = |story: Story| {
        let name = format!("story-{}", story.name);
        Scenario::new(name, story.text, (story.cluster)(), move |world, prng| {
            let told = (story.tell)(world, prng)?;
            expect(world, told, "the story can be told")
        })
    };
    ALL.into_iter().map(scenario).collect()
}

/// Tells one of the stories that this cluster can tell, if there is any.
///
/// # Errors
/// An invariant was broken.
pub fn tell_one(world: &mut World, prng: &mut Prng) -> Check {
    let mut left = ALL.to_vec();
    while !left.is_empty() {
        let at = usize::try_from(prng.below(left.len() as u64)).unwrap_or(0);
        let story = left.swap_remove(at);
        world.log_world(&format!("story: {}", story.text));
        if (story.tell)(world, prng)? {
            world.reach.hit(story.place);
            return Ok(());
        }
    }
    Ok(())
}

/// Lets time pass until something holds; returns whether it does.
fn comes_true(
    world: &mut World,
    within: Duration,
    holds: impl Fn(&World) -> bool,
) -> Result<bool, Violation> {
    let end = world.now + nanos(within);
    while world.now < end && !holds(world) {
        world.run_for(Duration::from_millis(5))?;
    }
    Ok(holds(world))
}

/// All hosts, in an order that chance decides.
fn shuffled(world: &World, prng: &mut Prng) -> Vec<usize> {
    let mut left: Vec<usize> = (0..world.hosts.len()).collect();
    let mut all = Vec::new();
    while !left.is_empty() {
        let at = usize::try_from(prng.below(left.len() as u64)).unwrap_or(0);
        all.push(left.swap_remove(at));
    }
    all
}

/// So many hundredths of the token, at most.
fn some_of_token(world: &World, prng: &mut Prng, hundredths: u64) -> Duration {
    let drawn = u32::try_from(prng.below(hundredths + 1)).unwrap_or(0);
    world.cluster().token * drawn / 100
}

/// All paths, both ways, between one group of hosts and another.
fn between(some: &[usize], others: &[usize]) -> Vec<(usize, usize)> {
    let pairs = some.iter().flat_map(|&a| others.iter().map(move |&b| (a, b)));
    pairs.flat_map(|(a, b)| [(a, b), (b, a)]).collect()
}
