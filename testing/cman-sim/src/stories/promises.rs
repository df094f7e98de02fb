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

/// R-85 (decision 0005): a lease ends if the hub that told of it does not come along, also where
/// nobody who comes along has promised that hub anything.
pub(super) const TAKEN_OVER: Story = Story {
    name: "taken-over",
    text: "a newcomer is told of a lease, and at once taken over by others who promised nothing",
    cluster: || Cluster::plain(5),
    place: Place::TakenOver,
    tell: taken_over,
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

/// Who plays in [`TAKEN_OVER`].
struct Strangers {
    newcomer: usize,
    /// Is alone at first.
    stranger: usize,
    /// Enough to act.
    acting: Vec<usize>,
}

/// Draws them, if this cluster has such.
fn draw_strangers(world: &World, prng: &mut Prng) -> Option<Strangers> {
    let cluster = world.cluster();
    (0..40).find_map(|_| {
        let mut acting = shuffled(world, prng);
        let (newcomer, stranger) = (acting.pop()?, acting.pop()?);
        let suffices = cluster.suffices(acting.iter().map(|&host| world.hosts[host].node));
        let enough = acting.len() >= 3 && suffices && !cluster.two_node;
        enough.then_some(Strangers { newcomer, stranger, acting })
    })
}

/// A newcomer is told of the lease of those who take it in, and has promised nothing yet. Then all
/// but the coordinator restart, and with their next lives goes what they promised. They join a
/// stranger; the coordinator hears of it and gives up, but its lease lasts; the newcomer goes over.
fn taken_over(world: &mut World, prng: &mut Prng) -> Told {
    let Some(Strangers { newcomer, stranger, acting }) = draw_strangers(world, prng) else {
        return Ok(false);
    };
    let token = token(world);
    heal(world)?;
    world.crash(newcomer);
    world.cut(&between(&[stranger], &acting));
    world.cut(&between(&[stranger], &[newcomer]));
    let apart = |world: &World| {
        together(world, &acting) && together(world, &[stranger]) && all_claim(world, &acting)
    };
    if !comes_true(world, token * 4, apart)? {
        return Ok(false);
    }
    // What was held against those that were lost is over.
    world.run_for(Duration::from_secs(2))?;
    world.start(newcomer);
    let here: Vec<usize> = acting.iter().copied().chain([newcomer]).collect();
    let told = |world: &World| together(world, &here) && all_claim(world, &here);
    let was_told = comes_true(world, token / 2, told)?;
    let coordinator = faults::coordinator(world).filter(|host| was_told && acting.contains(host));
    let Some(coordinator) = coordinator else { return Ok(false) };
    let others: Vec<usize> = acting.into_iter().filter(|&host| host != coordinator).collect();
    others.iter().for_each(|&host| world.crash(host));
    world.cut(&between(&[coordinator], &others));
    world.mend(&between(&[stranger], &others));
    world.mend(&between(&[stranger], &[newcomer]));
    // Nobody passes on to the coordinator who calls, until they are in a view.
    world.cut(&[(newcomer, coordinator)]);
    others.iter().for_each(|&host| world.start(host));
    let mut there: Vec<usize> = others.into_iter().chain([stranger]).collect();
    let joined = comes_true(world, token / 2, |world| together(world, &there))?;
    world.mend(&[(newcomer, coordinator)]);
    there.push(newcomer);
    let taken =
        |world: &World| together(world, &there) && world.hosts[coordinator].claims(world.now);
    let was_taken = joined && comes_true(world, token, taken)?;
    world.run_for(token * 3)?;
    heal(world)?;
    Ok(was_taken)
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
