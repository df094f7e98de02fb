//! What daemons cost while they run.

use crate::lab::Lab;
use anyhow::{Context, Result};
use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

/// Medians over several daemons.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Frames that a node sent, a second.
    pub packets_per_s: f64,
    /// Resident memory, in MiB.
    pub resident_mib: f64,
    /// Processor time, in percent of one core.
    pub core_percent: f64,
}

impl Cost {
    /// Observes daemons, each as (number of its node, pid), for this long.
    pub fn over(lab: &Lab, daemons: &[(usize, u32)], length: Duration) -> Result<Self> {
        let start = Instant::now();
        let mut before = Vec::new();
        for &(node, pid) in daemons {
            before.push((lab.traffic(node)?.packets_sent, processor_ns(pid)?));
        }
        sleep(length);
        let (mut packets, mut cores, mut resident) = (Vec::new(), Vec::new(), Vec::new());
        let seconds = start.elapsed().as_secs_f64();
        for (&(node, pid), (sent, spent)) in daemons.iter().zip(before) {
            let more_sent = lab.traffic(node)?.packets_sent.saturating_sub(sent);
            let more_spent = processor_ns(pid)?.saturating_sub(spent);
            packets.push(more_sent as f64 / seconds);
            cores.push(more_spent as f64 / 1e9 / seconds * 100.0);
            resident.push(resident_mib(pid)?);
        }
        Ok(Self {
            packets_per_s: median(&packets),
            resident_mib: median(&resident),
            core_percent: median(&cores),
        })
    }
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

/// Resident memory of a process.
fn resident_mib(pid: u32) -> Result<f64> {
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
