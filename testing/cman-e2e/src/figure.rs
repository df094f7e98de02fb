//! One measured number and the bound it must keep.

use anyhow::{Result, ensure};
use std::fmt;

/// How the runs of one figure are judged together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// A time or an amount: the median of the runs must keep the limit.
    ByMedian,
    /// A count of something that must not happen oftener: every run must keep the limit.
    EveryRun,
    /// For information only.
    NotAtAll,
}

/// One measured number and the bound it must keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What was measured, the same text in each run.
    pub what: String,
    /// The number.
    pub value: f64,
    /// What it may be at most.
    pub limit: f64,
    /// Its unit: `ms`, `s`, `views`, ...
    pub unit: &'static str,
    /// How it is judged.
    pub judged: Judged,
}

impl Figure {
    /// A time or an amount, judged by its median.
    pub fn amount(what: impl Into<String>, value: f64, unit: &'static str, limit: f64) -> Self {
        Self { what: what.into(), value, limit, unit, judged: Judged::ByMedian }
    }

    /// A count, or something else that must hold in every run.
    pub fn strict(what: impl Into<String>, value: f64, unit: &'static str, limit: f64) -> Self {
        Self { what: what.into(), value, limit, unit, judged: Judged::EveryRun }
    }

    /// A number without a bound.
    pub fn information(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, limit: f64::INFINITY, unit, judged: Judged::NotAtAll }
    }

    /// The same with more text before what was measured.
    #[must_use]
    pub fn of(mut self, prefix: &str) -> Self {
        self.what = format!("{prefix}: {}", self.what);
        self
    }

    /// Fails if a strict figure breaks its limit, or an amount a generous multiple of it: tests
    /// share their machine with others, and a time on a busy machine proves little.
    pub fn check(&self, generosity: f64) -> Result<()> {
        let limit = match self.judged {
            Judged::ByMedian => self.limit * generosity,
            Judged::EveryRun => self.limit,
            Judged::NotAtAll => return Ok(()),
        };
        ensure!(self.value <= limit, "{self}: more than {limit} {}", self.unit);
        Ok(())
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:.4} {}", self.what, self.value, self.unit)?;
        if self.judged != Judged::NotAtAll {
            write!(f, " (limit {})", self.limit)?;
        }
        Ok(())
    }
}

/// How much more than its limit an amount may be in a test.
pub const GENEROSITY: f64 = 3.0;

/// Checks every figure with [`GENEROSITY`] and prints all, so that a failure shows its
/// neighbours.
pub fn check_all(figures: &[Figure]) -> Result<()> {
    for figure in figures {
        println!("{figure}");
    }
    figures.iter().try_for_each(|figure| figure.check(GENEROSITY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_room_and_counts_have_none() {
        assert!(Figure::amount("time", 2.9, "s", 1.0).check(3.0).is_ok());
        assert!(Figure::amount("time", 3.1, "s", 1.0).check(3.0).is_err());
        assert!(Figure::strict("views", 1.0, "views", 0.0).check(3.0).is_err());
        assert!(Figure::information("cpu", 1e9, "s").check(1.0).is_ok());
    }

    #[test]
    fn a_figure_that_is_not_a_number_fails() {
        assert!(Figure::amount("time", f64::NAN, "s", 1.0).check(3.0).is_err());
    }
}
