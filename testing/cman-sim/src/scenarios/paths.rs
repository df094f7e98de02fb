//! Paths that fail, one way, both ways, partly, for good.

use cman_types::Prng;
use core::time::Duration;

use super::{
    Scenario,
    stage::{
        all_claim, coordinator, deputy, expect, few_views, heal, member, nothing_changed, others,
        settle, split, token, until, wait_together,
    },
};
use crate::{
    cluster::Cluster,
    network::Quality,
    permanent::{self, Lasting},
    violation::Check,
    world::{
        World,
        deed::{Deed, Paths},
    },
};

/// How long a cut is watched that must change nothing.
const WATCH: Duration = Duration::from_secs(60);

type Cut = fn(&World) -> Paths;

pub(super) fn all() -> Vec<Scenario> {
    let cuts: [(&str, &'static str, Cut); 7] = [
        // R-60r, R-61r, R-110.
        ("one-way-to-coordinator", "a member is not heard by the coordinator: nothing", |world| {
            vec![(member(world), coordinator(world))]
        }),
        // R-60r, R-62r.
        ("one-way-from-coordinator", "a member does not hear the coordinator: nothing", |world| {
            vec![(coordinator(world), member(world))]
        }),
        //
        ("one-way-member-member", "a member does not hear another one: nothing", |world| {
            vec![(deputy(world), member(world))]
        }),
        ("two-way-member-member", "two members do not hear each other: nothing", |world| {
            both(deputy(world), member(world))
        }),
        // R-60r to R-62r, R-114.
        ("two-way-coordinator-member", "a member is cut off the coordinator: nothing", |world| {
            both(coordinator(world), member(world))
        }),
        // R-60r, R-152.
        ("two-way-coordinator-deputy", "the next in line is cut off: nothing", |world| {
            both(coordinator(world), deputy(world))
        }),
        // R-11, R-60r.
        ("half-cut", "a node is cut both ways from half of the others: nothing", |world| {
            let host = member(world);
            let half = others(world, &[host]);
            half.into_iter().take(2).flat_map(|far| both(host, far)).collect()
        }),
    ];
    let mut all = Vec::new();
    for (name, text, cut) in cuts {
        all.push(Scenario::new(name, text, Cluster::plain(5), move |world, _| {
            settle(world)?;
            let paths = cut(world);
            world.cut(&paths);
            world.run_for(WATCH)?;
            nothing_changed(world)?;
            heal(world)
        }));
    }
    all.extend(lasting());
    // R-60r, R-63r.
    all.push(Scenario::new(
        "chain-of-five-around-coordinator",
        "each node hears only its neighbours, the coordinator is in the middle: nothing",
        Cluster::plain(5),
        |world, _| chain_around_coordinator(world),
    ));
    all.extend(weather());
    all.extend(partitions());
    all
}

fn both(a: usize, b: usize) -> Paths {
    vec![(a, b), (b, a)]
}

fn lasting() -> Vec<Scenario> {
    let cases = [
        // R-16, R-61r.
        ("star-centre-dies", "only paths to and from one node are left; then it dies", None),
        //
        ("deaf-node", "a member hears nobody, for ever", Some((Lasting::Deaf, false))),
        //
        ("mute-node", "a member is heard by nobody, for ever", Some((Lasting::Mute, false))),
        //
        ("deaf-coordinator", "the coordinator hears nobody, for ever", Some((Lasting::Deaf, true))),
        //
        ("mute-coordinator", "nobody hears the coordinator, ever", Some((Lasting::Mute, true))),
        // R-81h.
        ("flapping-path", "a path comes and goes, for ever", Some((Lasting::FlappingPath, true))),
        // R-81h, R-124.
        ("flapping-node", "a node dies and comes back", Some((Lasting::FlappingNode, false))),
        //
        ("loss-30-everywhere", "30 % of all datagrams are lost", Some((Lasting::Loss30, false))),
        // R-64r, R-65r.
        ("chain-of-five", "each node hears only its neighbours", Some((Lasting::Chain, false))),
    ];
    let make = |(name, text, fault): (&str, &'static str, Option<(Lasting, bool)>)| {
        Scenario::new(name, text, Cluster::plain(5), move |world: &mut World, prng: &mut Prng| {
            let Some((fault, first)) = fault else {
                return star(world);
            };
            permanent::form(world)?;
            let victim = if first { coordinator(world) } else { member(world) };
            permanent::watch(world, prng, fault, victim)?;
            heal(world)
        })
    };
    cases.into_iter().map(make).collect()
}

/// All go through one node, which is not the coordinator; then it dies.
fn star(world: &mut World) -> Check {
    settle(world)?;
    let centre = member(world);
    let all = world.paths_between(&(0..world.hosts.len()).collect::<Vec<_>>());
    let rim: Paths = all.into_iter().filter(|&(a, b)| a != centre && b != centre).collect();
    world.cut(&rim);
    world.run_for(WATCH)?;
    nothing_changed(world)?;
    world.crash(centre);
    let span = token(world) * 6;
    world.run_for(span)?;
    let claims = world.living().iter().any(|&host| world.hosts[host].claims(world.now));
    expect(world, !claims, "nobody who reaches nobody is quorate")?;
    heal(world)
}

/// Everybody is reached by the coordinator through at most one other: nobody else has to be. While
/// the ends lack what the far half says, they ask for it along the chain.
fn chain_around_coordinator(world: &mut World) -> Check {
    settle(world)?;
    let middle = coordinator(world);
    let mut chain = others(world, &[middle]);
    chain.insert(chain.len() / 2, middle);
    let far = |(at, &host): (usize, &usize)| {
        chain.iter().skip(at + 2).flat_map(|&other| both(host, other)).collect::<Paths>()
    };
    let paths: Paths = chain.iter().enumerate().flat_map(far).collect();
    world.cut(&paths);
    world.run_for(WATCH)?;
    nothing_changed(world)?;
    heal(world)
}

fn weather() -> Vec<Scenario> {
    vec![
        //
        Scenario::new(
            "reorder-0.6T",
            "2 % of all datagrams are late by up to 0.6 T: nothing happens",
            Cluster::plain(5),
            |world, _| {
                let (late, late_max) = (20_000, token(world) * 6 / 10);
                bad_weather(world, Quality { late, late_max, ..Quality::QUIET })
            },
        ),
        //
        Scenario::new(
            "duplicate-20-percent",
            "a fifth of all datagrams arrives twice: nothing happens",
            Cluster::plain(5),
            |world, _| bad_weather(world, Quality { duplicate: 200_000, ..Quality::QUIET }),
        ),
        //
        Scenario::new(
            "multicast-dead",
            "multicast reaches nobody any more: the cluster goes on by unicast",
            Cluster::plain(5),
            |world, _| {
                settle(world)?;
                let all: Vec<usize> = (0..world.hosts.len()).collect();
                world.cut_multicast_for(WATCH, all);
                world.run_for(WATCH)?;
                nothing_changed(world)
            },
        ),
        //
        Scenario::new(
            "multicast-dead-at-one",
            "multicast does not reach one member any more: nothing happens",
            Cluster::plain(5),
            |world, _| {
                settle(world)?;
                let host = member(world);
                world.cut_multicast_for(WATCH, vec![host]);
                world.run_for(WATCH)?;
                nothing_changed(world)
            },
        ),
        //
        Scenario::new(
            "multicast-never",
            "a cluster on a network without multicast forms all the same",
            Cluster::plain(5),
            |world, _| {
                let all: Vec<usize> = (0..world.hosts.len()).collect();
                world.cut_multicast_for(WATCH * 10, all);
                settle(world)?;
                world.run_for(WATCH)?;
                nothing_changed(world)
            },
        ),
    ]
}

fn bad_weather(world: &mut World, quality: Quality) -> Check {
    settle(world)?;
    world.act(Deed::Quality(quality));
    world.run_for(WATCH)?;
    nothing_changed(world)
}

fn partitions() -> Vec<Scenario> {
    vec![
        //
        Scenario::new(
            "partition-and-merge-x10",
            "three against two, ten times: the majority acts, the minority knows before",
            Cluster::plain(5),
            |world, _| partition_x10(world),
        ),
        //
        Scenario::new(
            "three-way-merge",
            "three parts find each other at once",
            Cluster::plain(6),
            |world, _| three_way(world),
        ),
        // R-65r, R-72.
        Scenario::new(
            "all-but-one-hop",
            "two views whose members reach each other only partly: few views, whatever comes",
            Cluster::plain(6),
            |world, _| all_but_one_hop(world),
        ),
    ]
}

fn partition_x10(world: &mut World) -> Check {
    settle(world)?;
    for round in 0..10 {
        let minority = [round % 5, (round + 1) % 5];
        let majority = others(world, &minority);
        let paths = split(world, &minority);
        let within = token(world) * 2;
        wait_together(world, within, &majority)?;
        until(world, within, "the majority acts", |world| all_claim(world, &majority))?;
        let claims = minority.iter().any(|&host| world.hosts[host].claims(world.now));
        expect(world, !claims, "the minority knows that it must not act")?;
        world.run_for(Duration::from_secs(60))?;
        world.mend(&paths);
        wait_together(world, Duration::from_secs(3), &[0, 1, 2, 3, 4])?;
        world.run_for(Duration::from_secs(5))?;
    }
    Ok(())
}

fn three_way(world: &mut World) -> Check {
    settle(world)?;
    let paths = world.paths_between(&[0, 0, 1, 1, 2, 2]);
    world.cut(&paths);
    let within = token(world) * 4;
    for pair in [[0, 1], [2, 3], [4, 5]] {
        wait_together(world, within, &pair)?;
    }
    world.run_for(Duration::from_secs(30))?;
    world.installed.clear();
    world.mend(&paths);
    wait_together(world, within, &[0, 1, 2, 3, 4, 5])?;
    few_views(world, 3)
}

fn all_but_one_hop(world: &mut World) -> Check {
    settle(world)?;
    let sides = [0, 0, 0, 1, 1, 1];
    let paths = world.paths_between(&sides);
    world.cut(&paths);
    wait_together(world, token(world) * 4, &[0, 1, 2])?;
    wait_together(world, token(world) * 4, &[3, 4, 5])?;
    world.installed.clear();
    // Only one pair across can hear each other again.
    world.mend(&[(2, 3), (3, 2)]);
    world.run_for(WATCH)?;
    few_views(world, permanent::FIRST_MINUTE_MAX)?;
    world.run_for(WATCH)?;
    few_views(world, permanent::MINUTE_MAX)?;
    heal(world)
}
