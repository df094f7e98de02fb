//! Members that are sick for long.

use cman_types::Prng;

use super::{Story, Told};
use crate::{
    cluster::Cluster,
    faults,
    reach::Place,
    scenarios::stage::{few_views, heal, token},
    world::World,
};

/// a coordinator that sleeps over and over, and that nobody can do without.
pub(super) const HEAVY_SLEEPER: Story = Story {
    name: "heavy-sleeper",
    text: "the coordinator has most votes and stalls over and over: views are bounded",
    cluster: heavy,
    place: Place::HeavySleepers,
    tell: heavy_sleeper,
};

/// Five nodes, the first of which outweighs the others.
pub(crate) fn heavy() -> Cluster {
    let mut cluster = Cluster::plain(5);
    if let Some((_, votes)) = cluster.votes.first_mut() {
        *votes = 5;
    }
    cluster
}

/// The views are counted over so many tokens.
const WINDOW: u32 = 30;

/// So many views a node may install in that time. The sleeper is held off for 5 T only, because
/// nobody is quorate without it (decision 0008), and lost after T: it comes and goes once in 6 T,
/// and one time more, because windows begin anywhere.
const VIEWS_MAX: usize = 12;

fn heavy_sleeper(world: &mut World, prng: &mut Prng) -> Told {
    let cluster = world.cluster();
    let needed = |host: &usize| {
        let without = cluster.expected_votes() - cluster.votes_of(world.hosts[*host].node);
        without < cluster.needed(0)
    };
    if cluster.two_node || cluster.len() < 3 {
        return Ok(false);
    }
    let Some(heavy) = (0..cluster.len()).find(needed) else { return Ok(false) };
    // The longest-lived of those with most votes coordinates.
    for host in 0..world.hosts.len() {
        world.crash(host);
    }
    world.run_for(cluster.token * 2)?;
    world.start(heavy);
    world.run_for(cluster.token * 3)?;
    heal(world)?;
    world.run_for(cluster.token * 2)?;
    let first = faults::coordinator(world).unwrap_or(heavy);
    let (stall, period) = if prng.below(2) == 0 { (19, 28) } else { (12, 18) };
    let (stall, period) = (token(world) * stall / 10, token(world) * period / 10);
    for _ in 0..3 {
        world.installed.clear();
        let end = world.now + crate::clock::nanos(token(world) * WINDOW);
        while world.now < end {
            world.stall(first, stall);
            world.run_for(period)?;
        }
        few_views(world, VIEWS_MAX)?;
    }
    heal(world)?;
    Ok(true)
}
