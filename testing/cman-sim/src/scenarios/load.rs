//! Much is said while nodes come, sleep or cannot follow: nobody else suffers, nothing is lost.

use cman_types::Prng;
use core::time::Duration;

use super::{
    Scenario,
    hearing::{heard, heard_in_order, moment, none_heard, say, stats, wait_heard},
    stage::{
        all_claim, coordinator, expect, few_views, heal, member, nothing_changed, others, settle,
        token, until, wait_together,
    },
};
use crate::{
    clock::nanos,
    cluster::Cluster,
    reach::Place,
    violation::{Check, Violation},
    world::{World, speech::Talk, witness::Heard},
};

type Play = fn(&mut World) -> Check;

pub(super) fn all() -> Vec<Scenario> {
    let cases: [(&str, &'static str, usize, Play); 8] = [
        // P2.
        (
            "join-storm-while-loaded",
            "seven nodes join nine that say much: few views, no quorum lost, no silence",
            16,
            join_storm,
        ),
        // R-56o.
        (
            "laggard",
            "a member gets no messages: it is put out after 2 T, and nobody else waits for it",
            5,
            laggard,
        ),
        // R-55o, R-56o.
        (
            "laggard-full-buffer",
            "a member gets no messages until the repair buffer is full: put out at once",
            4,
            full_buffer,
        ),
        // R-55o, R-57o, R-45m.
        (
            "full-window",
            "nothing is ordered for half a token: senders are refused, and nothing is lost",
            5,
            full_window,
        ),
        // R-14, R-55o, R-56o.
        (
            "stall-0.5T-member-loaded",
            "a member sleeps for half a token while the others say 20 MB/s: they go on",
            5,
            member_asleep,
        ),
        // R-14, R-56o.
        (
            "stall-0.5T-coordinator-loaded",
            "the coordinator sleeps for half a token: messages flow within 100 ms of its waking",
            5,
            coordinator_asleep,
        ),
        // R-42m.
        (
            "partial-large",
            "a large message is partly on the wire as the view ends: once, whole, in the next",
            4,
            partial_large,
        ),
        // R-42m.
        (
            "partial-large-of-the-dead",
            "a large message is partly on the wire as its sender dies: nobody hears of it",
            4,
            partial_of_the_dead,
        ),
    ];
    let make = |(name, text, nodes, play): (&str, &'static str, usize, Play)| {
        Scenario::new(name, text, Cluster::plain(nodes), move |world: &mut World, _: &mut Prng| {
            play(world)
        })
    };
    cases.into_iter().map(make).collect()
}

/// Everybody says so much that silence would be noticed.
const BUSY: Talk = Talk { gap: Duration::from_millis(10), small: 500, large: 20_000, safe: false };

/// The longest time from one delivery at a host to the next, from when listening began.
fn longest_silence(world: &World, host: usize, since: u64) -> Duration {
    let all = world.heard().iter().filter(|heard| heard.host == host).map(|heard| heard.at);
    let ends = all.chain([world.now]);
    let (longest, _) = ends
        .fold((0, since), |(longest, last), at| (u64::max(longest, at.saturating_sub(last)), at));
    Duration::from_nanos(longest)
}

/// None of these waited for messages for longer than this since then.
fn kept_hearing(world: &mut World, hosts: &[usize], since: u64, most: Duration) -> Check {
    for &host in hosts {
        let silence = longest_silence(world, host, since);
        let what = format!("host {host} heard nothing for {silence:?}, {most:?} at most");
        expect(world, silence <= most, what)?;
    }
    Ok(())
}

/// What was said has come everywhere.
fn rest(world: &mut World) -> Check {
    world.talk(None);
    world.run_for(token(world))?;
    world.check_at_rest(coordinator(world))
}

fn join_storm(world: &mut World) -> Check {
    let (old, new): (Vec<usize>, Vec<usize>) = ((0..9).collect(), (9..16).collect());
    old.iter().for_each(|&host| world.start(host));
    wait_together(world, token(world) * 4, &old)?;
    world.run_for(token(world) * 2)?;
    world.talk(Some(BUSY));
    world.run_for(token(world))?;
    world.installed.clear();
    world.lost_quorum.clear();
    world.listen();
    let since = world.now;
    new.iter().for_each(|&host| world.start(host));
    let all: Vec<usize> = (0..16).collect();
    wait_together(world, token(world) * 2, &all)?;
    world.run_for(token(world))?;
    // A view change stops the work for some round trips only.
    kept_hearing(world, &old, since, token(world) / 10)?;
    few_views(world, 3)?;
    let losses = world.lost_quorum.len();
    expect(world, losses == 0, format!("{losses} losses of quorum"))?;
    rest(world)
}

/// The data socket of a member is dead; everything else works.
fn laggard(world: &mut World) -> Check {
    settle(world)?;
    let lost = member(world);
    let rest_of = others(world, &[lost]);
    world.talk(Some(BUSY));
    world.run_for(token(world))?;
    let before = world.reach.count(Place::Laggards);
    world.listen();
    let since = world.now;
    world.network.cut_data(lost);
    let patience = token(world) * 2;
    world.run_for(patience * 9 / 10)?;
    nothing_changed(world)?;
    // Its place in the windows is given up in 50 ms; the view change takes some round trips.
    wait_together(world, patience / 5, &rest_of)?;
    kept_hearing(world, &rest_of, since, token(world) / 10)?;
    let told = world.reach.count(Place::Laggards) - before;
    expect(world, told == 1, format!("put out for lagging {told} times, not once"))?;
    // It was not silent, so its lease has to run out first (decision 0005).
    until(world, token(world), "the others act", |world| all_claim(world, &rest_of))?;
    world.network.mend_data(lost);
    heal(world)?;
    rest(world)
}

/// Until somebody can not take more, in this many bytes at a time.
const GULP: usize = 1 << 20;

/// What is kept for those who cannot follow, and what is on its way besides.
const BUFFER: usize = 64 << 20;
const WINDOWS: usize = 8 << 20;

fn full_buffer(world: &mut World) -> Check {
    settle(world)?;
    let lost = member(world);
    let rest_of = others(world, &[lost]);
    let speaker = coordinator(world);
    let before = world.reach.count(Place::Laggards);
    world.network.cut_data(lost);
    let began = world.now;
    let mut most = 0;
    while world.reach.count(Place::Laggards) == before {
        let patience = world.now < began + nanos(token(world) * 2);
        expect(world, patience, "put out when the buffer is full, not when it is late")?;
        _ = world.say(speaker, GULP, false);
        world.run_for(Duration::from_millis(10))?;
        let held = rest_of.iter().map(|&host| stats(world, host).held_bytes);
        most = held.fold(most, usize::max);
    }
    world.log_world(&format!("{most} bytes held at most"));
    let bounded = (BUFFER - WINDOWS..=BUFFER + WINDOWS).contains(&most);
    expect(world, bounded, format!("{most} bytes held at most, about {BUFFER} expected"))?;
    wait_together(world, token(world) / 5, &rest_of)?;
    few_views(world, 1)?;
    heal(world)?;
    rest(world)
}

fn full_window(world: &mut World) -> Check {
    settle(world)?;
    let first = coordinator(world);
    let speaker = member(world);
    world.listen();
    world.stall(first, token(world) / 2);
    let mut keys = Vec::new();
    while let Some(key) = world.say(speaker, GULP, false) {
        keys.push(key);
        let bounded = keys.len() < 2 * (BUFFER / GULP);
        expect(world, bounded, "a sender is refused some time")?;
        world.run_for(Duration::from_millis(1))?;
    }
    let held = stats(world, speaker);
    let queued = held.queued_bytes <= 8 << 20 && held.held_bytes <= WINDOWS;
    expect(world, queued, format!("much waits: {held:?}"))?;
    until(world, token(world), "there is room again", |world| {
        stats(world, speaker).queued_bytes < 4 << 20
    })?;
    keys.push(say(world, speaker, 10)?);
    let Some(&last) = keys.last() else { return expect(world, false, "something was said") };
    let all = world.living();
    wait_heard(world, token(world), &all, last)?;
    heard_in_order(world, &all, &keys)?;
    nothing_changed(world)
}

/// 20 MB/s of four members: each of them says so much in each step.
const PORTION: usize = 50_000;
const STEP: Duration = Duration::from_millis(10);

/// The members say their portions for a while; how many bytes a second a hearer hears of them.
fn speak(
    world: &mut World,
    speakers: &[usize],
    hearer: usize,
    span: Duration,
) -> Result<u128, Violation> {
    let before = world.heard().iter().filter(|heard| heard.host == hearer).count();
    for _ in 0..span.as_millis() / STEP.as_millis() {
        speakers.iter().for_each(|&host| _ = world.say(host, PORTION, false));
        world.run_for(STEP)?;
    }
    let after = world.heard().iter().filter(|heard| heard.host == hearer).count();
    Ok((after - before) as u128 * PORTION as u128 * 1000 / span.as_millis())
}

fn member_asleep(world: &mut World) -> Check {
    settle(world)?;
    let sleeper = member(world);
    let speakers = others(world, &[sleeper]);
    let half = token(world) / 2;
    world.listen();
    let before = speak(world, &speakers, speakers[0], half)?;
    world.stall(sleeper, half);
    // The windows wait for it for a moment, and then no more (R-55o).
    speak(world, &speakers, speakers[0], half / 10)?;
    let meanwhile = speak(world, &speakers, speakers[0], half * 9 / 10)?;
    let held = speakers.iter().map(|&host| stats(world, host).held_bytes).max().unwrap_or(0);
    world.log_world(&format!("{before} B/s, then {meanwhile} B/s; {held} bytes held"));
    let kept = meanwhile * 10 >= before * 8;
    expect(world, kept, format!("{meanwhile} B/s while one sleeps, {before} B/s before"))?;
    expect(world, held <= BUFFER + WINDOWS, format!("{held} bytes are held"))?;
    nothing_changed(world)?;
    world.run_for(token(world))?;
    world.check_at_rest(coordinator(world))
}

fn coordinator_asleep(world: &mut World) -> Check {
    settle(world)?;
    let first = coordinator(world);
    world.talk(Some(BUSY));
    world.run_for(token(world))?;
    world.stall(first, token(world) / 2);
    world.run_for(token(world) / 2)?;
    world.listen();
    let (speaker, all) = (member(world), world.living());
    let key = say(world, speaker, 100)?;
    wait_heard(world, Duration::from_millis(100), &all, key)?;
    nothing_changed(world)?;
    rest(world)
}

/// More than the window of all senders together.
const LONG: usize = 5 << 20;

/// The coordinator dies while somebody sends more than the window lets out; what it said.
fn cut_short(world: &mut World) -> Result<(usize, crate::checkers::messages::Key), Violation> {
    settle(world)?;
    world.listen();
    let (first, speaker) = (coordinator(world), member(world));
    world.crash(first);
    let key = say(world, speaker, LONG)?;
    let partly = |world: &World| {
        let stats = stats(world, speaker);
        stats.queued_bytes > LONG && stats.sent_units > 1000
    };
    moment(world, Duration::from_millis(50), "a part of it is on the wire", partly)?;
    Ok((speaker, key))
}

fn partial_large(world: &mut World) -> Check {
    let (speaker, key) = cut_short(world)?;
    let old = world.hosts[speaker].view().map(|view| view.id);
    let keys = [key, say(world, speaker, 10)?, say(world, speaker, 3000)?];
    let all = world.living();
    wait_together(world, token(world) * 2, &all)?;
    wait_heard(world, token(world), &all, keys[2])?;
    heard_in_order(world, &all, &keys)?;
    let elsewhere = |heard: &Heard| Some(heard.view) != old;
    let anew = all.iter().all(|&host| heard(world, host, key).all(elsewhere));
    expect(world, anew, "what was cut is sent again in the next view")?;
    heal(world)
}

fn partial_of_the_dead(world: &mut World) -> Check {
    let (speaker, key) = cut_short(world)?;
    world.crash(speaker);
    let left = world.living();
    wait_together(world, token(world) * 3, &left)?;
    let after = say(world, left[0], 10)?;
    wait_heard(world, token(world), &left, after)?;
    none_heard(world, &left, key, "only a part of it is anywhere")?;
    let held: Vec<usize> = left.iter().map(|&host| stats(world, host).held_bytes).collect();
    let forgotten = held.iter().all(|&bytes| bytes < LONG / 100);
    expect(world, forgotten, format!("parts of it are kept: {held:?} bytes"))?;
    heal(world)
}
