//! What is printed.

use crate::latency::Latencies;
use serde::Serialize;
use std::time::Duration;

/// One JSON object. What does not apply is null.
#[derive(Serialize, Debug)]
pub(crate) struct Report {
    /// Messages that this process sent.
    pub(crate) sent: Option<u64>,
    /// Messages that this process saw, of whoever sent them.
    pub(crate) delivered: u64,
    /// Of those counted by `per_second`: from the first to the last.
    pub(crate) seconds: f64,
    /// Messages a second: its own ones that came back, or all that it saw.
    pub(crate) per_second: f64,
    /// Payload, in units of 10^6 bytes.
    pub(crate) megabytes_per_second: f64,
    pub(crate) order_hash: String,
    /// Changes of the group from the first that counts on.
    pub(crate) changes: u64,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) p999_us: Option<f64>,
}

/// Messages and the time they took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Throughput {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

impl Throughput {
    /// One more message came.
    pub(crate) fn add(&mut self, payload: &[u8]) {
        self.messages += 1;
        self.bytes += u64::try_from(payload.len()).unwrap_or(0);
    }

    /// Something a second; zero if it took no time.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn rate(self, amount: u64) -> f64 {
        let seconds = self.time.as_secs_f64();
        if seconds > 0.0 { amount as f64 / seconds } else { 0.0 }
    }
}

impl Report {
    pub(crate) fn new(
        sent: Option<u64>,
        member: &crate::member::Member,
        throughput: Throughput,
        latencies: &Latencies,
    ) -> Self {
        Self {
            sent,
            delivered: member.delivered(),
            seconds: throughput.time.as_secs_f64(),
            per_second: throughput.rate(throughput.messages),
            megabytes_per_second: throughput.rate(throughput.bytes) / 1e6,
            order_hash: member.order_hash(),
            changes: member.changes(),
            p50_us: latencies.permille_us(500),
            p99_us: latencies.permille_us(990),
            p999_us: latencies.permille_us(999),
        }
    }
}
