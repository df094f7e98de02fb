//! What daemons cost while they run.

use anyhow::{Context, Result};
use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

/// Medians over several daemons.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// UDP datagrams that a node sent, a second.
    pub datagrams_per_s: f64,
    /// Resident memory, in MiB.
    pub resident_mib: f64,
    /// Processor time, in percent of one core.
    pub core_percent: f64,
}

impl Cost {
    /// Observes daemons, each in a network namespace of its own, for this long.
    pub fn over(pids: &[u32], length: Duration) -> Result<Self> {
        let start = Instant::now();
        let mut before = Vec::new();
        for &pid in pids {
            before.push((datagrams_sent(pid)?, processor_ns(pid)?));
        }
        sleep(length);
        let (mut datagrams, mut cores, mut resident) = (Vec::new(), Vec::new(), Vec::new());
        let seconds = start.elapsed().as_secs_f64();
        for (&pid, (sent, spent)) in pids.iter().zip(before) {
            let more_sent = datagrams_sent(pid)?.saturating_sub(sent);
            let more_spent = processor_ns(pid)?.saturating_sub(spent);
            datagrams.push(more_sent as f64 / seconds);
            cores.push(more_spent as f64 / 1e9 / seconds * 100.0);
            resident.push(resident_mib(pid)?);
        }
        Ok(Self {
            datagrams_per_s: median(&datagrams),
            resident_mib: median(&resident),
            core_percent: median(&cores),
        })
    }
}

/// UDP datagrams sent so far in the network namespace of a process, over IPv4.
fn datagrams_sent(pid: u32) -> Result<u64> {
    let counters = fs::read_to_string(format!("/proc/{pid}/net/snmp")).context("it is gone")?;
    let mut lines = counters.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, values) = lines.next().zip(lines.next()).context("snmp has no UDP")?;
    let mut columns = names.split_whitespace().zip(values.split_whitespace());
    let (_, value) =
        columns.find(|(name, _)| *name == "OutDatagrams").context("no OutDatagrams")?;
    Ok(value.parse()?)
}

/// Time that all threads of a process ran, in nanoseconds.
fn processor_ns(pid: u32) -> Result<u64> {
    let mut total = 0_u64;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).context("the daemon is gone")? {
        let statistics = fs::read_to_string(thread?.path().join("schedstat"))?;
        let ran = statistics.split_whitespace().next().and_then(|text| text.parse::<u64>().ok());
        total = total.saturating_add(ran.context("schedstat has no time")?);
    }
    Ok(total)
}

/// Resident memory of a process, in MiB.
///
/// # Errors
/// When it is gone.
pub fn resident_mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the daemon is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kib.context("no VmRSS")? / 1024.0)
}

/// The middle value, the mean of both if there are two; not a number for none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2).copied();
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2).copied();
    upper.zip(lower).map_or(f64::NAN, |(upper, lower)| f64::midpoint(upper, lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).is_nan());
    }
}
