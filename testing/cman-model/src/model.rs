//! What may happen next.

use core::{fmt, time::Duration};
use stateright::{Model, Property};

use crate::{
    fault::Fault,
    packet::{Packet, Place},
    properties,
    start::Start,
    world::{TOKEN, World},
};

/// How long all that live may take to find together when nothing goes wrong any more.
const HEALING: Duration = Duration::from_secs(TOKEN.as_secs() * 30);

/// How often each may happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Budget {
    /// Frames are lost.
    pub losses: u8,
    /// Members die.
    pub crashes: u8,
    /// Time passes.
    pub passes: u8,
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { losses, crashes, passes } = self;
        write!(f, "at most {losses} lost, {crashes} dead, {passes} passes of time")
    }
}

/// One view change.
#[derive(Clone, Copy, Debug)]
pub struct ViewChange {
    /// Where it starts.
    pub start: Start,
    /// What may go wrong.
    pub budget: Budget,
    /// What is broken.
    pub fault: Fault,
}

/// A state of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// The nodes, the network and the clock.
    pub world: World,
    /// What may still go wrong.
    pub left: Budget,
    /// Set at the end: whether all that live found together.
    pub healed: Option<bool>,
}

/// What may happen.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// A frame arrives.
    Arrive(Packet),
    /// A frame is lost.
    Lose(Packet),
    /// A node dies.
    Crash(Place),
    /// Time passes.
    Pass,
    /// From now on nothing goes wrong: the end.
    Heal,
}

impl Model for ViewChange {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let world = self.start.world(self.fault);
        vec![State { world, left: self.budget, healed: None }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.healed.is_some() {
            return;
        }
        let (world, left) = (&state.world, &state.left);
        actions.extend(world.packets.iter().cloned().map(Action::Arrive));
        if left.losses > 0 {
            actions.extend(world.packets.iter().cloned().map(Action::Lose));
        }
        if left.crashes > 0 {
            actions.extend(world.living().map(Action::Crash));
        }
        if left.passes > 0 {
            actions.push(Action::Pass);
        } else if world.packets.is_empty() {
            actions.push(Action::Heal);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Arrive(packet) => next.world.deliver(&packet),
            Action::Lose(packet) => {
                next.left.losses -= 1;
                next.world.packets.remove(&packet);
            }
            Action::Crash(place) => {
                next.left.crashes -= 1;
                next.world.crash(place);
            }
            Action::Pass => {
                next.left.passes -= 1;
                next.world.pass();
            }
            Action::Heal => next.healed = Some(next.world.run_until(HEALING, World::is_united)),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
