//! What scenarios are made of: waiting, checking, the usual casts.

use core::time::Duration;

use crate::{
    clock::nanos,
    faults,
    permanent::form,
    swarm::{become_whole, is_whole, liveness_bound},
    violation::{Check, Violation},
    world::World,
};

/// Checks something; the scenario fails with this sentence if it does not hold.
pub(crate) fn expect(world: &mut World, holds: bool, what: impl Into<String>) -> Check {
    if holds {
        return Ok(());
    }
    world.fail(Violation::new("scenario", &[], what.into()));
    world.failure()
}

/// Waits until something holds.
pub(crate) fn until(
    world: &mut World,
    within: Duration,
    what: &str,
    holds: impl Fn(&World) -> bool,
) -> Check {
    let end = world.now + nanos(within);
    while world.now < end {
        if holds(world) {
            return Ok(());
        }
        world.run_for(Duration::from_millis(5))?;
    }
    let done = holds(world);
    expect(world, done, format!("not within {} ms: {what}", within.as_millis()))
}

/// The token of the cluster.
pub(crate) fn token(world: &World) -> Duration {
    world.cluster().token
}

/// The coordinator.
pub(crate) fn coordinator(world: &World) -> usize {
    faults::coordinator(world).unwrap_or(0)
}

/// A member that is neither coordinator nor first in line.
pub(crate) fn member(world: &World) -> usize {
    let (first, second) = (faults::coordinator(world), faults::deputy(world));
    let mut others = world.living();
    others.retain(|&host| Some(host) != first && Some(host) != second);
    others.last().copied().unwrap_or(0)
}

/// The next in line.
pub(crate) fn deputy(world: &World) -> usize {
    faults::deputy(world).unwrap_or(0)
}

/// A cluster that has been whole for a while.
pub(crate) fn settle(world: &mut World) -> Check {
    form(world)?;
    let span = token(world) * 2;
    world.run_for(span)?;
    world.installed.clear();
    world.lost_quorum.clear();
    Ok(())
}

/// Everything is healed and everybody started; the cluster must be whole in time.
pub(crate) fn heal(world: &mut World) -> Check {
    world.heal();
    for host in 0..world.hosts.len() {
        world.start(host);
    }
    let bound = liveness_bound(token(world));
    become_whole(world, bound)
}

/// Nothing changed at anybody since the last time it was asked.
pub(crate) fn nothing_changed(world: &mut World) -> Check {
    let (views, losses) = (world.installed.len(), world.lost_quorum.len());
    let what = format!("{views} views and {losses} losses of quorum, none expected");
    expect(world, views + losses == 0, what)
}

/// At most so many views at any single node since the last time it was asked.
pub(crate) fn few_views(world: &mut World, most: usize) -> Check {
    let views_of = |host: usize| world.installed.iter().filter(|(_, who)| *who == host).count();
    let worst = (0..world.hosts.len()).map(views_of).max().unwrap_or(0);
    world.installed.clear();
    expect(world, worst <= most, format!("{worst} views at one node, at most {most} expected"))
}

/// These hosts are in a view of exactly themselves.
pub(crate) fn together(world: &World, hosts: &[usize]) -> bool {
    hosts.iter().all(|&host| {
        world.hosts[host].view().is_some_and(|view| {
            let nodes = hosts.iter().map(|&host| world.hosts[host].node);
            view.members.len() == hosts.len()
                && nodes.into_iter().all(|node| view.member_of_node(node).is_some())
        })
    })
}

/// Waits until these hosts are in a view of exactly themselves.
pub(crate) fn wait_together(world: &mut World, within: Duration, hosts: &[usize]) -> Check {
    let what = format!("hosts {hosts:?} in a view of their own");
    until(world, within, &what, |world| together(world, hosts))
}

/// Whether all of these claim quorum.
pub(crate) fn all_claim(world: &World, hosts: &[usize]) -> bool {
    hosts.iter().all(|&host| world.hosts[host].claims(world.now))
}

/// Waits until the cluster is whole.
pub(crate) fn wait_whole(world: &mut World, within: Duration) -> Check {
    if is_whole(world) { Ok(()) } else { become_whole(world, within) }
}

/// Cuts hosts into two sides: the given ones, and the rest.
pub(crate) fn split(world: &mut World, side: &[usize]) -> Vec<(usize, usize)> {
    let sides: Vec<usize> =
        (0..world.hosts.len()).map(|host| usize::from(side.contains(&host))).collect();
    let paths = world.paths_between(&sides);
    world.cut(&paths);
    paths
}

/// The hosts that are not among these.
pub(crate) fn others(world: &World, than: &[usize]) -> Vec<usize> {
    (0..world.hosts.len()).filter(|host| !than.contains(host)).collect()
}
