//! Clients of all nodes have bound the same port and write to it, whatever happens to the network.

use cman_node::Session;
use cman_types::Prng;
use core::time::Duration;

use super::{
    Scenario,
    stage::{
        coordinator, expect, heal, member, others, settle, split, token, until, wait_together,
    },
};
use crate::{
    cluster::Cluster,
    swarm::is_whole,
    violation::Check,
    world::{World, deed::Deed},
};

const NODES: usize = 5;
const PORT: u8 = 11;

/// One datagram in twenty is lost.
const LOSS: u64 = 50_000;

/// The time between two letters, and how long they are.
const STEP: Duration = Duration::from_millis(5);
const LENGTH: u64 = 1492;

/// Events that must have been compared at least, so that the scenario proves something.
const COMPARED_MIN: u64 = 4_000;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        // PT-07 to PT-09, PT-15.
        Scenario::new(
            "ports-of-all-nodes",
            "5 % loss, a death, a partition: binders are told the same, and where their port is",
            Cluster::plain(NODES),
            letters,
        ),
    ]
}

/// The client of each host that has the port.
const BINDER: Session = Session(1000);

/// For this long, somebody writes to the port of all or of one.
fn write(world: &mut World, prng: &mut Prng, span: Duration) -> Check {
    for _ in 0..span.as_millis() / STEP.as_millis() {
        world.run_for(STEP)?;
        let host = world.draw_host();
        let to = world.draw_host();
        let to = (prng.below(4) == 0).then_some(world.hosts[to].node);
        let length = usize::try_from(prng.below(LENGTH + 1)).unwrap_or(0);
        world.client_sends(host, BINDER, to, PORT, length);
    }
    Ok(())
}

/// How many nodes have bound the port, as the node of a host knows it.
fn known(world: &World, host: usize) -> usize {
    let life = world.hosts[host].life.as_ref();
    life.map_or(0, |life| life.node.all_ports().filter(|(_, ports)| ports.contains(PORT)).count())
}

/// Waits until these hosts know that the port is bound at so many nodes.
fn wait_known(world: &mut World, hosts: &[usize], count: usize) -> Check {
    let what = format!("{count} nodes have bound the port, as hosts {hosts:?} know");
    let all = |world: &World| hosts.iter().all(|&host| known(world, host) == count);
    until(world, token(world) * 2, &what, all)
}

fn letters(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    let mut quality = world.options.quality;
    quality.loss = LOSS;
    world.act(Deed::Quality(quality));
    let all = others(world, &[]);
    for &host in &all {
        let bound = world.client_binds(host, BINDER, PORT);
        expect(world, bound, "each node has its own port")?;
    }
    write(world, prng, Duration::from_secs(4))?;
    wait_known(world, &all, NODES)?;
    // One dies, and comes back without its client.
    let lost = member(world);
    let rest = others(world, &[lost]);
    world.crash(lost);
    write(world, prng, token(world) * 2)?;
    wait_together(world, token(world) * 4, &rest)?;
    wait_known(world, &rest, NODES - 1)?;
    heal(world)?;
    world.act(Deed::Quality(quality));
    until(world, token(world) * 2, "all are in step", is_whole)?;
    wait_known(world, &all, NODES - 1)?;
    let bound = world.client_binds(lost, BINDER, PORT);
    expect(world, bound, "the port is free in the new life")?;
    write(world, prng, Duration::from_secs(2))?;
    wait_known(world, &all, NODES)?;
    // Two are apart for a while, and go on by themselves.
    let side = [lost, others(world, &[lost, coordinator(world)])[0]];
    let paths = split(world, &side);
    write(world, prng, token(world) * 3)?;
    wait_together(world, token(world) * 4, &side)?;
    wait_known(world, &side, 2)?;
    world.mend(&paths);
    heal(world)?;
    wait_known(world, &all, NODES)?;
    write(world, prng, Duration::from_secs(2))?;
    world.run_for(token(world))?;
    world.check_at_rest(coordinator(world))?;
    // What the last view brought is compared when it ends.
    world.crash(member(world));
    world.run_for(token(world) * 2)?;
    let compared = world.ports.compared();
    world.log_world(&format!("{compared} events compared"));
    expect(world, compared >= COMPARED_MIN, format!("only {compared} events were compared"))
}
