//! Large clusters: how the work of one node grows with their number.

use core::time::Duration;
use serde_json::json;

use crate::{
    clock::nanos,
    cluster::Cluster,
    columns::print_line,
    faults, permanent,
    violation::Violation,
    world::{Options, World},
};

/// What one node does in a second of an idle cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// Datagrams sent.
    pub sent: f64,
    /// Datagrams read.
    pub read: f64,
}

/// The work of a cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// How many nodes it has.
    pub nodes: usize,
    /// The busiest ordinary member.
    pub member: Rates,
    /// The coordinator.
    pub coordinator: Rates,
}

/// How long the idle cluster is measured.
const WATCH: Duration = Duration::from_secs(10);

/// Forms a cluster and measures it while it is idle.
///
/// # Errors
/// An invariant was broken.
pub fn measure(nodes: usize) -> Result<Load, Violation> {
    let mut options = Options::quiet(1);
    options.look = false;
    let mut world = World::new(Cluster::plain(nodes), options);
    permanent::form(&mut world)?;
    watch(&mut world)
}

/// Measures an idle cluster.
///
/// # Errors
/// An invariant was broken.
pub fn watch(world: &mut World) -> Result<Load, Violation> {
    let before: Vec<(u64, u64)> = world.hosts.iter().map(|host| (host.sent, host.read)).collect();
    world.run_until(world.now + nanos(WATCH))?;
    let coordinator = faults::coordinator(world);
    let mut load = Load { nodes: world.hosts.len(), ..Load::default() };
    for (index, (host, (sent, read))) in world.hosts.iter().zip(before).enumerate() {
        let rates = Rates { sent: a_second(host.sent - sent), read: a_second(host.read - read) };
        if coordinator == Some(index) {
            load.coordinator = rates;
        } else {
            load.member.sent = load.member.sent.max(rates.sent);
            load.member.read = load.member.read.max(rates.read);
        }
    }
    Ok(load)
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn a_second(count: u64) -> f64 {
    count as f64 / WATCH.as_secs_f64()
}

/// Measures clusters of these sizes and prints what was found. True if the work of a member does
/// not grow with their size, and that of the coordinator at most in proportion.
///
/// # Errors
/// An invariant was broken.
pub fn report(sizes: &[usize], as_json: bool) -> Result<bool, Violation> {
    let loads = sizes.iter().map(|&nodes| measure(nodes)).collect::<Result<Vec<_>, _>>()?;
    if as_json {
        let rows = loads.iter().map(|load| {
            json!({
                "nodes": load.nodes,
                "member": { "sent": load.member.sent, "read": load.member.read },
                "coordinator": { "sent": load.coordinator.sent, "read": load.coordinator.read },
            })
        });
        print_line(&json!({ "datagrams_a_second": rows.collect::<Vec<_>>() }).to_string());
    } else {
        print_line("datagrams a second of an idle cluster, token 2000 ms");
        print_line(&row("nodes", "member sent / read", "coordinator sent / read"));
        for load in &loads {
            let pair = |rates: Rates| format!("{:.1} / {:.1}", rates.sent, rates.read);
            print_line(&row(&load.nodes.to_string(), &pair(load.member), &pair(load.coordinator)));
        }
    }
    Ok(loads.windows(2).all(|pair| matches!(pair, [small, large] if grows_well(small, large))))
}

/// A row of the table.
fn row(nodes: &str, member: &str, coordinator: &str) -> String {
    format!("{nodes:>6}  {member:>24}  {coordinator:>24}")
}

/// Whether a larger cluster costs a member no more, and the coordinator no more than in
/// proportion; a tenth is allowed for rounding.
#[must_use]
pub fn grows_well(small: &Load, large: &Load) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand nodes")]
    let factor = (large.nodes as f64 / small.nodes as f64).max(1.0) * 1.1;
    let most = |rates: Rates, factor: f64| (rates.sent * factor + 1.0, rates.read * factor + 1.0);
    let (sent, read) = most(small.member, 1.1);
    let (hub_sent, hub_read) = most(small.coordinator, factor);
    large.member.sent <= sent
        && large.member.read <= read
        && large.coordinator.sent <= hub_sent
        && large.coordinator.read <= hub_read
}
