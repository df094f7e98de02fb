//! Clients that carry state: in some runs nodes are marked as dirty (R-80m), and end when they were
//! away. An administrator starts them again, and decides where nobody else can.
//!
//! What is drawn here is drawn apart from everything else in a run: runs without such clients are
//! what they would be without this file.

use cman_types::{Prng, ViewId};
use core::time::Duration;
use std::collections::BTreeMap;

use crate::{
    clock::nanos,
    reach::Place,
    violation::{Check, Violation},
    world::{World, deed::Deed},
};

/// Who carries state, and since when.
#[derive(Debug)]
pub struct Carrying {
    prng: Prng,
    /// How often somebody begins to: once in so many times of looking; never if 0.
    once_in: u64,
}

impl Carrying {
    /// In one run of four there are such clients; in half of these on all nodes.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut prng = Prng::new(seed ^ 0x6469_7274_7900);
        let once_in = if prng.below(4) == 0 { 1 + prng.below(12) } else { 0 };
        Self { prng, once_in }
    }

    /// Between two faults: some begin to carry state, and those that ended for it start again.
    pub fn go_on(&mut self, world: &mut World) {
        if self.once_in == 0 {
            return;
        }
        let token = nanos(world.cluster().token);
        for host in 0..world.hosts.len() {
            if world.hosts[host].disallowed {
                world.hosts[host].disallowed = false;
                let after = Duration::from_nanos(self.prng.below(token * 8));
                world.later(after, Deed::Start(host));
            }
        }
        if self.prng.below(self.once_in) != 0 {
            return;
        }
        let everybody = self.prng.below(2) == 0;
        for host in world.living() {
            if everybody || self.prng.below(3) == 0 {
                world.act(Deed::Mark(host));
            }
        }
    }

    /// Everything is healed. Parts that carry state stay apart, and an administrator restarts the
    /// nodes of all but one. Who ended for its state stays away.
    ///
    /// # Errors
    /// They are not all in such parts in time, or an invariant was broken.
    pub fn decide(&mut self, world: &mut World, within: Duration) -> Check {
        if self.once_in == 0 {
            return Ok(());
        }
        let until = world.now + nanos(within);
        while !is_parted_for_state(world) && world.now < until {
            world.run_for(Duration::from_millis(20))?;
        }
        let parts = parts(world);
        if !is_parted_for_state(world) {
            let what = format!("not in parts that must stay apart: {parts:?}");
            world.fail(Violation::new("liveness after healing", &[], what));
            return world.failure();
        }
        if parts.len() > 1 {
            world.reach.hit(Place::StateApart);
            world.installed.clear();
            world.run_for(world.cluster().token * 3)?;
            self.restart_all_but_one(world, parts);
        }
        Ok(())
    }

    fn restart_all_but_one(
        &mut self,
        world: &mut World,
        parts: BTreeMap<Option<ViewId>, Vec<usize>>,
    ) {
        let stays = self.prng.below(parts.len() as u64);
        for (_, hosts) in (0..).zip(parts).filter(|(at, _)| *at != stays).map(|(_, part)| part) {
            world.crash_together(&hosts);
            hosts.into_iter().for_each(|host| world.start(host));
        }
    }
}

/// The living by the view that they installed last.
fn parts(world: &World) -> BTreeMap<Option<ViewId>, Vec<usize>> {
    let mut parts: BTreeMap<Option<ViewId>, Vec<usize>> = BTreeMap::new();
    for host in world.living() {
        let view = world.hosts[host].view().map(|view| view.id);
        parts.entry(view).or_default().push(host);
    }
    parts
}

/// Whether all the living are in working views that hold nobody else; if there are several, each
/// carries state and none has the votes for quorum.
fn is_parted_for_state(world: &World) -> bool {
    let parts = parts(world);
    let several = parts.len() > 1;
    let cluster = world.cluster();
    parts.values().all(|hosts| {
        let Some(view) = hosts.first().and_then(|&host| world.hosts[host].view()) else {
            return false;
        };
        let works = |&host: &usize| {
            let host = &world.hosts[host];
            let local = host.clock.local(world.now);
            host.me().is_some_and(|me| view.contains(&me))
                && host.life.as_ref().is_some_and(|life| life.node.status(local).working)
        };
        let carries = hosts
            .iter()
            .any(|&host| world.hosts[host].life.as_ref().is_some_and(|life| life.dirty));
        let stuck = carries
            && !world.votes.must_suffice(&cluster, view)
            && !hosts.iter().any(|&host| world.hosts[host].claims(world.now));
        view.members.len() == hosts.len() && hosts.iter().all(works) && (!several || stuck)
    })
}
