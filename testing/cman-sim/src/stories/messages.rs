//! Messages that view changes cut, and members that messages leave behind.

use cman_types::Prng;
use core::time::Duration;

use super::{Story, Told};
use crate::{
    clock::nanos,
    cluster::Cluster,
    faults,
    reach::Place,
    scenarios::stage::{heal, member, token, wait_whole},
    swarm::liveness_bound,
    world::World,
};

/// R-42m: what is partly sent when its view ends is sent again, whole, and before what follows it.
pub(super) const CUT_MESSAGE: Story = Story {
    name: "cut-message",
    text: "the coordinator dies while a member sends more than a window holds",
    cluster: || Cluster::plain(4),
    place: Place::CutMessages,
    tell: cut_message,
};

/// R-56o: who is alive, but gets no messages, is put out.
pub(super) const LEFT_BEHIND: Story = Story {
    name: "left-behind",
    text: "the data socket of a member is dead while everything else works: it is put out",
    cluster: || Cluster::plain(4),
    place: Place::LeftBehind,
    tell: left_behind,
};

/// More than the window of all senders together.
const LONG: usize = 5 << 20;

/// More units than small messages fill that happen to wait.
const PIECES: u64 = 100;

fn cut_message(world: &mut World, prng: &mut Prng) -> Told {
    if world.cluster().len() < 3 {
        return Ok(false);
    }
    heal(world)?;
    world.run_for(token(world))?;
    let speaker = member(world);
    let Some(coordinator) = faults::coordinator(world).filter(|&host| host != speaker) else {
        return Ok(false);
    };
    let sent = |world: &World| {
        let life = world.hosts[speaker].life.as_ref();
        let stats = life.and_then(|life| life.node.stream_stats());
        stats.map_or((0, 0), |stats| (stats.sent_units, stats.queued_bytes))
    };
    world.crash(coordinator);
    let (before, _) = sent(world);
    world.say(speaker, LONG, prng.below(2) == 0);
    world.say(speaker, 10, false);
    world.say(speaker, 10, prng.below(2) == 0);
    // A batch of input is over, and the first window on its way.
    world.run_for(Duration::from_millis(5))?;
    let (after, left) = sent(world);
    let is_cut = after > before + PIECES && left > LONG;
    world.run_for(token(world) * 3)?;
    heal(world)?;
    Ok(is_cut)
}

fn left_behind(world: &mut World, _prng: &mut Prng) -> Told {
    if world.cluster().len() < 3 {
        return Ok(false);
    }
    heal(world)?;
    let lost = member(world);
    if faults::coordinator(world).is_none_or(|host| host == lost) {
        return Ok(false);
    }
    let before = world.reach.count(Place::Laggards);
    world.network.cut_data(lost);
    let span = token(world) * 5;
    let end = world.now + nanos(span);
    while world.now < end && world.reach.count(Place::Laggards) == before {
        world.say(lost, 10, false);
        world.run_for(Duration::from_millis(20))?;
    }
    let put_out = world.reach.count(Place::Laggards) > before;
    world.network.mend_data(lost);
    let bound = liveness_bound(token(world));
    wait_whole(world, bound)?;
    Ok(put_out)
}
