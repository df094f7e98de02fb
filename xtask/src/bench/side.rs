//! A cluster under load, of either kind.

use super::{
    plan::{Load, PACED_RATE},
    programs::Programs,
    task::{Task, gather},
};
use crate::sandbox::interrupt::Interrupt;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{process::Command, time::Duration};

/// How long a flood may take, start and end included.
const FLOOD_MAX: Duration = Duration::from_secs(30);

/// How long messages at a pace may take beyond the time that they need.
const PACE_MORE: Duration = Duration::from_secs(20);

/// How long a cluster may take to form.
pub(crate) const FORMED_MAX: Duration = Duration::from_secs(120);

/// How long the death of a node may take to be noticed by all.
pub(crate) const NOTICED_MAX: Duration = Duration::from_secs(60);

/// One of the two kinds, as a running cluster.
pub(crate) trait Side: Sized {
    /// Makes a lab with a cluster of so many nodes, and waits until it is whole and quorate.
    fn form(nodes: usize, programs: &Programs, interrupt: &Interrupt) -> Result<Self>;

    /// The programs that are this load, to be run at the same time in a group of this name.
    fn clients(&self, group: &str, load: Load) -> Result<Vec<Client>>;

    /// Kills the last node; how many milliseconds until all others had the new membership.
    fn kill_last(&mut self, interrupt: &Interrupt) -> Result<f64>;
}

/// A program of a load.
#[derive(Debug)]
pub(crate) struct Client {
    /// What a failure calls it.
    pub(crate) name: String,
    /// How it is started.
    pub(crate) command: Command,
}

/// Puts a load on a cluster and returns a value for each figure of it.
pub(crate) fn load<S: Side>(
    side: &S,
    group: &str,
    load: Load,
    interrupt: &Interrupt,
) -> Result<Vec<f64>> {
    let mut tasks = Vec::new();
    for mut client in side.clients(group, load)? {
        tasks.push(Task::start(client.name, &mut client.command)?);
    }
    let bound = match load {
        Load::Flood { .. } => FLOOD_MAX,
        Load::Pace { messages } => PACE_MORE + Duration::from_secs((messages / PACED_RATE).into()),
    };
    let reports = gather(tasks, bound, interrupt)?;
    let sent = reports.iter().filter_map(|report| report.get("sent")?.as_u64()).sum();
    check(sent, &reports)?;
    match load {
        Load::Flood { .. } => Ok(vec![extreme(&reports, "per_second", f64::min)?]),
        Load::Pace { .. } => {
            Ok(vec![extreme(&reports, "p50_us", f64::max)?, extreme(&reports, "p99_us", f64::max)?])
        }
    }
}

/// Fails unless all saw everything, in the same order.
fn check(sent: u64, seen: &[Value]) -> Result<()> {
    ensure!(sent > 0, "nothing was sent");
    let mut orders = Vec::new();
    for report in seen {
        let delivered = report.get("delivered").and_then(Value::as_u64);
        ensure!(delivered == Some(sent), "{sent} messages were sent, one member saw {delivered:?}");
        orders.push(report.get("order_hash").and_then(Value::as_str).context("no order_hash")?);
    }
    ensure!(orders.windows(2).all(|two| two.first() == two.last()), "not one order: {orders:?}");
    Ok(())
}

/// The value of the worst of these.
fn extreme(seen: &[Value], what: &str, worse: impl Fn(f64, f64) -> f64) -> Result<f64> {
    let values: Option<Vec<_>> = seen.iter().map(|report| report.get(what)?.as_f64()).collect();
    let worst = values.with_context(|| format!("a member told no {what}"))?.into_iter();
    worst.reduce(worse).context("nobody was to see everything")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_one_did_not_see_or_saw_in_another_order_is_a_failure() {
        let whole = json!({"delivered": 5, "order_hash": "a"});
        let part = json!({"delivered": 4, "order_hash": "a"});
        let other = json!({"delivered": 5, "order_hash": "b"});
        assert!(check(5, &[whole.clone(), whole.clone()]).is_ok());
        assert!(check(5, &[whole.clone(), part]).is_err());
        assert!(check(5, &[whole, other]).is_err());
        assert!(check(0, &[]).is_err());
    }

    #[test]
    fn the_worst_counts() {
        let (fast, slow) = (json!({"per_second": 9.0}), json!({"per_second": 4.0}));
        let both = [fast, slow];
        assert!((extreme(&both, "per_second", f64::min).unwrap() - 4.0).abs() < 1e-9);
        assert!(extreme(&both, "p50_us", f64::max).is_err());
    }
}
