//! What must hold in each state.

use cman_types::NodeId;
use stateright::Property;
use std::collections::BTreeSet;

use crate::{
    history::{Deed, Stay, stays},
    model::{State, ViewChange},
    world::{World, life, node_id},
};

type Condition = fn(&ViewChange, &State) -> bool;

/// All of them. The last two say that exploration gets somewhere.
pub(crate) fn all() -> Vec<Property<ViewChange>> {
    let always: [(&'static str, Condition); 9] = [
        ("same view, same members", |_, state| members_agree(&state.world)),
        ("epochs grow, and a node is in its own views", |_, state| views_follow(&state.world)),
        ("virtual synchrony", |_, state| together_alike(&state.world)),
        ("one sequence", |_, state| one_sequence(&state.world)),
        ("no message twice, none invented", |_, state| each_once(&state.world)),
        ("in the view in which it was sent", |_, state| in_its_view(&state.world)),
        ("one quorum", |_, state| one_quorum(&state.world)),
        ("own messages are delivered", |_, state| own_delivered(state)),
        ("the living find together", |_, state| state.healed != Some(false)),
    ];
    let always = always.map(|(name, condition)| Property::always(name, condition));
    let sometimes: [(&'static str, Condition); 2] = [
        ("a view is installed", |_, state| state.healed.is_none() && is_installed(&state.world)),
        ("a run ends", |_, state| state.healed.is_some()),
    ];
    let sometimes = sometimes.map(|(name, condition)| Property::sometimes(name, condition));
    always.into_iter().chain(sometimes).collect()
}

fn histories(world: &World) -> Vec<Vec<Stay>> {
    world.nodes.iter().map(|node| stays(&node.history)).collect()
}

/// Each stay of one node beside each stay of another in the same view.
fn shared(histories: &[Vec<Stay>]) -> impl Iterator<Item = (&Stay, &Stay)> {
    let pairs = histories.iter().enumerate().flat_map(move |(place, mine)| {
        let others = histories.iter().skip(place + 1);
        others.flat_map(move |theirs| mine.iter().map(move |stay| (stay, theirs)))
    });
    pairs.filter_map(|(stay, theirs)| {
        let other = theirs.iter().find(|other| other.id == stay.id)?;
        Some((stay, other))
    })
}

fn members_agree(world: &World) -> bool {
    let histories = histories(world);
    shared(&histories).all(|(mine, theirs)| mine.members == theirs.members)
}

fn views_follow(world: &World) -> bool {
    histories(world).iter().enumerate().all(|(place, stays)| {
        let grow = stays.windows(2).all(|pair| matches!(pair, [a, b] if a.id.epoch < b.id.epoch));
        grow && stays.iter().all(|stay| stay.members.contains(&node_id(place)))
    })
}

/// Who goes from one view to another together has delivered the same there, and names the same
/// companions.
fn together_alike(world: &World) -> bool {
    let histories = histories(world);
    shared(&histories).all(|(mine, theirs)| match (&mine.next, &theirs.next) {
        (Some(to), Some(also)) if to.0 == also.0 => {
            to.1 == also.1 && mine.delivered().eq(theirs.delivered())
        }
        _ => true,
    })
}

/// What members of a view deliver while it works are prefixes of one sequence.
fn one_sequence(world: &World) -> bool {
    let histories = histories(world);
    let alike = |(mine, theirs): (&Stay, &Stay)| {
        mine.working.iter().zip(&theirs.working).all(|(a, b)| a == b)
    };
    shared(&histories).all(alike)
}

fn each_once(world: &World) -> bool {
    let sent: BTreeSet<(NodeId, u8)> =
        world.sent.iter().map(|&(place, says)| (node_id(place), says)).collect();
    histories(world).iter().all(|stays| {
        let mut seen = BTreeSet::new();
        let mut delivered = stays.iter().flat_map(Stay::delivered);
        delivered.all(|message| sent.contains(&message) && seen.insert(message))
    })
}

fn in_its_view(world: &World) -> bool {
    world.nodes.iter().all(|node| {
        let mut current = None;
        node.history.iter().all(|deed| match deed {
            Deed::View { id, .. } => {
                current = Some(*id);
                true
            }
            Deed::Message { view, .. } => current == Some(*view),
            Deed::Transitional => true,
        })
    })
}

/// No two nodes may act at one moment unless one is in the other's view.
fn one_quorum(world: &World) -> bool {
    let acts = |&place: &usize| world.engine(place).is_some_and(|e| e.is_quorate(world.now));
    let acting: Vec<usize> = world.living().filter(acts).collect();
    let has = |place: usize, other: usize| {
        let view = world.engine(place).and_then(|engine| engine.view());
        view.is_some_and(|view| view.contains(&life(other)))
    };
    let alone = |a: usize, b: usize| !has(a, b) && !has(b, a);
    !acting.iter().any(|&a| acting.iter().any(|&b| a < b && alone(a, b)))
}

/// Who lives to the end has delivered what it sent itself.
fn own_delivered(state: &State) -> bool {
    let world = &state.world;
    let delivered = |&(place, says): &(usize, u8)| {
        let own = (node_id(place), says);
        stays(&world.nodes[place].history).iter().any(|stay| stay.delivered().any(|m| m == own))
    };
    let lives = |(place, _): &&(usize, u8)| world.engine(*place).is_some();
    state.healed.is_none() || world.sent.iter().filter(lives).all(delivered)
}

/// Nodes that live work together in a view that was not there at the start.
fn is_installed(world: &World) -> bool {
    let works = |place: usize| {
        let view = world.engine(place).filter(|engine| engine.is_working())?.view()?;
        Some((view.id, stays(&world.nodes[place].history).len() > 1))
    };
    let views: Vec<_> = world.living().filter_map(works).collect();
    views.iter().any(|(id, new)| *new && views.iter().filter(|(other, _)| other == id).count() > 1)
}
