//! Details of the parts of the daemon that somebody wants to look into: lines that the log has
//! besides those of the level that was chosen at the start.

use cman_ipc::{ClassicRequest, classic::debug};
use cman_node::{self as node, Event};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// Lines about barriers.
pub(crate) const BARRIER: &str = "cmand::barrier";
/// Lines about views and quorum.
pub(crate) const MEMBERSHIP: &str = "cmand::membership";
/// Lines about the order of messages.
pub(crate) const ORDER: &str = "cmand::order";

/// The modules of the start, whose lines are about that.
const STARTUP: [&str; 15] = [
    "args",
    "claim",
    "daemon",
    "detach",
    "directory",
    "instead",
    "node_setup",
    "peers",
    "pipe",
    "reload",
    "run_dir",
    "start_error",
    "startup",
    "state_dir",
    "systemd",
];
/// The modules about views, whose lines are about those.
const VIEWS: [&str; 3] = ["engine_thread", "history", "observer"];

/// All parts.
const ALL: u32 = debug::BARRIER | debug::MEMBERSHIP | debug::DAEMON | debug::AIS | debug::STARTUP;

/// The parts whose details are wanted; at first none. Clones share it.
#[derive(Clone, Default, Debug)]
pub(crate) struct Details(Arc<AtomicU32>);

impl Details {
    /// From now on those of these parts, and of no others. The parts that there are.
    pub(crate) fn set(&self, mask: u32) -> u32 {
        let known = mask & ALL;
        self.0.store(known, Ordering::Relaxed);
        // Each line remembers whether it is wanted.
        tracing::callsite::rebuild_interest_cache();
        known
    }

    /// Whether the details of any part are wanted.
    pub(crate) fn is_any(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// Whether a line of this target is wanted as a detail.
    pub(crate) fn want(&self, target: &str) -> bool {
        is_ours(target) && self.0.load(Ordering::Relaxed) & part_of(target) != 0
    }
}

/// From now on the log has details of these parts.
pub(crate) fn set(details: &Details, mask: u32) {
    let known = details.set(mask);
    tracing::info!("a client wants details of the parts {known} in the log (0: of none)");
}

/// A client asks for something.
pub(crate) fn asked(program: &str, request: &ClassicRequest) {
    match request {
        ClassicRequest::BarrierRegister { .. }
        | ClassicRequest::BarrierChange { .. }
        | ClassicRequest::BarrierWait { .. }
        | ClassicRequest::BarrierDelete { .. } => {
            tracing::debug!(target: BARRIER, "{program} asks {request:?}");
        }
        ClassicRequest::PortSend { to, port, payload } => {
            let bytes = payload.len();
            tracing::debug!("{program} sends {bytes} bytes to port {port} of {to:?} (None: all)");
        }
        request => tracing::debug!("{program} asks {request:?}"),
    }
}

/// What a node says of views and quorum, besides what is in the log anyway.
pub(crate) fn said(event: &Event) {
    match event {
        Event::View(view) => {
            let node::ViewEvent { view, transitional, joined, left, .. } = view;
            let members: Vec<_> = view.nodes().collect();
            tracing::debug!(
                target: MEMBERSHIP,
                "view {} of {:?}: {members:?}; with this node came {transitional:?}, from \
                 elsewhere {joined:?}, and {left:?} are gone",
                view.id.epoch,
                view.id.coordinator,
            );
        }
        Event::Quorum { quorate, votes, expected, needed, .. } => tracing::debug!(
            target: MEMBERSHIP,
            "quorate: {quorate}; {votes} votes, {expected} expected, {needed} needed"
        ),
        _ => {}
    }
}

/// Whether a line is not of a library.
pub(crate) fn is_ours(target: &str) -> bool {
    target.starts_with("cman")
}

/// The part that a line belongs to: where nothing else is said, that of its module.
fn part_of(target: &str) -> u32 {
    match target {
        BARRIER => return debug::BARRIER,
        MEMBERSHIP => return debug::MEMBERSHIP,
        ORDER => return debug::AIS,
        _ => {}
    }
    let module = target.split("::").nth(1).unwrap_or_default();
    if STARTUP.contains(&module) {
        debug::STARTUP
    } else if VIEWS.contains(&module) {
        debug::MEMBERSHIP
    } else {
        debug::DAEMON
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these lines are wanted.
    fn wanted(details: &Details) -> Vec<&'static str> {
        let targets = [
            BARRIER,
            MEMBERSHIP,
            "cmand::conversation",
            ORDER,
            "cmand::startup",
            "cmand::observer",
            "library",
        ];
        targets.into_iter().filter(|target| details.want(target)).collect()
    }

    #[test]
    fn each_part_has_its_own_lines() {
        let details = Details::default();
        assert_eq!((wanted(&details), details.is_any()), (vec![], false));
        for (mask, lines) in [
            (debug::BARRIER, &[BARRIER][..]),
            (debug::MEMBERSHIP, &[MEMBERSHIP, "cmand::observer"]),
            (debug::DAEMON, &["cmand::conversation"]),
            (debug::AIS, &[ORDER]),
            (debug::STARTUP, &["cmand::startup"]),
        ] {
            assert_eq!(details.set(mask), mask);
            assert_eq!((wanted(&details), details.is_any()), (lines.to_vec(), true), "{mask}");
        }
        assert_eq!(details.set(u32::MAX), ALL);
        assert_eq!(wanted(&details).len(), 6);
        details.set(0);
        assert_eq!((wanted(&details), details.is_any()), (vec![], false));
    }

    /// Every module that the tables name exists, so that a new name does not go by unnoticed.
    #[test]
    fn the_modules_are_those_of_the_program() {
        let main = include_str!("main.rs");
        for module in STARTUP.iter().chain(&VIEWS) {
            assert!(main.contains(&format!("\nmod {module};\n")), "{module}");
        }
    }
}
