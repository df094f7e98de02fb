//! Messages that view changes cut, and members that messages leave behind.

use cman_types::Prng;
use core::time::Duration;

use super::{Story, Told, shuffled};
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

/// R-25 (b): what nobody has any more is left out, and what may rest on it.
pub(super) const LOST_CAUSE: Story = Story {
    name: "lost-cause",
    text: "a message dies with its sender and the coordinator; others know where it belonged",
    cluster: || Cluster::plain(5),
    place: Place::LostCauses,
    tell: lost_cause,
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

/// A host says something; returns once all of these have delivered it, if they do.
fn say_to(world: &mut World, speaker: usize, hearers: &[usize]) -> Told {
    let Some(key) = world.say(speaker, 50, false) else { return Ok(false) };
    let has = |world: &World, host: usize| {
        world.hosts[host].me().is_some_and(|me| world.messages.has_delivered(&me, &key))
    };
    let all = |world: &World| hearers.iter().all(|&host| has(world, host));
    let end = world.now + nanos(token(world) / 4);
    Ok(all(world) || world.run_while(end, |world| !all(world))?)
}

/// The last two or more get the order record of a message, but not the message. Where there are
/// enough nodes, one that dies as well has delivered it and says something after that.
fn lost_cause(world: &mut World, prng: &mut Prng) -> Told {
    heal(world)?;
    world.run_for(token(world))?;
    let Some(coordinator) = faults::coordinator(world).filter(|_| world.living().len() >= 4) else {
        return Ok(false);
    };
    let mut left = shuffled(world, prng);
    left.retain(|&host| host != coordinator && world.hosts[host].is_alive());
    let dead = if left.len() >= 4 { 2 } else { 1 };
    let mut lost = left.split_off(left.len() - dead);
    let (speaker, reader) = (lost[0], lost[dead - 1]);
    lost.push(coordinator);
    let deaf: Vec<_> = left.iter().map(|&host| (speaker, host)).collect();
    world.cut(&deaf);
    let mute = left.iter().flat_map(|&host| lost.iter().map(move |&other| (host, other)));
    world.cut(&mute.collect::<Vec<_>>());
    let asked = |world: &World, host: usize| {
        let life = world.hosts[host].life.as_ref();
        life.and_then(|life| life.node.stream_stats()).map_or(0, |stats| stats.asked_units)
    };
    let before: Vec<u64> = left.iter().map(|&host| asked(world, host)).collect();
    let mut told = say_to(world, speaker, &lost)?;
    if reader != speaker {
        told &= say_to(world, reader, &lost)?;
    }
    // Who knows what it lacks asks for it, in vain.
    let know = |world: &World| {
        left.iter().zip(&before).all(|(&host, &before)| asked(world, host) > before)
    };
    let end = world.now + nanos(token(world) / 4);
    told &= know(world) || world.run_while(end, |world| !know(world))?;
    world.crash_together(&lost);
    world.run_for(token(world) * 3)?;
    heal(world)?;
    Ok(told)
}
