//! Barriers under faults: whoever passes, all have come, and nobody waits for the dead.

use cman_node::{BarrierChange, BarrierName, BarrierOptions, BarrierRequest, Command, Session};
use cman_types::Prng;
use core::time::Duration;

use super::{
    Scenario,
    stage::{expect, heal, settle, split, token, until},
};
use crate::{
    checkers::barriers::Standing,
    cluster::Cluster,
    network::Quality,
    violation::Check,
    world::{World, deed::Deed},
};

/// How many nodes there are, and for how many of them one of the barriers is.
const NODES: usize = 5;
const SOME: u32 = 3;

/// How long they meet under faults, and without; and the time between two things that clients do.
const SPAN: Duration = Duration::from_secs(40);
const QUIET_SPAN: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(3);

/// One in so many steps a client dies, a node does, or the network parts.
const CLIENT_DIES: u64 = 300;
const NODE_GOES: u64 = 1000;
const PARTS: u64 = 2000;

/// Waits that must have ended because all came, and otherwise, so that it proves something.
const PASSED_MIN: u64 = 200;
const WOKEN_MIN: u64 = 3;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        // BR-05, BR-10 to BR-13, BR-15.
        Scenario::new(
            "barriers",
            "clients meet at barriers while nodes and clients die and the network fails",
            Cluster::plain(NODES),
            meet,
        ),
    ]
}

/// On each node one client for each barrier.
struct Crowd {
    sessions: Vec<[Session; 2]>,
    newest: u64,
}

impl Crowd {
    fn new() -> Self {
        let mut crowd = Self { sessions: Vec::new(), newest: 1000 };
        for _ in 0..NODES {
            let sessions = [crowd.another(), crowd.another()];
            crowd.sessions.push(sessions);
        }
        crowd
    }

    fn another(&mut self) -> Session {
        self.newest += 1;
        Session(self.newest)
    }

    /// A client does the next thing.
    fn step(&mut self, world: &mut World, prng: &mut Prng) {
        let host = world.draw_host();
        let at = usize::from(prng.below(2) == 0);
        let session = self.sessions[host][at];
        if prng.below(CLIENT_DIES) == 0 {
            world.client_goes(host, session);
            self.sessions[host][at] = self.another();
            return;
        }
        let Some(me) = world.hosts[host].me() else { return };
        let (name, nodes) = if at == 0 { (&b"all"[..], 0) } else { (&b"some"[..], SOME) };
        let Ok(name) = BarrierName::new(name) else { return };
        let request = match world.barriers.standing(me, session) {
            Standing::Asked | Standing::Waiting => return,
            Standing::Idle => {
                let options = BarrierOptions { autodelete: true, enabled: false };
                BarrierRequest::Register { name, nodes, options }
            }
            Standing::Registered if prng.below(8) == 0 => {
                BarrierRequest::Change { name, change: BarrierChange::Timeout(1) }
            }
            Standing::Registered => BarrierRequest::Wait { name },
        };
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
    world.later(Duration::from_millis(prng.below(4000)), Deed::Start(host));
}

/// Two nodes are cut off for some time.
fn parting(world: &mut World, prng: &mut Prng) {
    let side = [world.draw_host(), world.draw_host()];
    let paths = split(world, &side);
    world.later(Duration::from_millis(prng.below(8000)), Deed::Mend(paths));
}

fn steps(world: &mut World, prng: &mut Prng, crowd: &mut Crowd, faults: bool) -> Check {
    let span = if faults { SPAN } else { QUIET_SPAN };
    for _ in 0..span.as_millis() / STEP.as_millis() {
        world.run_for(STEP)?;
        crowd.step(world, prng);
        if faults && prng.below(NODE_GOES) == 0 {
            departure(world, prng);
        }
        if faults && prng.below(PARTS) == 0 {
            parting(world, prng);
        }
    }
    Ok(())
}

fn meet(world: &mut World, prng: &mut Prng) -> Check {
    settle(world)?;
    let mut crowd = Crowd::new();
    world.network.quality = Quality { loss: 10_000, ..world.network.quality };
    steps(world, prng, &mut crowd, true)?;
    heal(world)?;
    until(world, token(world) * 2, "all are in step", |world| {
        let lives = world.hosts.iter().filter_map(|host| host.life.as_ref());
        lives.into_iter().all(|life| !life.node.is_syncing())
    })?;
    // Whatever happened, those who are there meet again.
    let before = world.barriers.ended.0;
    steps(world, prng, &mut crowd, false)?;
    let (passed, woken) = world.barriers.ended;
    world.log_world(&format!("{passed} waits ended with all there, {woken} without"));
    let whole = passed >= before + PASSED_MIN;
    expect(world, whole, format!("{before} passed under faults, {passed} in all"))?;
    let enough = before >= PASSED_MIN && woken >= WOKEN_MIN;
    expect(world, enough, format!("only {before} passed and {woken} were woken"))?;
    world.run_for(token(world))?;
    let claims = |life: &crate::host::Life| {
        let claims = life.node.barriers().map(|(name, node, claim)| (name.clone(), node, claim));
        claims.collect::<Vec<_>>()
    };
    let mut all: Vec<_> =
        world.hosts.iter().filter_map(|host| host.life.as_ref()).map(claims).collect();
    all.dedup();
    expect(world, all.len() == 1, format!("nodes hold different claims: {all:?}"))
}
