//! Failure detection: a star of beats, relays around broken paths, awareness of own stalls.

mod beat;
mod hub;
mod lease;
mod member;
pub(crate) mod relay;
pub(crate) mod stall;

pub(crate) use member::deputies;
