//! Spans of time in words for people: rounded, with the unit that fits.

use core::{fmt, time::Duration};

/// A span as people say it: `87 ms`, `2.5 s`, `42 s`, `3 min 20 s`, `5 h 12 min`, `2 d 4 h`.
///
/// It is rounded to what is shown, halves up, and never shows as more than its unit holds (999.6 ms
/// are `1 s`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span(pub Duration);

/// Below so many seconds tenths are shown.
const TENTHS_BELOW: u128 = 10;

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let rounded = |unit: Duration| (nanos + unit.as_nanos() / 2) / unit.as_nanos();
        let milliseconds = rounded(Duration::from_millis(1));
        if milliseconds < 1000 {
            return write!(f, "{milliseconds} ms");
        }
        let tenths = rounded(Duration::from_millis(100));
        if tenths < TENTHS_BELOW * 10 {
            return match tenths % 10 {
                0 => write!(f, "{} s", tenths / 10),
                tenth => write!(f, "{}.{tenth} s", tenths / 10),
            };
        }
        let seconds = rounded(Duration::from_secs(1));
        let minutes = rounded(Duration::from_secs(60));
        let hours = rounded(Duration::from_secs(3600));
        if seconds < 120 {
            write!(f, "{seconds} s")
        } else if seconds < 3600 {
            two(f, seconds, (60, "min", "s"))
        } else if minutes < 48 * 60 {
            two(f, minutes, (60, "h", "min"))
        } else {
            two(f, hours, (24, "d", "h"))
        }
    }
}

/// Two units, the smaller one left out where it is nothing.
fn two(
    f: &mut fmt::Formatter<'_>,
    amount: u128,
    (per, large, small): (u128, &str, &str),
) -> fmt::Result {
    match amount % per {
        0 => write!(f, "{} {large}", amount / per),
        rest => write!(f, "{} {large} {rest} {small}", amount / per),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(milliseconds: u64) -> String {
        Span(Duration::from_millis(milliseconds)).to_string()
    }

    #[test]
    fn what_is_nearly_a_second_is_one() {
        assert_eq!(Span(Duration::from_secs_f32(0.999_999_7)).to_string(), "1 s");
        assert_eq!(Span(Duration::from_micros(999_400)).to_string(), "999 ms");
        assert_eq!(Span(Duration::ZERO).to_string(), "0 ms");
    }

    #[test]
    fn each_size_has_its_unit() {
        for (milliseconds, expected) in [
            (87, "87 ms"),
            (1000, "1 s"),
            (2450, "2.5 s"),
            (9949, "9.9 s"),
            (9950, "10 s"),
            (42_499, "42 s"),
            (119_499, "119 s"),
            (120_000, "2 min"),
            (200_000, "3 min 20 s"),
            (3_599_499, "59 min 59 s"),
            (3_599_500, "1 h"),
            (18_720_000, "5 h 12 min"),
            (172_800_000, "2 d"),
            (187_200_000, "2 d 4 h"),
        ] {
            assert_eq!(said(milliseconds), expected, "{milliseconds} ms");
        }
        assert!(Span(Duration::MAX).to_string().contains(" d "));
    }
}
