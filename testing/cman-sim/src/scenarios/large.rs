//! A thousand nodes.

use core::time::Duration;

use super::{
    Scenario,
    stage::{expect, member, others, split, token, wait_together},
};
use crate::{
    cluster::Cluster,
    permanent::form,
    scale::{self, grows_well},
    swarm::crash_and_time,
    violation::Check,
    world::World,
};

/// How many nodes.
const NODES: usize = 1000;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        //
        Scenario::new(
            "thousand-nodes-idle",
            "a thousand nodes form one view; members work no harder than among a hundred",
            Cluster::plain(NODES),
            |world, _| idle(world),
        ),
        //
        Scenario::new(
            "thousand-nodes-one-fails",
            "one of a thousand dies: one view within token + 300 ms",
            Cluster::plain(NODES),
            |world, _| {
                form(world)?;
                let victim = member(world);
                crash_and_time(world, &[victim])
            },
        ),
        //
        Scenario::new(
            "thousand-nodes-lose-100",
            "a hundred of a thousand die at once",
            Cluster::plain(NODES),
            |world, _| {
                form(world)?;
                let victims: Vec<usize> = (0..100).map(|host| host * 10).collect();
                crash_and_time(world, &victims)
            },
        ),
        //
        Scenario::new(
            "thousand-nodes-heal-500-500",
            "a thousand nodes fall into halves and become one view again",
            Cluster::plain(NODES),
            |world, _| heal_halves(world),
        ),
    ]
}

fn idle(world: &mut World) -> Check {
    let small = scale::measure(100)?;
    form(world)?;
    let large = scale::watch(world)?;
    expect(world, grows_well(&small, &large), format!("{small:?} against {large:?}"))
}

fn heal_halves(world: &mut World) -> Check {
    form(world)?;
    let left: Vec<usize> = (0..NODES / 2).collect();
    let right = others(world, &left);
    let paths = split(world, &left);
    let within = token(world) * 4;
    wait_together(world, within, &left)?;
    wait_together(world, within, &right)?;
    // For four tokens members refuse the coordinator that fell silent.
    let apart = token(world) * 5;
    world.run_for(apart)?;
    world.mend(&paths);
    let all: Vec<usize> = (0..NODES).collect();
    wait_together(world, Duration::from_secs(3), &all)
}
