//! Parts that carry state meet again: protection on merge (R-80m).

use cman_node::Command;
use cman_types::Prng;
use core::time::Duration;

use super::{
    Scenario,
    stage::{
        all_claim, coordinator, expect, member, nothing_changed, others, settle, split, together,
        token, until, wait_together, wait_whole,
    },
};
use crate::{
    cluster::Cluster,
    triggers::{Blow, Point},
    violation::{Check, Violation},
    world::World,
};

type Play = fn(&mut World) -> Check;

pub(super) fn all() -> Vec<Scenario> {
    let cases: [(&str, &'static str, usize, Play); 9] = [
        (
            "dirty-merge-quorate",
            "a side with state and quorum meets one with state: that one ends, nobody else notices",
            3,
            merge_quorate,
        ),
        (
            "dirty-merge-even",
            "two halves with state stay apart, until one of them is restarted",
            4,
            merge_even,
        ),
        (
            "dirty-returner",
            "a coordinator with state sleeps for ten seconds, and ends as it comes back",
            5,
            returner,
        ),
        (
            "dirty-returner-of-the-clean",
            "a node with state was away from a quorum that has none: it ends as well",
            5,
            returner_of_the_clean,
        ),
        ("dirty-nap", "a node with state sleeps for less than the token: it is not hurt", 3, nap),
        (
            "dirty-proposer-dies",
            "members with state look for a view because their proposer died: they were together",
            6,
            proposer_dies,
        ),
        (
            "dirty-clean-mix",
            "of a part that is away the dirty node ends, the clean ones come; whoever coordinates",
            7,
            clean_mix,
        ),
        (
            "dirty-clean-halves",
            "a half with state and a half without become one view",
            4,
            clean_halves,
        ),
        (
            "dirty-untold",
            "a coordinator does not know that a member of its has state: the ballot finds out",
            4,
            untold,
        ),
    ];
    let make = |(name, text, nodes, play): (&str, &'static str, usize, Play)| {
        Scenario::new(name, text, Cluster::plain(nodes), move |world: &mut World, _: &mut Prng| {
            settle(world)?;
            play(world)
        })
    };
    cases.into_iter().map(make).collect()
}

/// Clients of these hosts carry state from now on; a moment later their coordinator knows.
fn mark(world: &mut World, hosts: &[usize]) -> Check {
    for &host in hosts {
        let answer = world.command(host, Command::SetDirty);
        expect(world, answer.is_ok(), format!("host {host} is marked: {answer:?}"))?;
    }
    world.run_for(token(world) / 4)
}

/// Waits until this host has ended because it carries state.
fn wait_disallowed(world: &mut World, host: usize) -> Check {
    let within = token(world) * 3;
    until(world, within, &format!("host {host} ends"), |world| {
        !world.hosts[host].is_alive() && world.hosts[host].disallowed
    })
}

/// The nodes that a host shows as disallowed.
fn shown(world: &World, host: usize) -> Vec<u32> {
    let host = &world.hosts[host];
    let Some(life) = &host.life else { return Vec::new() };
    let status = life.node.status(host.clock.local(world.now));
    let nodes = status.nodes.iter().filter(|node| node.disallowed);
    nodes.map(|node| node.id.get()).collect()
}

/// They part, and each side is in a view of its own.
fn part(world: &mut World, side: &[usize]) -> Result<Vec<(usize, usize)>, Violation> {
    let paths = split(world, side);
    let within = token(world) * 6;
    wait_together(world, within, side)?;
    let others = others(world, side);
    wait_together(world, within, &others)?;
    world.run_for(token(world) * 2)?;
    world.installed.clear();
    world.lost_quorum.clear();
    Ok(paths)
}

fn merge_quorate(world: &mut World) -> Check {
    let away = coordinator(world);
    let rest = others(world, &[away]);
    mark(world, &[0, 1, 2])?;
    let paths = part(world, &[away])?;
    world.mend(&paths);
    wait_disallowed(world, away)?;
    world.run_for(token(world) * 5)?;
    nothing_changed(world)?;
    let hold = together(world, &rest) && all_claim(world, &rest);
    expect(world, hold, "the others go on")?;
    world.start(away);
    wait_whole(world, token(world) * 5)
}

fn merge_even(world: &mut World) -> Check {
    mark(world, &[0, 1, 2, 3])?;
    let paths = part(world, &[0, 1])?;
    world.mend(&paths);
    // Nobody ends, nobody tries again and again.
    world.run_for(Duration::from_secs(120))?;
    nothing_changed(world)?;
    for (host, apart) in [(0, [3, 4]), (1, [3, 4]), (2, [1, 2]), (3, [1, 2])] {
        let shown = shown(world, host);
        expect(world, shown == apart, format!("host {host} shows {shown:?} as disallowed"))?;
    }
    world.crash_together(&[2, 3]);
    world.run_for(token(world) * 2)?;
    [2, 3].into_iter().for_each(|host| world.start(host));
    wait_whole(world, token(world) * 5)?;
    let nobody = (0..4).all(|host| shown(world, host).is_empty());
    expect(world, nobody, "nobody is disallowed any more")
}

fn returner(world: &mut World) -> Check {
    let away = coordinator(world);
    mark(world, &[0, 1, 2, 3, 4])?;
    sleep_and_end(world, away)
}

fn returner_of_the_clean(world: &mut World) -> Check {
    let away = member(world);
    mark(world, &[away])?;
    sleep_and_end(world, away)
}

/// The host sleeps for ten seconds; it ends, and the others do not notice.
fn sleep_and_end(world: &mut World, away: usize) -> Check {
    let rest = others(world, &[away]);
    let slept = Duration::from_secs(10);
    world.stall(away, slept);
    wait_together(world, token(world) * 2, &rest)?;
    world.run_for(token(world))?;
    world.installed.clear();
    world.lost_quorum.clear();
    world.run_for(slept)?;
    wait_disallowed(world, away)?;
    world.run_for(token(world) * 2)?;
    world.installed.retain(|(_, host)| *host != away);
    world.lost_quorum.retain(|(_, host)| *host != away);
    nothing_changed(world)?;
    let hold = together(world, &rest) && all_claim(world, &rest);
    expect(world, hold, "the others go on")
}

fn nap(world: &mut World) -> Check {
    mark(world, &[0, 1, 2])?;
    let [first, last] = [coordinator(world), member(world)];
    for host in [first, last] {
        world.stall(host, token(world) * 8 / 10);
        world.run_for(token(world) * 3)?;
        let all = together(world, &[0, 1, 2]) && all_claim(world, &[0, 1, 2]);
        expect(world, all, "all are where they were")?;
    }
    // For longer, but the others cannot go on without it meanwhile.
    let other = others(world, &[first, last]);
    world.stall(first, token(world) * 8 / 10);
    other.iter().for_each(|&host| world.stall(host, token(world) * 2));
    world.run_for(token(world) * 6)?;
    let living = world.living().len();
    expect(world, living >= 2, format!("{living} live"))
}

fn proposer_dies(world: &mut World) -> Check {
    mark(world, &[0, 1, 2, 3, 4, 5])?;
    let (first, gone) = (coordinator(world), member(world));
    let rest = others(world, &[first, gone]);
    world.arm(Point::Recovers, Blow::Crash { back_after: None }, 1);
    world.crash(gone);
    wait_together(world, token(world) * 6, &rest)?;
    let hold = all_claim(world, &rest);
    expect(world, hold, "four of six go on")
}

/// Twice: the dirty node of those that are away coordinates them, or a clean one does.
fn clean_mix(world: &mut World) -> Check {
    for clean_first in [false, true] {
        let first = coordinator(world);
        let away: Vec<usize> =
            std::iter::once(first).chain(others(world, &[first])).take(3).collect();
        let rest = others(world, &away);
        let dirty = away[usize::from(clean_first)];
        let clean: Vec<usize> = away.iter().copied().filter(|&host| host != dirty).collect();
        mark(world, &[dirty, rest[0]])?;
        let paths = part(world, &away)?;
        world.mend(&paths);
        wait_disallowed(world, dirty)?;
        let all: Vec<usize> = clean.iter().chain(&rest).copied().collect();
        wait_together(world, token(world) * 40, &all)?;
        world.lost_quorum.retain(|(_, host)| rest.contains(host));
        let kept = world.lost_quorum.is_empty();
        expect(world, kept, "those who held quorum keep it")?;
        world.start(dirty);
        wait_whole(world, token(world) * 40)?;
        world.crash(rest[0]);
        world.run_for(token(world) * 2)?;
        world.start(rest[0]);
        wait_whole(world, token(world) * 40)?;
        world.run_for(token(world))?;
    }
    Ok(())
}

fn clean_halves(world: &mut World) -> Check {
    mark(world, &[0, 1])?;
    let paths = part(world, &[0, 1])?;
    world.mend(&paths);
    wait_whole(world, token(world) * 5)
}

fn untold(world: &mut World) -> Check {
    let paths = part(world, &[0, 1])?;
    // So long they refuse the coordinator that they lost.
    world.run_for(token(world) * 4)?;
    mark(world, &[0])?;
    let far = if world.hosts[2].coordinates() { (3, 2) } else { (2, 3) };
    // What it beats does not reach its coordinator, which has not missed it when they meet.
    world.cut(&[far]);
    let answer = world.command(far.0, Command::SetDirty);
    expect(world, answer.is_ok(), format!("it is marked: {answer:?}"))?;
    world.mend(&paths);
    let together_without: Vec<usize> = others(world, &[far.0]);
    wait_together(world, token(world) * 5, &together_without)?;
    let views = world.installed.iter().filter(|(_, host)| *host == far.1).count();
    expect(world, views == 1, format!("{views} views of its coordinator: it came at once"))?;
    wait_disallowed(world, far.0)
}
