//! Stories in which two sides could act at once.

use cman_types::Prng;
use core::time::Duration;

use super::{
    Scenario,
    stage::{
        all_claim, coordinator, deputy, expect, heal, member, others, settle, split, token, until,
        wait_together,
    },
};
use crate::{
    cluster::Cluster,
    network::Quality,
    triggers::{Blow, Point},
    violation::Check,
    world::{World, deed::Deed},
};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "lease-one-way-to-coordinator",
            "the coordinator is heard but hears nobody: its lease ends before others act",
            Cluster::plain(5),
            |world, _| one_way(world),
        ),
        Scenario::new(
            "forgotten-promise",
            "a voter restarts at once and joins the other side of a partition",
            Cluster::plain(3),
            forgotten_promise,
        ),
        Scenario::new(
            "short-phase",
            "a member is cut off at the moment of a proposal, and left out before its lease ends",
            Cluster::plain(3),
            short_phase,
        ),
        Scenario::new(
            "slow-beat",
            "beats are half a token on the way while others take over",
            Cluster::plain(3),
            slow_beat,
        ),
        Scenario::new(
            "dead-between-confirm-and-install",
            "the coordinator dies between confirm and install, and the rest is partitioned",
            Cluster::plain(5),
            confirm_and_partition,
        ),
        Scenario::new(
            "two-hubs",
            "coordinator and deputies are cut from each other, each with some members",
            Cluster::plain(7),
            two_hubs,
        ),
        Scenario::new(
            "deputy-vouches",
            "a deputy hands out leases, is replaced, and its leases are honoured",
            Cluster::plain(5),
            deputy_vouches,
        ),
        Scenario::new(
            "queued-beats",
            "a coordinator wakes with its sockets full of old beats, cut off meanwhile",
            Cluster::plain(5),
            queued_beats,
        ),
        Scenario::new(
            "two-node",
            "two nodes, either may act alone once both were there",
            Cluster { two_node: true, wait_for_all: true, ..Cluster::plain(2) },
            |world, _| two_node(world),
        ),
        Scenario::new(
            "wait-for-all",
            "nobody acts before all nodes were seen together",
            Cluster { wait_for_all: true, ..Cluster::plain(3) },
            |world, _| wait_for_all(world),
        ),
    ]
}

///
fn one_way(world: &mut World) -> Check {
    settle(world)?;
    for _ in 0..4 {
        let first = coordinator(world);
        let rest = others(world, &[first]);
        let paths = world.paths_of(first, false, true);
        world.cut(&paths);
        // It finds everybody silent and goes its own way; the others hear it for up to 3 T more
        // before they act themselves.
        let within = token(world) * 6;
        wait_together(world, within, &rest)?;
        until(world, within, "the others act without it", |world| all_claim(world, &rest))?;
        let claims = world.hosts[first].claims(world.now);
        expect(world, !claims, "the deaf coordinator does not act")?;
        world.mend(&paths);
        heal(world)?;
    }
    Ok(())
}

///
fn forgotten_promise(world: &mut World, prng: &mut Prng) -> Check {
    for _ in 0..12 {
        heal(world)?;
        let (lone, voter, holder) = (0, 1, 2);
        let away = world.paths_of(lone, true, true);
        world.cut(&away);
        let within = token(world) * 3;
        wait_together(world, within, &[voter, holder])?;
        until(world, within, "the two act", |world| all_claim(world, &[voter, holder]))?;
        // The voter dies, and its next life finds itself on the other side.
        world.crash(voter);
        let apart = world.paths_of(holder, true, true);
        world.cut(&apart);
        world.mend(&[(lone, voter), (voter, lone)]);
        let down = token(world) * u32::try_from(prng.below(30)).unwrap_or(0) / 100;
        world.run_for(down)?;
        world.start(voter);
        let span = token(world) * 4;
        world.run_for(span)?;
    }
    heal(world)
}

///
fn short_phase(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    for _ in 0..12 {
        heal(world)?;
        let first = coordinator(world);
        let victim = others(world, &[first]).into_iter().last().unwrap_or(0);
        // A view change that leaves nobody out: a member restarts at once.
        let other = others(world, &[first, victim]).into_iter().last().unwrap_or(0);
        world.crash(other);
        world.start(other);
        let before = world.hosts[first].proposing;
        let end = world.now + crate::clock::nanos(token(world));
        world.run_while(end, |world| world.hosts[first].proposing == before)?;
        let apart = world.paths_of(victim, true, true);
        world.cut(&apart);
        let down = token(world) * (2 + u32::try_from(prng.below(3)).unwrap_or(0));
        world.run_for(down)?;
    }
    heal(world)
}

///
fn slow_beat(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    for _ in 0..16 {
        heal(world)?;
        let (late, late_max) = (500_000, token(world) * 6 / 10);
        world.act(Deed::Quality(Quality { late, late_max, ..Quality::QUIET }));
        let span = token(world) * u32::try_from(100 + prng.below(200)).unwrap_or(100) / 100;
        world.run_for(span)?;
        let side = if prng.below(2) == 0 { coordinator(world) } else { member(world) };
        let paths = split(world, &[side]);
        let span = token(world) * 3;
        world.run_for(span)?;
        world.mend(&paths);
    }
    heal(world)
}

///
fn confirm_and_partition(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    for round in 0..12 {
        heal(world)?;
        let points = [Point::FirstRecovered, Point::Recovers, Point::InstallsHalf];
        let back_after = Some(token(world) * 6);
        world.arm(points[round % points.len()], Blow::Crash { back_after }, 1);
        let first = coordinator(world);
        let gone = member(world);
        world.crash(gone);
        let end = world.now + crate::clock::nanos(token(world) * 2);
        world.run_while(end, |world| world.hosts[first].is_alive())?;
        let side = world.draw_host();
        let other = (side + 1 + usize::try_from(prng.below(3)).unwrap_or(0)) % 5;
        let paths = split(world, &[side, other]);
        let span = token(world) * 5;
        world.run_for(span)?;
        world.mend(&paths);
        let span = token(world);
        world.run_for(span)?;
    }
    heal(world)
}

///
fn two_hubs(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    for _ in 0..20 {
        heal(world)?;
        let (first, second) = (coordinator(world), deputy(world));
        // Both hubs keep some members; those in the middle hear both.
        let mut paths = vec![(first, second), (second, first)];
        for host in others(world, &[first, second]) {
            match prng.below(5) {
                0 => paths.extend([(first, host), (host, first)]),
                1 => paths.push((host, first)),
                2 => paths.push((first, host)),
                3 => paths.extend([(second, host), (host, second)]),
                _ => {}
            }
        }
        world.cut(&paths);
        let hundredths = u32::try_from(40 + prng.below(200)).unwrap_or(100);
        let span = token(world) * hundredths / 100;
        world.run_for(span)?;
        let side: Vec<usize> = (0..7).filter(|&host| host == first || prng.below(2) == 0).collect();
        let split_paths = split(world, &side);
        let span = token(world) * 3;
        world.run_for(span)?;
        world.mend(&split_paths);
        world.mend(&paths);
    }
    heal(world)
}

///
fn deputy_vouches(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    for _ in 0..16 {
        heal(world)?;
        let (first, second) = (coordinator(world), deputy(world));
        // The deputy acts while the coordinator is away; then it is cut off with a member.
        world.stall(first, token(world) * 3);
        let hundredths = u32::try_from(50 + prng.below(60)).unwrap_or(50);
        let span = token(world) * hundredths / 100;
        world.run_for(span)?;
        let mut side = vec![second];
        if prng.below(2) == 0 {
            side.extend(others(world, &[first, second]).first());
        }
        let paths = split(world, &side);
        let span = token(world) * 4;
        world.run_for(span)?;
        world.mend(&paths);
    }
    heal(world)
}

///
fn queued_beats(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    for _ in 0..16 {
        heal(world)?;
        let host = if prng.below(2) == 0 { coordinator(world) } else { member(world) };
        let hundredths = u32::try_from(30 + prng.below(200)).unwrap_or(50);
        let stall = token(world) * hundredths / 100;
        world.stall(host, stall);
        // What was queued is the last that comes: it is cut off before it wakes.
        world.run_for(stall * 9 / 10)?;
        let paths = world.paths_of(host, true, true);
        world.cut(&paths);
        let span = token(world) * 4;
        world.run_for(span)?;
        world.mend(&paths);
    }
    heal(world)
}

///
fn two_node(world: &mut World) -> Check {
    world.start(0);
    world.run_for(Duration::from_secs(20))?;
    let alone = world.hosts[0].claims(world.now);
    expect(world, !alone, "the first quorum waits for both")?;
    world.start(1);
    let within = token(world) * 4;
    wait_together(world, within, &[0, 1])?;
    until(world, within, "both act", |world| all_claim(world, &[0, 1]))?;
    world.crash(1);
    wait_together(world, within, &[0])?;
    let span = token(world);
    world.run_for(span)?;
    let claims = world.hosts[0].claims(world.now);
    expect(world, claims, "one of two goes on alone")
}

///
fn wait_for_all(world: &mut World) -> Check {
    world.start(0);
    world.start(1);
    let within = token(world) * 4;
    wait_together(world, within, &[0, 1])?;
    world.run_for(Duration::from_secs(20))?;
    let claims = world.hosts[0].claims(world.now) || world.hosts[1].claims(world.now);
    expect(world, !claims, "two of three wait for the third")?;
    world.start(2);
    wait_together(world, within, &[0, 1, 2])?;
    until(world, within, "all act", |world| all_claim(world, &[0, 1, 2]))?;
    world.crash(2);
    wait_together(world, within, &[0, 1])?;
    let span = token(world);
    world.run_for(span)?;
    let claim = all_claim(world, &[0, 1]);
    expect(world, claim, "two go on after all were seen")
}
