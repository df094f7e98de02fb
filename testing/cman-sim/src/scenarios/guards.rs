//! Stories that show what one rule is good for: without it they go wrong, although the rules
//! around it hide that in most other stories. Each belongs to a mutant in `testing/mutants`.

use core::time::Duration;

use super::{
    Scenario,
    hearing::{moment, wait_stage},
    stage::{coordinator, expect, few_views, heal, member, others, settle, token, wait_together},
};
use crate::{
    clock::nanos, cluster::Cluster, host::Stage, stories::members::heavy, violation::Check,
    world::World,
};

pub(super) fn all() -> Vec<Scenario> {
    let mut all = vec![
        //
        Scenario::new(
            "deaf-while-held",
            "a node is held off and goes deaf meanwhile: the others never ask for it",
            Cluster::plain(5),
            |world, _| deaf_while_held(world, false),
        ),
        //
        Scenario::new(
            "deaf-starter",
            "a node that is held off starts anew and goes deaf: the others never ask for it",
            Cluster::plain(5),
            |world, _| deaf_while_held(world, true),
        ),
        //
        Scenario::new(
            "lone-install",
            "the coordinator installs what all confirmed, and nobody hears of it",
            Cluster::plain(5),
            |world, _| lone_install(world),
        ),
        //
        Scenario::new(
            "lone-install-without-all",
            "a view that not all confirmed is completed by the others, then by its coordinator",
            Cluster::plain(5),
            |world, _| completed_without_all(world),
        ),
        //
        Scenario::new(
            "woken-in-silence",
            "the coordinator wakes, and nothing lies in its socket: it does not blame the others",
            Cluster::plain(5),
            |world, _| woken_in_silence(world),
        ),
        //
        Scenario::new(
            "replayed-answers",
            "nodes restart and are challenged over and over; their old answers come again",
            Cluster::plain(4),
            |world, _| replayed_answers(world),
        ),
    ];
    // R-81h, R-91, R-92.
    for (name, stall, period) in
        [("sleepy-heavy-coordinator", 19, 28), ("stalling-heavy-coordinator", 12, 18)]
    {
        all.push(Scenario::new(
            name,
            "the coordinator has most votes and stalls over and over: views are bounded",
            heavy(),
            move |world, _| heavy_sleeper(world, stall, period),
        ));
    }
    all
}

/// Views are counted for so long.
const MINUTE: Duration = Duration::from_secs(60);

/// A node that has proved that it lives calls, but does not hear: nobody may be frozen for it.
fn deaf_while_held(world: &mut World, anew: bool) -> Check {
    settle(world)?;
    let host = member(world);
    let rest = others(world, &[host]);
    let (all, away) = (world.living(), world.paths_of(host, true, true));
    // It comes and goes until it is held off for a minute.
    world.cut(&away);
    wait_together(world, token(world) * 2, &rest)?;
    world.mend(&away);
    wait_together(world, token(world) * 4, &all)?;
    world.cut(&away);
    wait_together(world, token(world) * 2, &rest)?;
    world.mend(&away);
    let before_the_end = Duration::from_millis(500);
    world.run_for(Duration::from_secs(60) - before_the_end)?;
    if anew {
        world.crash(host);
        world.start(host);
    }
    world.run_for(before_the_end / 2)?;
    let inward = world.paths_of(host, false, true);
    world.cut(&inward);
    world.installed.clear();
    world.run_for(Duration::from_secs(60))?;
    let views = world.installed.iter().filter(|(_, who)| rest.contains(who)).count();
    expect(world, views == 0, format!("{views} views at the others, none expected"))?;
    heal(world)
}

fn lone_install(world: &mut World) -> Check {
    settle(world)?;
    for _ in 0..4 {
        heal(world)?;
        let first = coordinator(world);
        let gone = member(world);
        let rest = others(world, &[first, gone]);
        world.crash(gone);
        let before = world.hosts[first].proposing.map(|(ballot, _)| ballot);
        let all_confirmed = |world: &World| {
            let ballot = world.hosts[first].proposing.map(|(ballot, _)| ballot);
            ballot.filter(|ballot| Some(*ballot) != before).is_some_and(|ballot| {
                let confirmed = |me| world.history.has_confirmed(&me, ballot);
                rest.iter().all(|&host| world.hosts[host].me().is_some_and(confirmed))
            })
        };
        let end = world.now + nanos(token(world) * 2);
        world.run_while(end, |world| !all_confirmed(world))?;
        let paths = world.paths_of(first, true, false);
        world.cut(&paths);
        let span = token(world) * 4;
        world.run_for(span)?;
    }
    heal(world)
}

/// The coordinator stalls when it has told the plan, which one member did not get. The others
/// cannot know that, and complete the view. The coordinator comes back, and is behind by its own.
fn completed_without_all(world: &mut World) -> Check {
    settle(world)?;
    let (first, gone) = (coordinator(world), member(world));
    let rest = others(world, &[first, gone]);
    let Some((&far, near)) = rest.split_last() else {
        return expect(world, false, "somebody is left");
    };
    let within = token(world) * 3;
    world.crash(gone);
    wait_stage(world, within, &[first], Stage::Flush)?;
    let away = world.paths_of(far, true, true);
    world.cut(&away);
    world.mend(&[(far, first)]);
    wait_stage(world, within, &[first], Stage::Recover)?;
    let ballot = world.hosts[first].proposing.map(|(ballot, _)| ballot);
    world.stall(first, within);
    let successor = wait_stage(world, within, near, Stage::Recover)?;
    // Its plan is under way; a moment later it could go on without the coordinator.
    world.run_for(Duration::from_micros(1))?;
    world.crash(successor);
    moment(world, within * 2, "the coordinator completes its own view", |world| {
        world.hosts[first].view().map(|view| view.id) == ballot
    })?;
    let far = world.hosts[far].me();
    let confirmed = |(far, ballot)| world.history.has_confirmed(&far, ballot);
    let unconfirmed = far.zip(ballot).is_some_and(|words| !confirmed(words));
    expect(world, unconfirmed, "one of its members never confirmed it")?;
    heal(world)
}

fn woken_in_silence(world: &mut World) -> Check {
    settle(world)?;
    for hundredths in [90, 110, 150, 300] {
        heal(world)?;
        let first = coordinator(world);
        let paths = world.paths_of(first, true, true);
        let span = token(world) * hundredths / 100;
        world.stall(first, span);
        world.cut(&paths);
        world.run_for(span)?;
        world.mend(&paths);
        let span = token(world) * 6;
        world.run_for(span)?;
    }
    heal(world)
}

fn replayed_answers(world: &mut World) -> Check {
    settle(world)?;
    for _ in 0..20 {
        let host = world.draw_host();
        for _ in 0..3 {
            world.crash(host);
            world.start(host);
            world.run_for(Duration::from_millis(200))?;
        }
        for _ in 0..10 {
            world.replay(40);
            world.run_for(Duration::from_millis(150))?;
        }
    }
    heal(world)
}

/// Views a minute that a node may cost without which nobody is quorate: it is held off for 5 T
/// only (decision 0008) and lost after T, so it comes and goes once in 6 T of 2 s; and one time
/// more, because minutes begin anywhere.
const NEEDED_NODE_MAX: usize = 12;

/// It stalls for `stall` tenths of the token in each `period` tenths.
fn heavy_sleeper(world: &mut World, stall: u32, period: u32) -> Check {
    // The longest-lived coordinates.
    world.start(0);
    world.run_for(token(world) * 3)?;
    settle(world)?;
    let first = coordinator(world);
    expect(world, first == 0, "the node with most votes coordinates")?;
    let (stall, period) = (token(world) * stall / 10, token(world) * period / 10);
    let mut until_counted = MINUTE;
    for time in 0..4 * u32::try_from(nanos(MINUTE) / nanos(period)).unwrap_or(1) {
        world.stall(first, stall);
        world.run_for(period)?;
        if period * (time + 1) >= until_counted {
            until_counted += MINUTE;
            few_views(world, NEEDED_NODE_MAX)?;
        }
    }
    heal(world)
}
