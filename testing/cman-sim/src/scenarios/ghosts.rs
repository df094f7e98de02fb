//! Groups and view changes: nobody is listed who is not there, not even for a moment.

use cman_types::Prng;
use core::time::Duration;

use super::{
    Scenario,
    stage::{expect, heal, member, others, settle, split, token, until, wait_together},
};
use crate::{cluster::Cluster, violation::Check, world::World};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "ghost-members",
            "a node dies while sides that meet tell each other of their groups: no ghosts",
            Cluster::plain(5),
            dies_in_sync,
        ),
        Scenario::new(
            "ghost-members-split",
            "sides part again while they tell each other of their groups: no ghosts",
            Cluster::plain(5),
            parts_in_sync,
        ),
        Scenario::new(
            "ghost-members-newcomer",
            "a node starts, its clients join at once, and it dies before it is up to date",
            Cluster::plain(5),
            newcomer_dies,
        ),
    ]
}

/// How many processes a host lists in all groups.
fn listed(world: &World, host: usize) -> usize {
    let life = world.hosts[host].life.as_ref();
    life.map_or(0, |life| life.node.groups().map(|(_, members)| members.len()).sum())
}

fn is_syncing(world: &World, host: usize) -> bool {
    world.hosts[host].life.as_ref().is_some_and(|life| life.node.is_syncing())
}

/// All clients of all nodes are in all groups.
fn crowd(world: &mut World) -> Result<usize, crate::violation::Violation> {
    settle(world)?;
    for host in 0..world.hosts.len() {
        world.clients_join(host);
    }
    world.run_for(token(world))?;
    let all = listed(world, 0);
    expect(world, all >= 5, "clients are in groups")?;
    Ok(all)
}

/// Waits until sides that meet are about to bring each other up to date: the moment itself.
fn meet(world: &mut World, side: &[usize]) -> Check {
    let paths = split(world, side);
    wait_together(world, token(world) * 4, side)?;
    wait_together(world, token(world) * 4, &others(world, side))?;
    world.mend(&paths);
    let end = world.now + crate::clock::nanos(token(world) * 10);
    let witness = side.first().copied().unwrap_or(0);
    let begun = world.run_while(end, |world| !is_syncing(world, witness))?;
    expect(world, begun, "sides that meet bring each other up to date")
}

/// Corosync's frozen clusters of 2026: a node came, and died before the sync was over.
fn dies_in_sync(world: &mut World, _prng: &mut Prng) -> Check {
    let all = crowd(world)?;
    let lost = member(world);
    let side = others(world, &[lost, others(world, &[lost]).first().copied().unwrap_or(0)]);
    meet(world, &side)?;
    world.crash(lost);
    let living = world.living();
    wait_together(world, token(world) * 4, &living)?;
    let back = move |world: &World| {
        living.iter().all(|&host| !is_syncing(world, host) && listed(world, host) == all / 5 * 4)
    };
    until(world, token(world) * 2, "the living list all that live", back)?;
    heal(world)
}

/// The same with a node that has just started, at some moments of its first view.
fn newcomer_dies(world: &mut World, _prng: &mut Prng) -> Check {
    let all = crowd(world)?;
    let lost = member(world);
    let rest = others(world, &[lost]);
    for moment in 0..6 {
        world.crash(lost);
        wait_together(world, token(world) * 4, &rest)?;
        // What was held against it is over.
        world.run_for(Duration::from_secs(130))?;
        world.start(lost);
        let end = world.now + crate::clock::nanos(token(world) * 2);
        let begun = world.run_while(end, |world| !is_syncing(world, lost))?;
        expect(world, begun, "the newcomer is brought up to date")?;
        world.clients_join(lost);
        world.run_for(Duration::from_micros(100 * moment))?;
    }
    world.crash(lost);
    wait_together(world, token(world) * 4, &rest)?;
    let back = move |world: &World| {
        rest.iter().all(|&host| !is_syncing(world, host) && listed(world, host) == all / 5 * 4)
    };
    until(world, token(world) * 2, "the living list all that live", back)?;
    heal(world)
}

fn parts_in_sync(world: &mut World, _prng: &mut Prng) -> Check {
    let all = crowd(world)?;
    let side = [0, 1];
    meet(world, &side)?;
    let paths = split(world, &side);
    let rest = others(world, &side);
    for (hosts, count) in [(&side[..], 2), (&rest[..], 3)] {
        wait_together(world, token(world) * 4, hosts)?;
        let hosts = hosts.to_vec();
        let own = move |world: &World| {
            hosts
                .iter()
                .all(|&host| !is_syncing(world, host) && listed(world, host) == all / 5 * count)
        };
        until(world, token(world) * 2, "each side lists its own", own)?;
    }
    world.mend(&paths);
    world.run_for(Duration::from_secs(1))?;
    heal(world)?;
    world.run_for(token(world))?;
    let whole = (0..world.hosts.len()).all(|host| listed(world, host) == all);
    expect(world, whole, "all are listed again")
}
