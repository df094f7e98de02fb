//! Nodes die, at bad moments and together.

use cman_types::Prng;
use core::time::Duration;

use super::{
    Scenario,
    stage::{coordinator, deputy, heal, member, settle, token, wait_together},
};
use crate::{
    cluster::Cluster,
    network::Quality,
    swarm::crash_and_time,
    triggers::{Blow, Point},
    violation::Check,
    world::{World, deed::Deed},
};

pub(super) fn all() -> Vec<Scenario> {
    let mut all = in_a_phase();
    all.extend(timed());
    //
    all.push(Scenario::new(
        "twice-in-a-row",
        "the coordinator dies in the middle of a view change, and so does the next proposer",
        Cluster::plain(7),
        |world, prng| rounds(world, prng, &[Point::Proposes, Point::Recovers], 2, 6),
    ));
    //
    all.push(Scenario::new(
        "half-install",
        "half of the members get the decision, then the proposer dies, is cut off or stalls",
        Cluster::plain(5),
        |world, prng| rounds(world, prng, &[Point::InstallsHalf], 1, 16),
    ));
    //
    all.push(Scenario::new(
        "twin-epoch",
        "two proposers race, and nobody sees the same epoch twice",
        Cluster::plain(4),
        twin_epoch,
    ));
    //
    all.push(Scenario::new(
        "late-install",
        "decisions are late by up to 0.6 T and meet the next ballot",
        Cluster::plain(5),
        late_install,
    ));
    all
}

fn in_a_phase() -> Vec<Scenario> {
    let phases = [
        ("propose", Point::Proposes),
        ("flush", Point::FirstFlush),
        ("recover", Point::Recovers),
        ("confirm", Point::FirstRecovered),
        ("install", Point::InstallsHalf),
    ];
    let make = |(phase, point)| {
        Scenario::new(
            //
            format!("coordinator-crash-in-{phase}"),
            "a member dies; the coordinator dies while it changes the view",
            Cluster::plain(5),
            move |world: &mut World, _: &mut Prng| crash_in(world, point),
        )
    };
    phases.into_iter().map(make).collect()
}

fn crash_in(world: &mut World, point: Point) -> Check {
    settle(world)?;
    let (first, gone) = (coordinator(world), member(world));
    world.arm(point, Blow::Crash { back_after: None }, 1);
    world.crash(gone);
    // Detection, the coordinator's half view change, and its own death found out.
    let within = token(world) * 4;
    let rest = super::stage::others(world, &[first, gone]);
    wait_together(world, within, &rest)?;
    heal(world)
}

fn timed() -> Vec<Scenario> {
    type Pick = fn(&World) -> Vec<usize>;
    let cases: [(&str, &'static str, Pick); 5] = [
        //
        ("kill-9-member", "a member dies: one view within token + 300 ms", |world| {
            vec![member(world)]
        }),
        //
        ("kill-9-coordinator", "the coordinator dies: one view, nobody loses quorum", |world| {
            vec![coordinator(world)]
        }),
        ("kill-9-coordinator-and-deputy", "both die at once: one view, quorum stays", |world| {
            vec![coordinator(world), deputy(world)]
        }),
        ("kill-9-coordinator-and-member", "both die at once: one view, quorum stays", |world| {
            vec![coordinator(world), member(world)]
        }),
        //
        ("kill-9-half", "half of the cluster dies at once, the coordinator with it", |world| {
            let first = coordinator(world);
            let rest = world.living().into_iter().filter(|&host| host != first);
            core::iter::once(first).chain(rest).take(world.hosts.len() / 2).collect()
        }),
    ];
    let mut all = Vec::new();
    for nodes in [5, 16] {
        for (name, text, pick) in cases {
            all.push(Scenario::new(
                format!("{name}-of-{nodes}"),
                text,
                Cluster::plain(nodes),
                move |world: &mut World, _: &mut Prng| {
                    settle(world)?;
                    let victims = pick(world);
                    crash_and_time(world, &victims)
                },
            ));
        }
    }
    all
}

/// View changes in which proposers are struck, over and over.
fn rounds(world: &mut World, prng: &mut Prng, points: &[Point], times: u8, count: u32) -> Check {
    settle(world)?;
    for round in 0..count {
        let point = points[round as usize % points.len()];
        let span = token(world) * (2 + round % 7) / 2;
        let blow = match round % 4 {
            0 => Blow::Crash { back_after: Some(span) },
            1 => Blow::CutOff(span),
            2 => Blow::Stall(span),
            _ => Blow::Mute(span),
        };
        world.arm(point, blow, times);
        let gone = if prng.below(2) == 0 { member(world) } else { coordinator(world) };
        world.crash(gone);
        world.later(token(world) * 3, Deed::Start(gone));
        let span = token(world) * 8;
        world.run_for(span)?;
        heal(world)?;
    }
    Ok(())
}

fn twin_epoch(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    for _ in 0..24 {
        // The coordinator hears nobody; the others go on. It is outrun, and meets them again
        // while they choose the next.
        let first = coordinator(world);
        let paths = world.paths_of(first, false, true);
        world.cut(&paths);
        let hundredths = u32::try_from(90 + prng.below(120)).unwrap_or(100);
        let span = token(world) * hundredths / 100;
        world.run_for(span)?;
        world.mend(&paths);
        let other = deputy(world);
        world.stall(other, token(world) * 12 / 10);
        let span = token(world) * 3;
        world.run_for(span)?;
    }
    heal(world)
}

fn late_install(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    let (late, late_max) = (250_000, token(world) * 6 / 10);
    world.act(Deed::Quality(Quality { late, late_max, ..Quality::QUIET }));
    for _ in 0..12 {
        let host = if prng.below(2) == 0 { member(world) } else { coordinator(world) };
        world.crash(host);
        world.later(Duration::from_millis(prng.below(3000)), Deed::Start(host));
        let span = token(world) * 4;
        world.run_for(span)?;
    }
    heal(world)
}
