//! Joining, merging, and who proposes when nobody coordinates.

mod candidate;
mod hello;
pub(crate) mod hold;
pub(crate) mod protection;
pub(crate) mod refuse;
pub(crate) mod wishes;
