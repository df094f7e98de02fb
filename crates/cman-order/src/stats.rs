//! What a stream did.

/// Counters since the view began, and two sizes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Stats {
    /// Own units sent, not counting repetitions.
    pub sent_units: u64,
    /// Own units sent again because no order record came.
    pub resent_units: u64,
    /// Messages delivered.
    pub delivered_messages: u64,
    /// Units asked of others.
    pub asked_units: u64,
    /// Units that others were given.
    pub repaired_units: u64,
    /// Of these, units that all were given, since many asked.
    pub repaired_for_all: u64,
    /// Units passed on to a coordinator that does not seem to hear their sender.
    pub forwarded_units: u64,
    /// Requests for order records.
    pub asked_records: u64,
    /// Units that came and were here already.
    pub duplicate_units: u64,
    /// Frames, or parts of frames, that made no sense.
    pub refused: u64,
    /// Size of the units that are kept, with something for the keeping of each, in bytes.
    pub held_bytes: usize,
    /// Size of what waits to be sent, likewise.
    pub queued_bytes: usize,
}
