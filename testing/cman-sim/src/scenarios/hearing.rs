//! For scenarios of messages: saying something, and who has heard it.

use cman_node::StreamStats;
use core::time::Duration;

use super::stage::expect;
use crate::{
    checkers::messages::Key,
    clock::nanos,
    host::Stage,
    violation::{Check, Violation},
    world::{World, witness::Heard},
};

/// A host says something of this length; it must be taken.
pub(super) fn say(world: &mut World, host: usize, length: usize) -> Result<Key, Violation> {
    let said = world.say(host, length, false);
    expect(world, said.is_some(), format!("host {host} may say something"))?;
    said.ok_or_else(|| Violation::new("scenario", &[], "nothing was said".to_owned()))
}

/// How a host has heard of a message, each time that it did.
pub(super) fn heard(world: &World, host: usize, key: Key) -> impl Iterator<Item = &Heard> {
    world.heard().iter().filter(move |heard| heard.host == host && heard.key == key)
}

/// Whether all of these have heard of a message.
pub(super) fn all_heard(world: &World, hosts: &[usize], key: Key) -> bool {
    hosts.iter().all(|&host| heard(world, host, key).next().is_some())
}

/// None of these has heard of a message.
pub(super) fn none_heard(world: &mut World, hosts: &[usize], key: Key, what: &str) -> Check {
    let who = hosts.iter().find(|&&host| heard(world, host, key).next().is_some()).copied();
    expect(world, who.is_none(), format!("{what}: but {who:?} has heard {key:?}"))
}

/// Each of these has heard of each of the messages once, and in this order.
pub(super) fn heard_in_order(world: &mut World, hosts: &[usize], keys: &[Key]) -> Check {
    for &host in hosts {
        let all = world.heard().iter().filter(|heard| heard.host == host);
        let of_them: Vec<Key> = all.map(|h| h.key).filter(|key| keys.contains(key)).collect();
        expect(world, of_them == keys, format!("host {host} heard {of_them:?}, not {keys:?}"))?;
    }
    Ok(())
}

/// Waits for the very moment at which something holds.
pub(super) fn moment(
    world: &mut World,
    within: Duration,
    what: &str,
    holds: impl Fn(&World) -> bool,
) -> Check {
    let end = world.now + nanos(within);
    let come = holds(world) || world.run_while(end, |world| !holds(world))?;
    expect(world, come, format!("not within {} ms: {what}", within.as_millis()))
}

/// Waits for the moment at which all of these have heard of a message.
pub(super) fn wait_heard(world: &mut World, within: Duration, hosts: &[usize], key: Key) -> Check {
    let what = format!("hosts {hosts:?} hear {key:?}");
    moment(world, within, &what, |world| all_heard(world, hosts, key))
}

/// Waits for the moment at which one of these asks all what they hold (or, later in a view change,
/// to fetch what the plan says); who.
pub(super) fn wait_stage(
    world: &mut World,
    within: Duration,
    hosts: &[usize],
    stage: Stage,
) -> Result<usize, Violation> {
    let before: Vec<_> = world.hosts.iter().map(|host| host.proposing).collect();
    let begun = |world: &World, host: usize| {
        let now = world.hosts[host].proposing;
        now != before[host] && now.is_some_and(|(_, at)| at == stage)
    };
    let any = |world: &World| hosts.iter().copied().find(|&host| begun(world, host));
    moment(world, within, "a view change comes so far", |world| any(world).is_some())?;
    any(world).ok_or_else(|| Violation::new("scenario", &[], "nobody proposes".to_owned()))
}

/// Nobody has installed a view since the last settling.
pub(super) fn nothing_installed(world: &mut World, what: &str) -> Check {
    let views = world.installed.clone();
    expect(world, views.is_empty(), format!("{what}, but views were installed: {views:?}"))
}

/// What the stream of a host has done in its view, and holds.
pub(super) fn stats(world: &World, host: usize) -> StreamStats {
    let life = world.hosts[host].life.as_ref();
    life.and_then(|life| life.node.stream_stats()).unwrap_or_default()
}

/// All paths from some hosts to others.
pub(super) fn paths(from: &[usize], to: &[usize]) -> Vec<(usize, usize)> {
    from.iter().flat_map(|&a| to.iter().map(move |&b| (a, b))).collect()
}
