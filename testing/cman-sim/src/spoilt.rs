//! What runs expect of whole clusters: each expectation fails in a world spoilt on purpose.

use core::time::Duration;

use crate::{
    clock::nanos,
    cluster::Cluster,
    faults::Kind,
    permanent::{count, form},
    runner::{Run, run_seed},
    swarm::{self, Order, become_whole, crash_and_time, remain_whole, stay_quiet},
    violation::Check,
    world::{Options, World, deed::Deed},
};

const TOKEN: Duration = Duration::from_secs(2);

/// Nodes that have been one cluster for long enough to be timed.
fn settled(nodes: usize) -> World {
    let mut world = World::new(Cluster::plain(nodes), Options::quiet(1));
    form(&mut world).unwrap();
    world.run_for(TOKEN * 3).unwrap();
    world
}

/// The last of five hosts dies, and something happens to another one so long afterwards.
fn one_dies(after: Duration, other: fn(&World, usize) -> Vec<Deed>) -> Check {
    let mut world = settled(5);
    for deed in other(&world, 1) {
        world.later(after, deed);
    }
    crash_and_time(&mut world, &[4])
}

fn broken(check: &Check) -> &'static str {
    check.as_ref().map_or_else(|violation| violation.invariant, |()| "nothing")
}

#[test]
fn a_cluster_that_is_not_quiet_is_noticed() {
    let mut world = settled(3);
    assert_eq!(broken(&stay_quiet(&mut world, TOKEN * 3)), "nothing");
    world.later(TOKEN / 2, Deed::Crash(2));
    assert_eq!(broken(&stay_quiet(&mut world, TOKEN * 3)), "quiet stays quiet");
}

#[test]
fn a_cluster_in_parts_is_noticed() {
    let mut world = settled(3);
    let paths = world.paths_of(2, true, true);
    world.cut(&paths);
    world.run_for(TOKEN * 3).unwrap();
    assert_eq!(broken(&become_whole(&mut world, TOKEN)), "liveness after healing");
}

/// Three hosts of seven, too few for leases that could end; the last has just been taken in, and
/// is cut off for so long, if not until it is put out. Returns for how long it was.
fn cut_off(most: Duration) -> (World, Duration) {
    // As long as it is held off when it is put out.
    let token = Duration::from_secs(1);
    let mut world = World::new(Cluster { token, ..Cluster::plain(7) }, Options::quiet(1));
    (0..3).for_each(|host| world.start(host));
    become_whole(&mut world, token * 4).unwrap();
    world.run_for(token).unwrap();
    let (paths, began) = (world.paths_of(2, true, true), world.now);
    world.cut(&paths);
    world.installed.clear();
    world.run_while(began + nanos(most), |world| world.installed.is_empty()).unwrap();
    let lasted = Duration::from_nanos(world.now - began);
    world.heal();
    (world, lasted)
}

/// Seed 9971.
#[test]
fn a_cluster_that_is_about_to_part_is_not_yet_whole() {
    let (world, found) = cut_off(TOKEN);
    let (token, just_before) = (world.cluster().token, found - Duration::from_millis(25));
    let (mut world, _) = cut_off(just_before);
    become_whole(&mut world, token).unwrap();
    world.run_for(token).unwrap();
    assert_eq!(broken(&stay_quiet(&mut world, token * 3)), "quiet stays quiet", "too early");
    let (mut world, _) = cut_off(just_before);
    assert_eq!(broken(&remain_whole(&mut world, token * 4)), "nothing");
    assert_eq!(broken(&stay_quiet(&mut world, token * 3)), "nothing");
    let (mut world, _) = cut_off(just_before);
    assert_eq!(broken(&remain_whole(&mut world, token / 2)), "liveness after healing");
}

#[test]
fn a_death_that_costs_more_than_it_may_is_noticed() {
    let restart: fn(&World, usize) -> Vec<Deed> =
        |_, host| vec![Deed::Crash(host), Deed::Start(host)];
    let cut: fn(&World, usize) -> Vec<Deed> =
        |world, host| vec![Deed::Cut(world.paths_of(host, true, true))];
    // Known within a token and 300 ms, and then watched for another token.
    let (at_once, known) = (Duration::ZERO, TOKEN * 130 / 100);
    assert_eq!(broken(&one_dies(at_once, |_, _| Vec::new())), "nothing");
    assert_eq!(broken(&one_dies(at_once, cut)), "detection time");
    assert_eq!(broken(&one_dies(known, restart)), "one view for a death");
    // The lease of a member ends, but it is not yet put out.
    assert_eq!(broken(&one_dies(known, cut)), "a majority keeps quorum");
}

#[test]
fn too_many_views_are_noticed() {
    let mut world = settled(3);
    let began = world.now;
    world.installed.clear();
    world.run_for(Duration::from_secs(60)).unwrap();
    assert_eq!(broken(&count(&mut world, began, true, "nothing")), "nothing");
    world.installed.push((began, 0));
    assert_eq!(broken(&count(&mut world, began, true, "one view")), "stability");
}

#[test]
fn a_run_without_faults_is_noticed() {
    let order = Order { nodes: Some(1), only: Some(Kind::TwoWay), ..Order::default() };
    assert_eq!(broken(&swarm::run(&order).check), "a run has its faults");
}

#[test]
fn a_panic_is_noticed() {
    let order = Order { nodes: Some(0), ..Order::default() };
    assert_eq!(broken(&run_seed(Run::Swarm(None), &order).check), "no panic");
}
