//! Tests of the codec: round trips, bytes that must not change, bytes from nowhere.

mod golden;
mod header;
mod limits;
mod parts;
mod round_trip;
mod samples;
mod strategies;
