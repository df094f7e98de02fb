//! Many groups, many processes: everybody comes, speaks and goes at random.

use cman_node::{Command, GroupName, GroupRequest, Session};
use cman_types::Prng;
use core::time::Duration;
use std::collections::BTreeSet;

use super::{
    Scenario,
    stage::{coordinator, expect, heal, member, settle, token, until, wait_whole},
};
use crate::{
    cluster::Cluster,
    swarm::{is_whole, liveness_bound},
    violation::Check,
    world::{World, clients::pid, deed::Deed},
};

/// How many nodes and groups there are, and processes on each node.
const NODES: usize = 16;
const GROUPS: u64 = 64;
const PROCESSES: usize = 6;

/// How long they do, and the time between two things that processes do.
const SPAN: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(2);

/// One in so many steps a process dies, and a node leaves or dies.
const DEATH: u64 = 100;
const DEPARTURE: u64 = 1500;

/// Events that must have been compared at least, so that the scenario proves something.
const COMPARED_MIN: u64 = 100_000;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        // G-02, G-03.
        Scenario::new(
            "groups-64-nodes-16",
            "64 groups, 16 nodes: processes and nodes come and go; the same history everywhere",
            Cluster::plain(NODES),
            crowd,
        ),
    ]
}

/// The processes of all nodes. None of them comes twice.
struct Crowd {
    sessions: Vec<Vec<Session>>,
    newest: u64,
}

impl Crowd {
    fn new() -> Self {
        let mut crowd = Self { sessions: Vec::new(), newest: 1000 };
        for _ in 0..NODES {
            let sessions = (0..PROCESSES).map(|_| crowd.another()).collect();
            crowd.sessions.push(sessions);
        }
        crowd
    }

    fn another(&mut self) -> Session {
        self.newest += 1;
        Session(self.newest)
    }

    /// A process does something in a group.
    fn step(&mut self, world: &mut World, prng: &mut Prng) {
        let host = world.draw_host();
        let at = usize::try_from(prng.below(PROCESSES as u64)).unwrap_or(0);
        let number = prng.below(GROUPS);
        let Ok(group) = GroupName::new(format!("group {number}").as_bytes()) else { return };
        let session = self.sessions[host][at];
        if prng.below(DEATH) == 0 {
            world.client_goes(host, session);
            self.sessions[host][at] = self.another();
            return;
        }
        let request = match prng.below(10) {
            0..=2 => GroupRequest::Join { group, pid: pid(session) },
            3 => GroupRequest::Leave { group },
            _ => {
                let length = usize::try_from(prng.below(300)).unwrap_or(0);
                let payload = vec![number.to_be_bytes()[7]; length].into();
                GroupRequest::Send { group, payload, safe: prng.below(10) == 0 }
            }
        };
        // Who asks for what makes no sense is refused.
        world.client_asks(host, session, request);
    }
}

/// A node leaves in good order or dies, and comes back.
fn departure(world: &mut World, prng: &mut Prng) {
    let host = world.draw_host();
    if prng.below(2) == 0 {
        // It may be on its way out already.
        _ = world.command(host, Command::Leave { remove: false });
    } else {
        world.crash(host);
    }
    let away = Duration::from_millis(prng.below(4000));
    world.later(away, Deed::Start(host));
}

fn crowd(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    let mut crowd = Crowd::new();
    let steps = SPAN.as_millis() / STEP.as_millis();
    for _ in 0..steps {
        world.run_for(STEP)?;
        crowd.step(world, prng);
        if prng.below(DEPARTURE) == 0 {
            departure(world, prng);
        }
    }
    heal(world)?;
    until(world, token(world) * 2, "all agree on all groups", |world| {
        let is_syncing = |host: &usize| {
            world.hosts[*host].life.as_ref().is_none_or(|life| life.node.is_syncing())
        };
        is_whole(world) && !world.living().iter().any(is_syncing)
    })?;
    world.run_for(token(world))?;
    world.check_at_rest(coordinator(world))?;
    let groups = listed(world);
    let all = u64::try_from(groups.len()).is_ok_and(|count| count == GROUPS);
    expect(world, all, format!("only {} groups have members", groups.len()))?;
    // What the last view brought is compared when it ends.
    world.crash(member(world));
    world.run_for(token(world) * 2)?;
    let compared = world.groups.compared();
    world.log_world(&format!("{compared} events compared"));
    expect(world, compared >= COMPARED_MIN, format!("only {compared} events were compared"))?;
    wait_whole(world, liveness_bound(token(world)))
}

/// The groups that have members.
fn listed(world: &World) -> BTreeSet<GroupName> {
    let lives = world.hosts.iter().filter_map(|host| host.life.as_ref());
    lives.flat_map(|life| life.node.groups().map(|(group, _)| group.clone())).collect()
}
