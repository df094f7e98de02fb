//! Votes that are changed while the cluster runs, and quorum devices.

use cman_node::{Command, Status};
use cman_types::{Amendment, Prng};
use core::time::Duration;

use super::{
    Scenario,
    stage::{
        all_claim, coordinator, expect, heal, member, others, settle, split, token, until,
        wait_together, wait_whole,
    },
};
use crate::{
    cluster::{Cluster, DEVICE_POLL},
    triggers::{Blow, Point},
    violation::Check,
    world::World,
};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "expected-lowered",
            "two of five are left, and an administrator says that the others are down",
            Cluster::plain(5),
            |world, _| expected_lowered(world),
        ),
        Scenario::new(
            "votes-changed-while-healing",
            "one side of a partition changes votes at the moment when both meet again",
            Cluster::plain(5),
            votes_while_healing,
        ),
        Scenario::new(
            "votes-changed-as-the-coordinator-dies",
            "the coordinator dies in the middle of the ballot that changes votes",
            Cluster::plain(5),
            votes_and_death,
        ),
        Scenario::new(
            "votes-changed-in-quiet",
            "votes and expected votes change, and nobody loses quorum for a moment",
            Cluster::plain(3),
            |world, _| votes_in_quiet(world),
        ),
        Scenario::new(
            "more-votes-are-not-forgotten",
            "a node was given most votes; the others restart without it and wait",
            Cluster::plain(5),
            |world, _| more_votes_remembered(world),
        ),
        Scenario::new(
            "quorum-device",
            "a quorum device keeps one of two nodes quorate until it is polled no more",
            // The third was never there: expected votes are three.
            Cluster::plain(3),
            |world, _| quorum_device(world),
        ),
    ]
}

fn status(world: &World, host: usize) -> Option<Status> {
    let host = &world.hosts[host];
    Some(host.life.as_ref()?.node.status(host.clock.local(world.now)))
}

fn votes_of(world: &World, host: usize, amended: usize) -> Option<u32> {
    let node = world.hosts[amended].node;
    status(world, host)?.nodes.iter().find(|known| known.id == node).map(|known| known.votes)
}

/// Asks for votes on a host, and says so if that is refused at once.
fn amend(world: &mut World, by: usize, amendment: Amendment) -> Check {
    let answer = world.command(by, Command::Amend { ticket: 1, amendment });
    expect(world, answer.is_ok(), format!("{amendment:?} is taken: {answer:?}"))
}

fn give(world: &mut World, by: usize, to: usize, votes: u32) -> Check {
    let node = world.hosts[to].node;
    amend(world, by, Amendment::Votes { node, votes })
}

///
fn expected_lowered(world: &mut World) -> Check {
    settle(world)?;
    let left = [0, 1];
    world.crash_together(&[2, 3, 4]);
    let within = token(world) * 3;
    wait_together(world, within, &left)?;
    let claims = left.iter().any(|&host| world.hosts[host].claims(world.now));
    expect(world, !claims, "two of five do not act")?;
    world.votes.taken_at_word = true;
    amend(world, 0, Amendment::Expected { votes: 2 })?;
    until(world, within, "two act, as they were told", |world| all_claim(world, &left))?;
    let told = left.map(|host| status(world, host).map(|known| known.expected_votes));
    expect(world, told == [Some(2); 2], format!("two are expected: {told:?}"))?;
    // Also with those that come back and know nothing of it.
    heal(world)?;
    let all = [0, 1, 2, 3, 4];
    until(world, within, "all act", |world| all_claim(world, &all))?;
    let told = all.map(|host| status(world, host).map(|known| known.expected_votes));
    expect(world, told == [Some(2); 5], format!("two are expected by all: {told:?}"))
}

///
fn votes_while_healing(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    for round in 0..16u32 {
        let paths = split(world, &[0, 1]);
        let within = token(world) * 4;
        wait_together(world, within, &[2, 3, 4])?;
        until(world, within, "three of five act", |world| all_claim(world, &[2, 3, 4]))?;
        let span = token(world);
        world.run_for(span)?;
        let (votes, by) = (1 + round % 3, 2 + usize::try_from(prng.below(3)).unwrap_or(0));
        let hundredths = u32::try_from(prng.below(60)).unwrap_or(0);
        let first = token(world) * hundredths / 100;
        if prng.below(2) == 0 {
            give(world, by, 2, votes)?;
            world.run_for(first)?;
            world.mend(&paths);
        } else {
            world.mend(&paths);
            world.run_for(first)?;
            give(world, by, 2, votes)?;
        }
        let bound = token(world) * 40;
        wait_whole(world, bound)?;
        let agreed = |world: &World| (0..5).all(|host| votes_of(world, host, 2) == Some(votes));
        until(world, within, "all count in the new way", agreed)?;
    }
    heal(world)
}

///
fn votes_and_death(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    for round in 0..16 {
        heal(world)?;
        let span = token(world);
        world.run_for(span)?;
        let points = [Point::FirstRecovered, Point::Recovers, Point::InstallsHalf];
        let back_after = Some(token(world) * (1 + u32::try_from(prng.below(5)).unwrap_or(0)));
        world.arm(points[round % points.len()], Blow::Crash { back_after }, 1);
        let (by, to) = (member(world), coordinator(world));
        let votes = 1 + u32::try_from(prng.below(4)).unwrap_or(0);
        give(world, by, if prng.below(2) == 0 { to } else { by }, votes)?;
        // Whoever counts in the new way and whoever in the old are never apart.
        let side = [member(world)];
        let paths = split(world, &side);
        let span = token(world) * 3;
        world.run_for(span)?;
        world.mend(&paths);
    }
    heal(world)?;
    let span = token(world) * 2;
    world.run_for(span)?;
    let counted: Vec<_> = (0..5).map(|host| status(world, host).map(|s| s.needed)).collect();
    let same = counted.iter().all(|needed| needed.is_some() && *needed == counted[0]);
    expect(world, same, format!("all need the same votes: {counted:?}"))
}

///
fn votes_in_quiet(world: &mut World) -> Check {
    settle(world)?;
    let by = member(world);
    for votes in [2, 1, 3] {
        give(world, by, 0, votes)?;
        let agreed = |world: &World| (0..3).all(|host| votes_of(world, host, 0) == Some(votes));
        let within = token(world) / 2;
        until(world, within, "all count in the new way", agreed)?;
        let span = token(world) * 2;
        world.run_for(span)?;
    }
    amend(world, by, Amendment::Expected { votes: 7 })?;
    let span = token(world) * 2;
    world.run_for(span)?;
    let told = status(world, 0).map(|known| (known.votes, known.expected_votes, known.needed));
    expect(world, told == Some((5, 7, 4)), format!("5 votes, 7 expected, 4 needed: {told:?}"))?;
    let lost = world.lost_quorum.len();
    expect(world, lost == 0, format!("{lost} losses of quorum, none expected"))?;
    // A death a token later interrupts nothing either.
    world.crash(2);
    wait_together(world, token(world) * 2, &[0, 1])?;
    let span = token(world);
    world.run_for(span)?;
    let lost = world.lost_quorum.len();
    expect(world, lost == 0, format!("{lost} losses of quorum at a death, none expected"))
}

///
fn more_votes_remembered(world: &mut World) -> Check {
    settle(world)?;
    let rest = others(world, &[0]);
    give(world, 0, 0, 5)?;
    let span = token(world);
    world.run_for(span)?;
    let paths = split(world, &[0]);
    let within = token(world) * 3;
    wait_together(world, within, &[0])?;
    until(world, within, "it acts alone", |world| all_claim(world, &[0]))?;
    world.crash_together(&rest);
    rest.iter().for_each(|&host| world.start(host));
    wait_together(world, within, &rest)?;
    world.run_for(Duration::from_secs(20))?;
    let claims = rest.iter().any(|&host| world.hosts[host].claims(world.now));
    expect(world, !claims, "four of five remember that they are not enough")?;
    world.mend(&paths);
    let bound = token(world) * 40;
    wait_whole(world, bound)?;
    // Where all restart, the configuration counts again.
    world.crash_together(&[0, 1, 2, 3, 4]);
    (0..4).for_each(|host| world.start(host));
    wait_together(world, within, &[0, 1, 2, 3])?;
    world.run_for(Duration::from_secs(10))?;
    let claims = (0..4).any(|host| world.hosts[host].claims(world.now));
    expect(world, !claims, "four wait for the fifth")?;
    heal(world)?;
    let told = status(world, 0).map(|known| (known.votes, known.expected_votes, known.needed));
    expect(world, told == Some((5, 5, 3)), format!("as configured: {told:?}"))
}

///
fn quorum_device(world: &mut World) -> Check {
    let within = token(world) * 4;
    world.start(0);
    world.start(1);
    wait_together(world, within, &[0, 1])?;
    until(world, within, "both act", |world| all_claim(world, &[0, 1]))?;
    let register = Command::DeviceRegister { name: b"disk".to_vec(), votes: 1 };
    let answer = world.command(0, register);
    expect(world, answer.is_ok(), format!("it is registered: {answer:?}"))?;
    let answer = world.command(0, Command::DevicePoll { available: true });
    expect(world, answer.is_ok(), format!("it is polled: {answer:?}"))?;
    world.run_for(token(world))?;
    world.lost_quorum.clear();
    world.crash(1);
    wait_together(world, within, &[0])?;
    for _ in 0..8 {
        world.run_for(DEVICE_POLL / 2)?;
        let answer = world.command(0, Command::DevicePoll { available: true });
        expect(world, answer.is_ok() && all_claim(world, &[0]), "one goes on with the device")?;
    }
    let lost = world.lost_quorum.len();
    expect(world, lost == 0, format!("{lost} losses of quorum, none expected"))?;
    let within = DEVICE_POLL * 2 + Duration::from_secs(1);
    until(world, within, "nobody polls: it is dead", |world| !all_claim(world, &[0]))?;
    let known = status(world, 0).map(|known| (known.votes, known.needed));
    expect(world, known == Some((1, 2)), format!("one vote, two needed: {known:?}"))?;
    let answer = world.command(0, Command::DevicePoll { available: true });
    expect(world, answer.is_ok(), format!("it is polled again: {answer:?}"))?;
    let within = token(world) * 2;
    until(world, within, "it counts again", |world| all_claim(world, &[0]))?;
    let answer = world.command(0, Command::DevicePoll { available: false });
    let acts = world.hosts[0].claims(world.now);
    expect(world, answer.is_ok() && !acts, "dead at once when it says so")
}
