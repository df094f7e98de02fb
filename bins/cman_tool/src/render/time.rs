//! Instants, given as nanoseconds since 1970.

use jiff::{Timestamp, tz::TimeZone};

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339_ms(unix_ns: u64) -> String {
    timestamp(unix_ns).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// RFC 3339 in UTC with microseconds.
pub(crate) fn rfc3339_us(unix_ns: u64) -> String {
    timestamp(unix_ns).strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Date and time of day of this machine's time zone, to the second.
pub(crate) fn local(unix_ns: u64) -> String {
    local_as(unix_ns, "%F %H:%M:%S")
}

/// Date and time of day of this machine's time zone, to the millisecond.
pub(crate) fn local_ms(unix_ns: u64) -> String {
    local_as(unix_ns, "%F %H:%M:%S.%3f")
}

fn local_as(unix_ns: u64, format: &str) -> String {
    timestamp(unix_ns).to_zoned(TimeZone::system()).strftime(format).to_string()
}

/// All of 64 bits lies before the year 2555, which is far inside of what a timestamp can be.
fn timestamp(unix_ns: u64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(unix_ns)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_cut_and_never_rounded_up() {
        let ns = 1_795_359_845_123_999_999;
        assert_eq!(rfc3339_ms(ns), "2026-11-22T15:04:05.123Z");
        assert_eq!(rfc3339_us(ns), "2026-11-22T15:04:05.123999Z");
    }

    #[test]
    fn every_instant_has_a_text() {
        assert_eq!(rfc3339_ms(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339_us(u64::MAX), "2554-07-21T23:34:33.709551Z");
    }
}
