//! Nodes that gave up their votes come back (decision 0006) while the cluster is in two parts.

use cman_node::Command;
use cman_types::Prng;

use super::{Story, Told, between, comes_true, shuffled, some_of_token};
use crate::{
    cluster::Cluster,
    reach::Place,
    scenarios::stage::{all_claim, heal, others, together, token},
    violation::Violation,
    world::World,
};

/// A part whose basis is old meets a voter that has forgotten the newer one.
pub(super) const OLDER_BASIS: Story = Story {
    name: "older-basis",
    text: "removed nodes come back; a voter that took them in restarts among those who were away",
    cluster: || Cluster::plain(5),
    place: Place::OlderBasis,
    tell: older_basis,
};

/// Two halves, each with one of the returning.
pub(super) const HALVES: Story = Story {
    name: "removed-return-in-halves",
    text: "removed nodes come back, each to another half of those who stayed",
    cluster: || Cluster::plain(6),
    place: Place::ReturnsInHalves,
    tell: halves,
};

/// Every node has one vote, and quorum is a plain majority.
fn is_plain(world: &World) -> bool {
    let cluster = world.cluster();
    !cluster.two_node && cluster.votes.iter().all(|(_, votes)| *votes == 1)
}

/// These leave with `remove`, one after the other; returns whether all could.
fn remove(world: &mut World, gone: &[usize]) -> Result<bool, Violation> {
    heal(world)?;
    let pause = token(world) * 2;
    for (done, &host) in gone.iter().enumerate() {
        world.run_for(pause)?;
        if world.command(host, Command::Leave { remove: true }).is_err() {
            return Ok(false);
        }
        let rest = others(world, gone.get(..=done).unwrap_or(gone));
        let settled = |world: &World| {
            !world.hosts[host].is_alive() && together(world, &rest) && all_claim(world, &rest)
        };
        if !comes_true(world, pause * 2, settled)? {
            return Ok(false);
        }
    }
    world.run_for(pause)?;
    Ok(true)
}

/// With `2k + 1` nodes left: `k` of them are cut off and remember that `k + 1` are enough. The
/// other `k + 1` take the removed back in, and need more from then on. One of them restarts, knows
/// nothing, and joins those who were away: together they are `k + 1` again. R-140: the newer basis
/// counts, and a life that has just begun has none.
fn older_basis(world: &mut World, prng: &mut Prng) -> Told {
    let hosts = world.hosts.len();
    if hosts < 5 || !is_plain(world) {
        return Ok(false);
    }
    let mut order = shuffled(world, prng);
    let gone = order.split_off(hosts - if hosts % 2 == 1 { 2 } else { 3 });
    let Some(voter) = order.pop() else { return Ok(false) };
    let away = order.split_off(order.len() / 2);
    if !remove(world, &gone)? {
        return Ok(true);
    }
    let stay: Vec<usize> = order.iter().chain(&gone).copied().collect();
    world.cut(&between(&away, &stay));
    world.cut(&between(&away, &[voter]));
    let here: Vec<usize> = order.iter().copied().chain([voter]).collect();
    let within = token(world) * 4;
    if !comes_true(world, within, |world| together(world, &here) && all_claim(world, &here))? {
        return Ok(true);
    }
    gone.iter().for_each(|&host| world.start(host));
    let all: Vec<usize> = here.iter().chain(&gone).copied().collect();
    if !comes_true(world, within, |world| together(world, &all) && all_claim(world, &all))? {
        return Ok(true);
    }
    world.run_for(within)?;
    world.crash(voter);
    world.cut(&between(&[voter], &stay));
    world.mend(&between(&[voter], &away));
    let down = some_of_token(world, prng, 200);
    world.run_for(down)?;
    world.start(voter);
    world.run_for(within * 2)?;
    heal(world)?;
    Ok(true)
}

/// With `2k` nodes left: both halves are joined by one that had left.
fn halves(world: &mut World, prng: &mut Prng) -> Told {
    let hosts = world.hosts.len();
    if hosts < 4 || hosts % 2 == 1 || !is_plain(world) {
        return Ok(false);
    }
    let mut order = shuffled(world, prng);
    let gone = order.split_off(hosts - 2);
    let half = order.split_off(order.len() / 2);
    if !remove(world, &gone)? {
        return Ok(true);
    }
    let [to_order, to_half] = gone[..] else { return Ok(true) };
    let (left, right): (Vec<usize>, Vec<usize>) = (
        order.iter().copied().chain([to_order]).collect(),
        half.iter().copied().chain([to_half]).collect(),
    );
    world.cut(&between(&left, &right));
    let span = token(world) * 3;
    if prng.below(2) == 0 {
        world.run_for(span)?;
    }
    gone.iter().for_each(|&host| world.start(host));
    world.run_for(span * 2)?;
    heal(world)?;
    Ok(true)
}
