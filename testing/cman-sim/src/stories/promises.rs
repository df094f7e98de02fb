//! Who promised something must keep it, also in its next life and when its clock is fast.

use cman_types::Prng;
use core::time::Duration;

use super::{Story, Told, between, comes_true, shuffled, some_of_token};
use crate::{
    clock::nanos,
    cluster::Cluster,
    faults,
    reach::Place,
    scenarios::stage::{all_claim, heal, together, token},
    world::World,
};

/// the next life of a voter does not help the other side while the old promise may last.
pub(super) const FORGOTTEN: Story = Story {
    name: "forgotten-promise",
    text: "a voter that both sides need restarts at once and joins the other side",
    cluster: || Cluster::plain(5),
    place: Place::ForgottenPromises,
    tell: forgotten,
};

/// who is left out while it may still hold a lease is waited for.
pub(super) const CUT_OFF: Story = Story {
    name: "cut-off-at-once",
    text: "a member is cut off while a view change is under way, and left out early",
    cluster: || Cluster::plain(5),
    place: Place::CutOffAtOnce,
    tell: cut_off,
};

/// A voter and two groups, each of which is a majority with it only.
struct Sides {
    voter: usize,
    first: Vec<usize>,
    second: Vec<usize>,
}

/// Draws sides, if this cluster has such.
fn draw_sides(world: &World, prng: &mut Prng) -> Option<Sides> {
    let cluster = world.cluster();
    (0..40).find_map(|_| {
        let mut hosts = shuffled(world, prng);
        let voter = hosts.pop()?;
        let (first, second): (Vec<_>, Vec<_>) = hosts.into_iter().partition(|_| prng.below(2) == 0);
        let sides = Sides { voter, first, second };
        sides.both_need_it(world, &cluster).then_some(sides)
    })
}

impl Sides {
    fn both_need_it(&self, world: &World, cluster: &Cluster) -> bool {
        let votes = |side: &[usize]| -> u32 {
            side.iter().map(|&host| cluster.votes_of(world.hosts[host].node)).sum()
        };
        let (needed, of_voter) = (cluster.needed(0), votes(&[self.voter]));
        !cluster.two_node
            && [&self.first, &self.second].into_iter().all(|side| {
                let alone = votes(side);
                !side.is_empty() && alone < needed && alone + of_voter >= needed
            })
    }
}

fn forgotten(world: &mut World, prng: &mut Prng) -> Told {
    let Some(Sides { voter, first, second }) = draw_sides(world, prng) else {
        return Ok(false);
    };
    heal(world)?;
    let majority: Vec<usize> = second.iter().copied().chain([voter]).collect();
    world.cut(&between(&first, &majority));
    let within = token(world) * 4;
    let apart = |world: &World| {
        together(world, &majority) && together(world, &first) && all_claim(world, &majority)
    };
    if !comes_true(world, within, apart)? {
        return Ok(false);
    }
    // What was held against the voter on the side that lost it is over.
    world.run_for(Duration::from_secs(2))?;
    world.crash(voter);
    world.cut(&between(&[voter], &second));
    world.mend(&between(&[voter], &first));
    let down = some_of_token(world, prng, 20);
    world.run_for(down)?;
    world.start(voter);
    let span = token(world) * 3;
    world.run_for(span)?;
    heal(world)?;
    Ok(true)
}

/// A member is away when a view is proposed that leaves nobody out, because another one restarts;
/// so it is put out long before its silence would have been proof of anything.
fn cut_off(world: &mut World, prng: &mut Prng) -> Told {
    for _ in 0..3 {
        heal(world)?;
        let Some(first) = faults::coordinator(world).filter(|_| world.hosts.len() >= 3) else {
            return Ok(false);
        };
        let mut others = shuffled(world, prng);
        others.retain(|&host| host != first);
        let (Some(victim), Some(other)) = (others.pop(), others.pop()) else {
            return Ok(false);
        };
        world.crash(other);
        world.start(other);
        let before = world.hosts[first].proposing;
        let end = world.now + nanos(token(world));
        world.run_while(end, |world| world.hosts[first].proposing == before)?;
        world.cut(&between(&[victim], &[first]));
        world.cut(&between(&[victim], &others));
        world.cut(&between(&[victim], &[other]));
        let span = token(world) * 2 + some_of_token(world, prng, 200);
        world.run_for(span)?;
    }
    heal(world)?;
    Ok(true)
}
