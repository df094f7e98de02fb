//! Lives of nodes: restarts, lost and old states, strangers.

use cman_node::Command;
use cman_types::{NodeId, Prng};
use core::time::Duration;

use super::{
    Scenario,
    stage::{
        all_claim, coordinator, expect, few_views, heal, member, nothing_changed, others, settle,
        token, until, wait_whole,
    },
};
use crate::{cluster::Cluster, violation::Check, world::World};

/// Within which a restarted node is back.
const BACK_WITHIN: Duration = Duration::from_secs(1);

pub(super) fn all() -> Vec<Scenario> {
    let mut all = restarts();
    //
    all.push(Scenario::new(
        "state-rolled-back",
        "a state directory is rolled back to older and older contents, the clock with it",
        Cluster::plain(3),
        rolled_back,
    ));
    //
    all.push(Scenario::new(
        "replayed-past",
        "everything that dead lives said is said again",
        Cluster::plain(4),
        |world, _| replayed(world),
    ));
    //
    all.push(Scenario::new(
        "lonely-epochs",
        "a node restarts alone with its wall clock stepped back: epochs grow all the same",
        Cluster::plain(3),
        |world, _| lonely(world),
    ));
    //
    all.push(Scenario::new(
        "duplicate-node-id",
        "a second node with the same id: refused, the cluster undisturbed",
        Cluster::plain(4),
        |world, _| duplicate(world),
    ));
    //
    all.push(Scenario::new(
        "wrong-cluster",
        "other clusters on the same port: another name, another key; undisturbed",
        Cluster::plain(3),
        |world, _| wrong_cluster(world),
    ));
    //
    for (name, version) in [("old-config", 1), ("new-config", 3)] {
        all.push(Scenario::new(
            name,
            "a node with another version of the configuration: refused, the cluster undisturbed",
            Cluster { config_version: 2, ..Cluster::plain(4) },
            move |world, _| other_config(world, version),
        ));
    }
    //
    all.push(Scenario::new(
        "not-configured",
        "a node that only its own configuration knows: refused, the cluster undisturbed",
        Cluster::plain(3),
        |world, _| not_configured(world),
    ));
    //
    all.push(Scenario::new(
        "garbage",
        "10,000 datagrams of garbage: no view change",
        Cluster::plain(3),
        |world, _| {
            settle(world)?;
            for _ in 0..100 {
                world.garbage(100);
                world.run_for(Duration::from_millis(50))?;
            }
            nothing_changed(world)
        },
    ));
    all
}

/// What happens to a host between two lives.
type Between = fn(&mut World, usize);

fn restarts() -> Vec<Scenario> {
    let cases: [(&str, &'static str, Duration, Between); 4] = [
        ("restart-with-state", "a node dies and starts again", Duration::from_secs(10), |_, _| {}),
        (
            "restart-without-state",
            "a node dies, loses its state, its clock steps back, and it starts again",
            Duration::from_secs(10),
            |world, host| {
                world.hosts[host].disk.lose();
                world.hosts[host].wall_behind_ms = 86_400_000;
            },
        ),
        (
            "restart-faster-than-B",
            "a daemon is killed and started again before anybody notices",
            Duration::from_millis(20),
            |_, _| {},
        ),
        (
            "restart-faster-than-B-without-state",
            "the same, with state and clock lost",
            Duration::from_millis(100),
            |world, host| {
                world.hosts[host].disk.lose();
                world.hosts[host].wall_behind_ms = 86_400_000;
            },
        ),
    ];
    let make = |(name, text, down, between): (&str, &'static str, Duration, Between)| {
        Scenario::new(name, text, Cluster::plain(5), move |world: &mut World, _: &mut Prng| {
            restart(world, down, between)
        })
    };
    cases.into_iter().map(make).collect()
}

fn restart(world: &mut World, down: Duration, between: Between) -> Check {
    settle(world)?;
    for first in [false, true, false] {
        world.lost_quorum.clear();
        let host = if first { coordinator(world) } else { member(world) };
        world.crash(host);
        between(world, host);
        world.run_for(down)?;
        world.start(host);
        let node = world.hosts[host].node;
        let back = format!("{node:?} is a member again");
        until(world, BACK_WITHIN, &back, |world| {
            world.hosts[host].me().is_some_and(|me| {
                world
                    .living()
                    .iter()
                    .all(|&other| world.hosts[other].view().is_some_and(|view| view.contains(&me)))
            })
        })?;
        let rest = others(world, &[host]);
        let losses = world.lost_quorum.iter().filter(|(_, who)| rest.contains(who)).count();
        expect(world, losses == 0, "a restart costs the others no quorum")?;
        world.run_for(Duration::from_secs(130))?;
    }
    Ok(())
}

fn rolled_back(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    for round in 0..12 {
        let host = world.draw_host();
        world.crash(host);
        let back = 1 + usize::try_from(prng.below(8)).unwrap_or(0);
        world.hosts[host].disk.roll_back(back);
        world.hosts[host].wall_behind_ms = 3_600_000 * round;
        let down = Duration::from_millis(prng.below(5_000));
        world.run_for(down)?;
        world.start(host);
        let span = token(world) * 3;
        world.run_for(span)?;
    }
    heal(world)
}

fn replayed(world: &mut World) -> Check {
    settle(world)?;
    for round in 0..10 {
        let host = world.draw_host();
        world.crash(host);
        world.hosts[host].disk.lose();
        world.hosts[host].wall_behind_ms = 3_600_000 * round;
        for _ in 0..20 {
            world.replay(20);
            world.run_for(Duration::from_millis(150))?;
        }
        world.start(host);
        for _ in 0..20 {
            world.replay(20);
            world.run_for(Duration::from_millis(150))?;
        }
    }
    heal(world)?;
    world.installed.clear();
    world.lost_quorum.clear();
    world.replay(200);
    world.run_for(Duration::from_secs(10))?;
    nothing_changed(world)
}

fn lonely(world: &mut World) -> Check {
    settle(world)?;
    let paths = world.paths_of(0, true, true);
    for round in 1..8 {
        world.cut(&paths);
        world.crash(0);
        world.hosts[0].wall_behind_ms = 3_600_000 * round;
        world.start(0);
        let span = token(world) * 5;
        world.run_for(span)?;
        world.mend(&paths);
        let span = token(world) * 5;
        world.run_for(span)?;
    }
    heal(world)
}

fn duplicate(world: &mut World) -> Check {
    let cluster = (*world.cluster()).clone();
    let twin = world.add_host(cluster, world.hosts[1].node, false);
    for host in 0..4 {
        world.start(host);
    }
    let within = token(world) * 3;
    until(world, within, "four in one view", |world| super::stage::together(world, &[0, 1, 2, 3]))?;
    let span = token(world) * 2;
    world.run_for(span)?;
    world.installed.clear();
    world.lost_quorum.clear();
    world.start(twin);
    world.run_for(Duration::from_secs(30))?;
    nothing_changed(world)?;
    expect(world, !world.hosts[twin].is_alive(), "the second one has stopped")
}

fn wrong_cluster(world: &mut World) -> Check {
    let mine = (*world.cluster()).clone();
    let strangers = [
        Cluster { name: "beta".to_owned(), ..mine.clone() },
        Cluster { name: "gamma".to_owned(), key: 77, ..mine.clone() },
        Cluster { key: 99, ..mine },
    ];
    for cluster in strangers {
        for (node, _) in cluster.votes.clone() {
            world.add_host(cluster.clone(), node, false);
        }
    }
    for host in 0..3 {
        world.start(host);
    }
    world.run_for(Duration::from_secs(10))?;
    world.installed.clear();
    world.lost_quorum.clear();
    for host in 3..world.hosts.len() {
        world.start(host);
    }
    world.run_for(Duration::from_secs(60))?;
    nothing_changed(world)?;
    let claim = all_claim(world, &[0, 1, 2]);
    expect(world, claim, "the cluster is quorate")
}

fn other_config(world: &mut World, version: u64) -> Check {
    for host in 0..3 {
        world.start(host);
    }
    world.run_for(Duration::from_secs(10))?;
    world.installed.clear();
    world.lost_quorum.clear();
    let other = Cluster { config_version: version, ..(*world.cluster()).clone() };
    world.hosts[3].cluster = std::rc::Rc::new(other);
    world.hosts[3].observed = false;
    world.start(3);
    world.run_for(Duration::from_secs(60))?;
    nothing_changed(world)?;
    let taken_in = world.hosts[0].view().is_none_or(|view| view.members.len() != 3);
    expect(world, !taken_in, "the stranger is not taken in")
}

fn not_configured(world: &mut World) -> Check {
    let mut wider = (*world.cluster()).clone();
    wider.votes.extend(NodeId::new(9).map(|node| (node, 1)));
    let Some((node, _)) = wider.votes.last().copied() else {
        return Ok(());
    };
    let stranger = world.add_host(wider, node, false);
    for host in 0..3 {
        world.start(host);
    }
    world.run_for(Duration::from_secs(10))?;
    world.installed.clear();
    world.start(stranger);
    world.run_for(Duration::from_secs(60))?;
    nothing_changed(world)?;
    // An administrator ends it; the others need not have heard of it.
    _ = world.command(stranger, Command::Leave { remove: false });
    let span = token(world);
    world.run_for(span)?;
    few_views(world, 0)?;
    wait_whole_three(world)
}

fn wait_whole_three(world: &mut World) -> Check {
    let together = super::stage::together(world, &[0, 1, 2]);
    if together {
        return Ok(());
    }
    let bound = token(world);
    wait_whole(world, bound)
}
