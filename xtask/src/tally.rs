//! Counting passed and failed tests in what test runners print.

use std::ops::AddAssign;

/// Tests, or other checks, that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Those that passed.
    pub(crate) passed: u64,
    /// Those that failed.
    pub(crate) failed: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Tally {
    /// What this line of a test runner adds up to; nothing for any other line. Understands the
    /// closing lines of `cargo test` and of nextest.
    pub(crate) fn of_line(line: &str) -> Self {
        // Nextest shows what a failed test printed, closing line included, but indented.
        let closing = line.starts_with("test result: ")
            || (line.trim_start().starts_with("Summary [") && line.contains("tests run:"));
        if !closing {
            return Self::default();
        }
        let timed_out = number_before(line, "timed out");
        Self {
            passed: number_before(line, "passed"),
            failed: number_before(line, "failed").saturating_add(timed_out),
        }
    }
}

/// The number that stands before a word: 12 in `12 passed`; 0 if there is none.
fn number_before(line: &str, word: &str) -> u64 {
    let before = line.split(word).next().filter(|before| before.len() < line.len());
    let number = before.and_then(|before| before.split_whitespace().next_back());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_count() {
        let cargo = "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered";
        assert_eq!(Tally::of_line(cargo), Tally { passed: 10, failed: 2 });
        let nextest =
            "     Summary [   3.774s] 14 tests run: 13 passed (1 slow), 1 failed, 0 skipped";
        assert_eq!(Tally::of_line(nextest), Tally { passed: 13, failed: 1 });
        let late =
            "     Summary [ 120.000s] 3 tests run: 1 passed, 1 failed, 1 timed out, 0 skipped";
        assert_eq!(Tally::of_line(late), Tally { passed: 1, failed: 2 });
    }

    #[test]
    fn other_lines_do_not() {
        let nested = "    test result: FAILED. 0 passed; 1 failed; 0 ignored";
        for line in [nested, "test a::b ... ok", "12 passed, 0 failed", "", "test result"] {
            assert_eq!(Tally::of_line(line), Tally::default(), "{line}");
        }
    }
}
