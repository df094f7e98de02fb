//! Nodes that call without being members, or as if they were others.

use cman_node::Command;
use cman_types::Prng;
use core::time::Duration;

use super::{Story, Told, comes_true, shuffled};
use crate::{
    clock::{Real, nanos},
    cluster::Cluster,
    faults,
    reach::Place,
    scenarios::stage::{expect, heal, others, together, token},
    swarm::{is_whole, stay_quiet},
    violation::Violation,
    world::World,
};

/// For how long a node that comes and goes is held off. A little less is waited for: the
/// coordinator's clock may be fast.
const HELD_OFF: Duration = Duration::from_secs(60);

/// a second node with the id of a member, at another address.
pub(super) const TWIN: Story = Story {
    name: "twin",
    text: "a second node with the id of a member starts: refused, nobody else notices",
    cluster: || Cluster::plain(4),
    place: Place::Twins,
    tell: twin,
};

/// what was said before a view and arrives in it.
pub(super) const LATE_HELLO: Story = Story {
    name: "late-hello",
    text: "hellos of a node that joins arrive when it has joined already",
    cluster: || Cluster::plain(4),
    place: Place::LateHellos,
    tell: late_hello,
};

/// who does not hear is not asked.
pub(super) const DEAF_STARTER: Story = Story {
    name: "deaf-starter",
    text: "a node that is held off goes deaf: the others never ask for it",
    cluster: || Cluster::plain(5),
    place: Place::DeafStarters,
    tell: deaf_starter,
};

/// Security: an answer proves something only if it answers the challenge that was asked.
pub(super) const ECHOES: Story = Story {
    name: "echoes",
    text: "a node restarts and coordinates, and the first words of its lives are said again",
    cluster: || Cluster::plain(4),
    place: Place::Echoes,
    tell: echoes,
};

fn echoes(world: &mut World, _: &mut Prng) -> Told {
    heal(world)?;
    let span = token(world) * 2;
    world.run_for(span)?;
    let host = world.draw_host();
    for _ in 0..2 {
        world.crash(host);
        world.run_for(Duration::from_millis(100))?;
        world.start(host);
        _ = comes_true(world, span, is_whole)?;
    }
    // It coordinates from now on, so that a new life of it would concern everybody.
    world.crash_together(&others(world, &[host]));
    world.run_for(span)?;
    heal(world)?;
    world.run_for(span)?;
    for _ in 0..4 {
        world.replay_births();
        stay_quiet(world, span / 2)?;
    }
    Ok(true)
}

/// A node that does not coordinate.
fn any_member(world: &World, prng: &mut Prng) -> Option<usize> {
    let first = faults::coordinator(world)?;
    shuffled(world, prng).into_iter().find(|&host| host != first)
}

fn twin(world: &mut World, _: &mut Prng) -> Told {
    heal(world)?;
    let span = token(world) * 2;
    world.run_for(span)?;
    let original = world.draw_host();
    let cluster = (*world.cluster()).clone();
    let twin = world.add_host(cluster, world.hosts[original].node, false);
    world.start(twin);
    let watched = stay_quiet(world, span * 4);
    world.remove_last_host();
    watched?;
    Ok(true)
}

fn late_hello(world: &mut World, prng: &mut Prng) -> Told {
    heal(world)?;
    let span = token(world) * 2;
    world.run_for(span)?;
    let Some(host) = any_member(world, prng) else { return Ok(false) };
    if world.command(host, Command::Leave { remove: false }).is_err() {
        return Ok(false);
    }
    let rest = others(world, &[host]);
    if !comes_true(world, span, |world| !world.hosts[host].is_alive() && together(world, &rest))? {
        return Ok(true);
    }
    world.run_for(span)?;
    world.late_hellos = Some((host, token(world) * 6 / 10));
    world.start(host);
    let joined = comes_true(world, span * 4, is_whole)?;
    world.late_hellos = None;
    if joined {
        stay_quiet(world, span)?;
    }
    Ok(true)
}

/// It is held off because it came and went; its next life proves that it lives, and calls, but
/// does not hear any more when its time has come.
fn deaf_starter(world: &mut World, prng: &mut Prng) -> Told {
    heal(world)?;
    let span = token(world) * 2;
    world.run_for(span)?;
    let Some(host) = any_member(world, prng) else { return Ok(false) };
    let rest = others(world, &[host]);
    let cluster = world.cluster();
    // Where it is needed it is not held off for long.
    if cluster.two_node || !cluster.suffices(rest.iter().map(|&host| world.hosts[host].node)) {
        return Ok(false);
    }
    let Some(lost_at) = come_and_go(world, host, &rest)? else { return Ok(true) };
    world.run_until(lost_at + nanos(HELD_OFF * 98 / 100))?;
    if prng.below(4) != 0 {
        world.crash(host);
        world.start(host);
    }
    world.run_for(Duration::from_millis(200))?;
    let inward = world.paths_of(host, false, true);
    world.cut(&inward);
    world.installed.clear();
    world.run_for(span * 10)?;
    let views = world.installed.iter().filter(|(_, who)| rest.contains(who)).count();
    expect(world, views == 0, format!("{views} views for a node that does not hear"))?;
    heal(world)?;
    Ok(true)
}

/// A node comes and goes until it is held off; returns since when, if it is.
fn come_and_go(world: &mut World, host: usize, rest: &[usize]) -> Result<Option<Real>, Violation> {
    let (within, away) = (token(world) * 2, world.paths_of(host, true, true));
    for _ in 0..3 {
        world.cut(&away);
        let lost = comes_true(world, within, |world| together(world, rest))?;
        let lost_at = world.now;
        world.mend(&away);
        if !lost {
            return Ok(None);
        }
        // The first time it is held off for a second only.
        if !comes_true(world, within * 2 + Duration::from_secs(2), is_whole)? {
            return Ok(Some(lost_at));
        }
    }
    Ok(None)
}
