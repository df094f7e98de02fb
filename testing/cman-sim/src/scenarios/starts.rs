//! Starting, joining, leaving, being put out.

use cman_node::Command;
use core::time::Duration;

use super::{
    Scenario,
    stage::{
        all_claim, coordinator, expect, few_views, heal, member, others, settle, together, token,
        until, wait_together,
    },
};
use crate::{
    clock::nanos,
    cluster::Cluster,
    disk::Mood,
    network::Quality,
    stories::members::heavy,
    swarm::{become_whole, stay_quiet},
    violation::Check,
    world::World,
};

/// How long a good departure may take.
const LEAVE_WITHIN: Duration = Duration::from_millis(200);

pub(super) fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (nodes, seconds) in [(3, 2), (16, 4), (32, 8)] {
        all.push(Scenario::new(
            //
            format!("cold-start-{nodes}"),
            "nodes started together: one view, quorate, in a few seconds and at most 4 views",
            Cluster::plain(nodes),
            move |world, _| cold_start(world, Duration::from_secs(seconds)),
        ));
    }
    //
    all.push(Scenario::new(
        "old-hello",
        "a hello from before the join arrives after it, and causes no view",
        Cluster::plain(4),
        |world, _| old_hello(world),
    ));
    //
    all.push(Scenario::new(
        "leave-member",
        "a member leaves in good order",
        Cluster::plain(5),
        |world, _| leave(world, false),
    ));
    //
    all.push(Scenario::new(
        "leave-coordinator",
        "the coordinator leaves in good order",
        Cluster::plain(5),
        |world, _| leave(world, true),
    ));
    //
    all.push(Scenario::new(
        "leave-last",
        "all nodes leave, one after the other",
        Cluster::plain(3),
        |world, _| leave_last(world),
    ));
    //
    all.push(Scenario::new(
        "kill-member",
        "an administrator puts a member out",
        Cluster::plain(5),
        |world, _| kill(world, false),
    ));
    //
    all.push(Scenario::new(
        "kill-coordinator",
        "an administrator puts the coordinator out",
        Cluster::plain(5),
        |world, _| kill(world, true),
    ));
    all.extend(kept_on_disk());
    all
}

/// What a node writes down before it does it.
fn kept_on_disk() -> Vec<Scenario> {
    vec![
        //
        Scenario::new(
            "remove-and-return",
            "nodes leave with remove until two of five suffice; then they come back",
            Cluster::plain(5),
            |world, _| remove_and_return(world),
        ),
        //
        Scenario::new(
            "remove-while-the-disk-hangs",
            "a heavy node leaves with remove while its disk hangs: its votes stay expected",
            heavy(),
            |world, _| remove_unwritten(world),
        ),
        //
        Scenario::new(
            "disk-stalled-at-ceiling",
            "a disk hangs while views change more often than epochs were reserved for",
            Cluster::plain(3),
            |world, _| disk_stalled(world),
        ),
    ]
}

fn cold_start(world: &mut World, within: Duration) -> Check {
    for host in 0..world.hosts.len() {
        world.start(host);
    }
    become_whole(world, within)?;
    few_views(world, 4)?;
    let span = token(world) * 3;
    stay_quiet(world, span)
}

fn old_hello(world: &mut World) -> Check {
    let (late, late_max) = (300_000, token(world) * 6 / 10);
    world.options.quality = Quality { late, late_max, ..Quality::QUIET };
    world.network.quality = world.options.quality;
    for host in 0..3 {
        world.start(host);
    }
    wait_together(world, token(world) * 8, &[0, 1, 2])?;
    for _ in 0..8 {
        world.installed.clear();
        world.start(3);
        let within = token(world) * 8;
        wait_together(world, within, &[0, 1, 2, 3])?;
        world.run_for(within / 2)?;
        few_views(world, 2)?;
        // Steady for so long that nothing is held against it.
        world.run_for(Duration::from_secs(130))?;
        world.crash(3);
        wait_together(world, within, &[0, 1, 2])?;
        world.run_for(Duration::from_secs(130))?;
    }
    Ok(())
}

fn leave(world: &mut World, first: bool) -> Check {
    settle(world)?;
    let host = if first { coordinator(world) } else { member(world) };
    let answer = world.command(host, Command::Leave { remove: false });
    expect(world, answer.is_ok(), format!("refused: {answer:?}"))?;
    let rest = others(world, &[host]);
    wait_together(world, LEAVE_WITHIN, &rest)?;
    until(world, LEAVE_WITHIN, "the leaver has ended", |world| !world.hosts[host].is_alive())?;
    let span = token(world) * 2;
    world.run_for(span)?;
    few_views(world, 1)?;
    let lost: Vec<usize> = world.lost_quorum.iter().map(|(_, who)| *who).collect();
    expect(
        world,
        lost.iter().all(|who| *who == host),
        format!("a departure cost others quorum: hosts {lost:?}"),
    )
}

fn leave_last(world: &mut World) -> Check {
    settle(world)?;
    for host in 0..3 {
        let answer = world.command(host, Command::Leave { remove: false });
        expect(world, answer.is_ok(), format!("refused: {answer:?}"))?;
        until(world, token(world), "it has ended", |world| !world.hosts[host].is_alive())?;
        let rest = world.living();
        wait_together(world, token(world), &rest)?;
    }
    Ok(())
}

fn kill(world: &mut World, first: bool) -> Check {
    settle(world)?;
    let host = if first { coordinator(world) } else { member(world) };
    let by = others(world, &[host]).first().copied().unwrap_or(0);
    let node = world.hosts[host].node;
    let answer = world.command(by, Command::Kill { node });
    expect(world, answer.is_ok(), format!("refused: {answer:?}"))?;
    let rest = others(world, &[host]);
    let within = token(world) * 2;
    wait_together(world, within, &rest)?;
    until(world, within, "the killed has ended", |world| !world.hosts[host].is_alive())?;
    world.run_for(within)?;
    let claim = all_claim(world, &rest);
    expect(world, claim, "the others are quorate")
}

fn remove_and_return(world: &mut World) -> Check {
    settle(world)?;
    for host in [4, 3] {
        let answer = world.command(host, Command::Leave { remove: true });
        expect(world, answer.is_ok(), format!("refused: {answer:?}"))?;
        let rest: Vec<usize> = (0..host).collect();
        wait_together(world, LEAVE_WITHIN, &rest)?;
        let span = token(world);
        world.run_for(span)?;
    }
    // Three votes are expected now: two nodes go on.
    world.crash(2);
    wait_together(world, token(world) * 2, &[0, 1])?;
    let span = token(world) * 2;
    world.run_for(span)?;
    let claim = all_claim(world, &[0, 1]);
    expect(world, claim, "two of three expected votes suffice")?;
    // The removed start where they cannot hear the others: they are never quorate alone.
    let paths = super::stage::split(world, &[2, 3, 4]);
    for host in [2, 3, 4] {
        world.start(host);
    }
    for _ in 0..20 {
        let span = token(world) / 4;
        world.run_for(span)?;
        let claim = [2, 3, 4].iter().any(|&host| world.hosts[host].claims(world.now));
        expect(world, !claim, "a removed node is not quorate without the others")?;
    }
    world.mend(&paths);
    let within = token(world) * 6;
    wait_together(world, within, &[0, 1, 2, 3, 4])?;
    until(world, within, "all are quorate again", |world| all_claim(world, &[0, 1, 2, 3, 4]))
}

/// Seed 19643. If its votes were taken off all the same, those who stay would be quorate without
/// it; and it with any node that has just started, because neither would know.
fn remove_unwritten(world: &mut World) -> Check {
    let (heavy, voter, rest) = (0, 1, [2, 3, 4]);
    settle(world)?;
    world.hosts[heavy].disk.set_mood(Mood::Hangs);
    let answer = world.command(heavy, Command::Leave { remove: true });
    expect(world, answer.is_ok(), format!("refused: {answer:?}"))?;
    let within = token(world) * 4;
    wait_together(world, within, &[1, 2, 3, 4])?;
    world.hosts[heavy].disk.set_mood(Mood::Works(crate::disk::USUAL_LATENCY));
    world.crash(voter);
    super::stage::split(world, &rest);
    world.start(heavy);
    world.start(voter);
    until(world, within, "they are quorate", |world| all_claim(world, &[heavy, voter]))?;
    let others = rest.iter().any(|&host| world.hosts[host].claims(world.now));
    expect(world, !others, "nobody else is")?;
    heal(world)?;
    world.run_for(within)?;
    // A disk that works notes it before anybody else does.
    let answer = world.command(heavy, Command::Leave { remove: true });
    expect(world, answer.is_ok(), format!("refused: {answer:?}"))?;
    let rest = [1, 2, 3, 4];
    wait_together(world, LEAVE_WITHIN, &rest)?;
    let noted = world.hosts[heavy].disk.content().is_some_and(|content| content.removed);
    expect(world, noted, "the disk remembers")?;
    until(world, within, "its votes are not expected", |world| all_claim(world, &rest))
}

fn disk_stalled(world: &mut World) -> Check {
    settle(world)?;
    world.hosts[0].disk.set_mood(Mood::Hangs);
    for _ in 0..20 {
        world.crash(2);
        wait_together(world, token(world) * 2, &[0, 1])?;
        world.start(2);
        let within = Duration::from_secs(70);
        until(world, within, "taken in again", |world| together(world, &[0, 1, 2]))?;
    }
    world.hosts[0].disk.set_mood(Mood::Works(crate::disk::USUAL_LATENCY));
    let at = world.now + nanos(token(world));
    world.run_until(at)?;
    heal(world)
}
