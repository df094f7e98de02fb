//! Percentiles of latencies, in memory that does not grow with their number.

use std::time::Duration;

/// Steps within each power of two: values are told apart to about 1.6 percent.
const STEPS: u32 = 64;
/// Bits of a step.
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// How often which latency came.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    /// By power of two and step.
    counts: Vec<u64>,
    total: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        let len = usize::try_from((u64::BITS - STEP_BITS + 1) * STEPS).unwrap_or(0);
        Self { counts: vec![0; len], total: 0 }
    }
}

impl Latencies {
    /// One more.
    pub(crate) fn add(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(nanoseconds)) {
            *count += 1;
            self.total += 1;
        }
    }

    /// Microseconds that so many in a thousand do not exceed; `None` without any.
    pub(crate) fn permille_us(&self, permille: u64) -> Option<f64> {
        let wanted = (self.total * permille).div_ceil(1000).max(1);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(Duration::from_nanos(upper(bucket)).as_secs_f64() * 1e6)
    }
}

/// Small values stand for themselves; of larger ones the highest bits count.
fn bucket(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(STEP_BITS + 1);
    let step = value >> shift;
    usize::try_from(u64::from(shift) * u64::from(STEPS) + step).unwrap_or(usize::MAX)
}

/// The largest value of a bucket.
fn upper(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    let steps = u64::from(STEPS);
    let shift = (bucket / steps).saturating_sub(1);
    let step = bucket - shift * steps;
    u32::try_from(shift)
        .ok()
        .and_then(|shift| (step + 1).checked_mul(1_u64.checked_shl(shift)?))
        .map_or(u64::MAX, |next| next - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lies_in_its_bucket_and_buckets_are_narrow() {
        let mut last = 0;
        for value in (0..1000).chain((10..63).flat_map(|b| [(1 << b) - 1, 1 << b, (1 << b) + 7])) {
            let (at, top) = (bucket(value), upper(bucket(value)));
            assert!(at >= last, "{value}");
            assert!(
                value <= top && top - value <= value / 32,
                "{value} is in a bucket up to {top}"
            );
            last = at;
        }
        assert!(bucket(u64::MAX) < Latencies::default().counts.len());
    }

    #[test]
    fn percentiles_count_from_below() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.permille_us(500), None);
        for micros in 1..=1000 {
            latencies.add(Duration::from_micros(micros));
        }
        let near = |permille, expected: f64| {
            let got = latencies.permille_us(permille).unwrap();
            assert!((got - expected).abs() < expected / 30.0, "{permille}: {got}");
        };
        near(500, 500.0);
        near(990, 990.0);
        near(999, 999.0);
    }
}
