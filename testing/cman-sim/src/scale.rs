//! Large clusters: how the work of one node grows with their number.

use core::time::Duration;
use serde_json::json;

use crate::{
    clock::nanos,
    cluster::Cluster,
    columns::print_line,
    faults,
    host::Traffic,
    permanent,
    violation::Violation,
    world::{Options, World},
};

/// What passes a node's socket one way in a second of an idle cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    /// Datagrams.
    pub datagrams: f64,
    /// Their bytes.
    pub bytes: f64,
    /// Frames in them.
    pub frames: f64,
}

/// What one node does in a second of an idle cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// What it sends.
    pub sent: Rate,
    /// What it reads.
    pub read: Rate,
}

/// The work of a cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// How many nodes it has.
    pub nodes: usize,
    /// The ordinary members: of each number that of the busiest one.
    pub member: Rates,
    /// The coordinator.
    pub coordinator: Rates,
}

impl Rate {
    /// What passed between two readings.
    fn between(before: Traffic, after: Traffic) -> Self {
        Self {
            datagrams: a_second(after.datagrams - before.datagrams),
            bytes: a_second(after.bytes - before.bytes),
            frames: a_second(after.frames - before.frames),
        }
    }

    fn most(self, other: Self) -> Self {
        Self {
            datagrams: self.datagrams.max(other.datagrams),
            bytes: self.bytes.max(other.bytes),
            frames: self.frames.max(other.frames),
        }
    }

    /// Whether it is at most so many times another one, give or take one datagram a second and what
    /// beats say of members one by one.
    fn within(self, factor: f64, other: Self) -> bool {
        self.datagrams <= other.datagrams * factor + 1.0
            && self.bytes <= other.bytes * factor + ONE_BY_ONE
            && self.frames <= other.frames * factor + 1.0
    }
}

impl Rates {
    fn within(self, factor: f64, other: Self) -> bool {
        self.sent.within(factor, other.sent) && self.read.within(factor, other.read)
    }
}

/// Bytes a second that beats may have more or less: of a member whose answer crosses the next beat
/// they speak apart from its neighbours, and whose answers do so is a matter of chance.
const ONE_BY_ONE: f64 = 500.0;

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
    let before: Vec<_> = world.hosts.iter().map(|host| (host.sent, host.read)).collect();
    world.run_until(world.now + nanos(WATCH))?;
    let coordinator = faults::coordinator(world);
    let mut load = Load { nodes: world.hosts.len(), ..Load::default() };
    for (index, (host, (sent, read))) in world.hosts.iter().zip(before).enumerate() {
        let (sent, read) = (Rate::between(sent, host.sent), Rate::between(read, host.read));
        if coordinator == Some(index) {
            load.coordinator = Rates { sent, read };
        } else {
            let busiest = load.member;
            load.member = Rates { sent: busiest.sent.most(sent), read: busiest.read.most(read) };
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
        let rows: Vec<_> = loads.iter().map(as_object).collect();
        print_line(&json!({ "a_second": rows }).to_string());
    } else {
        print_table(&loads);
    }
    Ok(loads.windows(2).all(|pair| matches!(pair, [small, large] if grows_well(small, large))))
}

fn as_object(load: &Load) -> serde_json::Value {
    let rate = |rate: Rate| {
        let Rate { datagrams, bytes, frames } = rate;
        json!({ "datagrams": datagrams, "bytes": bytes, "frames": frames })
    };
    let rates = |rates: Rates| json!({ "sent": rate(rates.sent), "read": rate(rates.read) });
    json!({
        "nodes": load.nodes,
        "member": rates(load.member),
        "coordinator": rates(load.coordinator),
    })
}

fn print_table(loads: &[Load]) {
    print_line("a second of an idle cluster, token 2000 ms: sent / read");
    print_line(&row(["nodes", "", "datagrams", "bytes", "frames"].map(str::to_owned)));
    for load in loads {
        for (who, rates) in [("busiest member", load.member), ("coordinator", load.coordinator)] {
            let Rates { sent, read } = rates;
            print_line(&row([
                load.nodes.to_string(),
                who.to_owned(),
                format!("{:.1} / {:.1}", sent.datagrams, read.datagrams),
                format!("{:.0} / {:.0}", sent.bytes, read.bytes),
                format!("{:.1} / {:.1}", sent.frames, read.frames),
            ]));
        }
    }
}

/// A row of the table.
fn row([nodes, who, datagrams, bytes, frames]: [String; 5]) -> String {
    format!("{nodes:>6}  {who:<14} {datagrams:>17} {bytes:>17} {frames:>17}")
}

/// Whether a larger cluster costs a member no more, and the coordinator no more than in
/// proportion; a tenth is allowed for rounding.
#[must_use]
pub fn grows_well(small: &Load, large: &Load) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand nodes")]
    let factor = (large.nodes as f64 / small.nodes as f64).max(1.0) * 1.1;
    large.member.within(1.1, small.member) && large.coordinator.within(factor, small.coordinator)
}
