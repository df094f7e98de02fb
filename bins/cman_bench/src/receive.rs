//! Receives messages.

use crate::{
    Failure,
    cli::{Receive, Until},
    latency::Latencies,
    member::Member,
    report::{Report, Throughput},
    stamp::Clock,
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Receives until it is enough.
pub(crate) fn run(run_dir: &Path, options: &Receive) -> Result<Report, Failure> {
    let common = &options.common;
    let Until { seconds, count } = common.until;
    let mut member = Member::join(run_dir, common)?;
    let end = seconds.map(|seconds| Instant::now() + seconds);
    let clock = Clock::here();
    let mut latencies = Latencies::default();
    let mut throughput = Throughput::default();
    let mut first: Option<Instant> = None;
    let mut last = Instant::now();
    while count.is_none_or(|count| throughput.messages < count) {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            break;
        }
        match member.next(Some(left.unwrap_or(common.patience).min(common.patience)))? {
            Some(message) => {
                last = Instant::now();
                first.get_or_insert(last);
                throughput.add(&message.payload);
                if let Some(age) = clock.age(&message.payload) {
                    latencies.add(age);
                }
            }
            None if count.is_some() && last.elapsed() >= common.patience => {
                return Err(Failure::Other(format!(
                    "{} messages came, and then none for {} s",
                    throughput.messages,
                    common.patience.as_secs()
                )));
            }
            None => {}
        }
    }
    throughput.time = first.map_or(Duration::ZERO, |first| last - first);
    Ok(Report::new(None, &member, throughput, &latencies))
}
