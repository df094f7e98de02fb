//! Where exploration starts: a view has formed, two messages are on their way, and the view is
//! about to change.

use cman_wire::Frame;
use core::{fmt, time::Duration};

use crate::{
    fault::Fault,
    packet::Place,
    world::{NODES, TOKEN, World, node_id},
};

/// What changes the view.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Start {
    /// The last node has been silent for a token, and the coordinator is about to notice.
    MemberDead,
    /// The coordinator has been silent for a token, and another node is about to take over.
    CoordinatorDead,
    /// A member has asked to leave.
    MemberLeaves,
    /// The coordinator has asked to leave.
    CoordinatorLeaves,
    /// The coordinator has proposed to put out a member that lives.
    MemberPutOut,
    /// The last node has come, and a view with it is proposed.
    NodeJoins,
}

impl Start {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::MemberDead,
        Self::CoordinatorDead,
        Self::MemberLeaves,
        Self::CoordinatorLeaves,
        Self::MemberPutOut,
        Self::NodeJoins,
    ];

    /// The world at this start.
    ///
    /// # Panics
    /// The course of events that leads there does not happen.
    #[must_use]
    pub fn world(self, fault: Fault) -> World {
        match self {
            Self::MemberDead => about_to_lose(2, [0, 1], fault),
            Self::CoordinatorDead => about_to_lose(0, [1, 2], fault),
            Self::NodeJoins => about_to_join(fault),
            Self::MemberLeaves => {
                let mut world = with_messages(fault);
                world.act(2, |engine, now| engine.leave(now, false));
                world.let_arrive(|frame| matches!(frame, Frame::Leave(_)));
                world
            }
            Self::CoordinatorLeaves => {
                let mut world = with_messages(fault);
                world.act(0, |engine, now| engine.leave(now, false));
                world.let_arrive(|frame| matches!(frame, Frame::Leave(_)));
                world
            }
            Self::MemberPutOut => {
                let mut world = with_messages(fault);
                world.act(0, |engine, now| engine.put_out_unsynced(now, node_id(2)));
                world
            }
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::MemberDead => "member dead",
            Self::CoordinatorDead => "coordinator dead",
            Self::MemberLeaves => "member leaves",
            Self::CoordinatorLeaves => "coordinator leaves",
            Self::MemberPutOut => "member put out",
            Self::NodeJoins => "node joins",
        })
    }
}

/// The first nodes have come together, one after the other, and it has become quiet.
fn formed(nodes: usize, fault: Fault) -> World {
    let mut world = World::new();
    for place in 0..nodes {
        world.begin(place);
        assert!(world.run_until(TOKEN * 10, World::is_united), "no view forms");
    }
    let over = world.now + TOKEN * 5;
    world.run_until(TOKEN * 6, |world| world.now >= over);
    world.forget();
    world.fault = fault;
    let view = world.engine(0).and_then(|engine| engine.view());
    let coordinator = view.map(|view| view.id.coordinator.node);
    assert_eq!(coordinator, Some(node_id(0)), "starts mean the first node");
    world
}

/// A view of three. A member has sent a message whose place in the order is on its way to the
/// others; the last node has sent one that is itself on its way.
fn with_messages(fault: Fault) -> World {
    let mut world = formed(NODES, fault);
    world.send(1, 1);
    world.let_arrive(|frame| matches!(frame, Frame::Data(_)));
    world.send(2, 2);
    world
}

fn about_to_lose(dead: Place, senders: [Place; 2], fault: Fault) -> World {
    let mut world = formed(NODES, fault);
    world.crash(dead);
    to_proposal(&mut world, TOKEN * 3);
    (1..).zip(senders).for_each(|(says, sender)| world.send(sender, says));
    world
}

fn about_to_join(fault: Fault) -> World {
    let mut world = formed(NODES - 1, fault);
    world.send(0, 1);
    world.let_arrive(|frame| matches!(frame, Frame::Data(_)));
    world.send(1, 2);
    world.begin_quietly(NODES - 1, 0);
    world
}

fn to_proposal(world: &mut World, limit: Duration) {
    assert!(world.run_to_proposal(limit), "nobody proposes a view");
}
