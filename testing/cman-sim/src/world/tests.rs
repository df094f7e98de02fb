//! Each checker of this module notices a world that was spoilt on purpose.

use super::{Cluster, End, Instant, Options, SimCipher, World};
use core::time::Duration;
use std::sync::Arc;

use crate::{
    faults::coordinator,
    swarm::become_whole,
    triggers::{Blow, Point},
};
use cman_crypto::Cipher;
use cman_node::Command;

/// Nodes that are in one view and quorate.
fn whole(nodes: usize) -> World {
    let mut world = World::new(Cluster::plain(nodes), Options::quiet(1));
    for host in 0..nodes {
        world.start(host);
    }
    become_whole(&mut world, Duration::from_secs(10)).unwrap();
    world.run_for(Duration::from_secs(5)).unwrap();
    world
}

fn broken(world: &World) -> &'static str {
    world.failure().map_or_else(|violation| violation.invariant, |()| "nothing")
}

#[test]
fn nothing_is_broken_in_a_sound_world() {
    let mut world = whole(2);
    world.look(0);
    world.publish(0);
    assert_eq!(broken(&world), "nothing");
}

#[test]
fn clients_that_were_told_otherwise_are_noticed() {
    let mut world = whole(1);
    world.hosts[0].life.as_mut().unwrap().said_quorate = false;
    world.publish(0);
    assert_eq!(broken(&world), "quorum told honestly");
}

#[test]
fn a_status_that_counts_otherwise_is_noticed() {
    let mut world = whole(1);
    world.hosts[0].life.as_mut().unwrap().views += 1;
    world.look(0);
    assert_eq!(broken(&world), "status tells the truth");
}

#[test]
fn a_sign_of_life_that_never_came_is_noticed() {
    let mut world = whole(2);
    world.hosts[0].heard.fill(Instant::ZERO);
    world.look(0);
    assert_eq!(broken(&world), "freshness");
}

#[test]
fn a_nonce_used_twice_is_noticed() {
    let mut world = whole(1);
    let cipher = SimCipher { key: 1, ledger: Arc::clone(&world.ledger) };
    let seal = cipher.derive(&world.hosts[0].me().unwrap(), 0);
    for text in [b"one", b"two"] {
        seal.seal(u64::MAX, b"clear", text, &mut Vec::new());
    }
    world.look(0);
    assert_eq!(broken(&world), "nonces are used once");
}

#[test]
fn a_node_that_stops_untold_is_noticed() {
    let mut world = whole(1);
    world.stops(0, End::Fatal, "tired");
    assert_eq!(broken(&world), "nobody stops untold");
}

/// A coordinator says that a view is settled, and dies before it can tell of the view: the removed
/// node that it took back may act without it.
#[test]
fn who_dies_with_these_words_has_settled_the_view() {
    let cluster = Cluster { two_node: true, wait_for_all: true, ..Cluster::plain(2) };
    let mut world = World::new(cluster, Options::quiet(1));
    let second = Duration::from_secs(1);
    (0..2).for_each(|host| world.start(host));
    become_whole(&mut world, second * 10).unwrap();
    world.run_for(second * 4).unwrap();
    let first = coordinator(&world).unwrap();
    let other = 1 - first;
    world.command(other, Command::Leave { remove: true }).unwrap();
    world.run_for(second * 4).unwrap();
    world.arm(Point::Installs, Blow::Crash { back_after: Some(second / 2) }, 1);
    world.start(other);
    world.run_for(second / 2).unwrap();
    assert!(!world.hosts[first].is_alive() && world.triggers.is_empty());
    world.run_for(second * 2).unwrap();
    assert!(world.hosts[other].claims(world.now));
}

/// A node completes a view, says so in a plan, and dies before it can tell of the view: who takes
/// that plan knows what it knew. (Seed 10569.)
#[test]
fn what_the_dead_knew_is_in_their_last_plan() {
    let cluster = Cluster { wait_for_all: true, ..Cluster::plain(3) };
    let mut world = World::new(cluster, Options::quiet(1));
    let (token, [knows, tells, acts]) = (world.cluster().token, [0, 1, 2]);
    (0..3).for_each(|host| world.start(host));
    become_whole(&mut world, token * 5).unwrap();
    world.crash_together(&[tells, acts]);
    world.run_for(token * 2).unwrap();
    world.arm(Point::FirstRecovered, Blow::Mute(token * 9), 1);
    world.start(tells);
    world.run_for(token).unwrap();
    assert!(world.triggers.is_empty() && world.hosts[tells].view().is_none());
    world.crash(knows);
    world.run_for(token).unwrap();
    world.arm(Point::Recovers, Blow::Crash { back_after: None }, 1);
    world.start(acts);
    world.run_for(token * 4).unwrap();
    assert!(world.triggers.is_empty() && !world.hosts[tells].is_alive());
    world.heal();
    world.start(knows);
    world.run_for(token * 8).unwrap();
    assert!(world.hosts[acts].claims(world.now));
}
