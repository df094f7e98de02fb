//! The ordered messages of one view, as a state machine.
#![forbid(unsafe_code)]

mod acks;
mod answers;
mod backoff;
mod cutter;
mod delivery;
mod gaps;
pub mod limits;
mod peers;
mod piece;
mod queue;
mod ranges;
mod reassembly;
mod records;
mod recovery;
mod requests;
mod sequencer;
mod stats;
mod store;
mod stream;
mod times;
mod units;
mod window;

pub use delivery::Delivery;
pub use queue::{Message, Queue, Refused};
pub use recovery::plan;
pub use stats::Stats;
pub use stream::{Closed, Out, Setup, Stream};
