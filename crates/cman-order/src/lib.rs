//! The ordered messages of one view, as a state machine.
//!
//! A [`Stream`] is one member's part in one view. It does no I/O, reads no clock, takes its chance
//! from a seed, and knows nothing of how views come about: whoever drives it
//!
//! 1. hands it what clients say ([`Stream::send`]) and what other members say
//!    ([`Stream::on_data`], [`Stream::on_order`], [`Stream::on_ask`], [`Stream::on_ack`]),
//! 2. flushes it ([`Stream::flush`]) when all that had come is handed over, and at the latest when
//!    [`Stream::due`] says,
//! 3. does what [`Stream::poll`] gives: frames to others, deliveries to clients,
//! 4. ends it with the view: [`Stream::freeze`], [`Stream::holdings`] to the proposer, which makes
//!    a [`plan`] of those of all, [`Stream::recover`], and [`Stream::close`].
//!
//! Own messages wait in a [`Queue`], which outlives views. Rule numbers (R-xx) and promises (P1 to
//! P7) are those of the protocol specification.
//!
//! | module | what |
//! |---|---|
//! | `queue`, `cutter`, `piece` | own messages, and how units are made of them |
//! | `window` | how many units may be on their way |
//! | `units`, `records`, `store` | what is held: units, their places, both |
//! | `sequencer` | the coordinator's part: giving places; what all hold |
//! | `acks` | when a member tells the coordinator what it holds |
//! | `gaps`, `requests`, `peers` | what is missing, whom to ask, and when |
//! | `answers` | giving others what they ask for, within bounds |
//! | `unheard`, `hearsay` | helping those whose path to or from the coordinator is cut |
//! | `delivery`, `reassembly` | units back to messages, in sequence |
//! | `recovery`, `ranges` | how a view's sequence ends |
//! | `stream` | puts all of this together |
//! | `limits`, `times`, `backoff` | bounds and times, with their reasons |
//!
//! # What always holds
//!
//! 1. Nothing is delivered before everything before it in the sequence.
//! 2. Nothing is freed that some member may lack: only what is stable, and delivered here.
//! 3. The records that follow on name each sender's units by number, without a gap. So *held* is
//!    found run by run, and a unit's place by arithmetic.
//! 4. At most one own message is partly sent, the queue's first, and it stays in the queue until
//!    its last piece is cut.
//! 5. Memory is bounded whatever others send, and every number that they send is checked.
//! 6. When all hold everything and know it, nobody says anything.
//!
//! # Example
//!
//! A view of one: what is sent is delivered with the next flush.
//!
//! ```
//! use bytes::Bytes;
//! use cman_order::{Message, Out, Queue, Setup, Stream};
//! use cman_types::{Epoch, Incarnation, Instant, MemberId, NodeId, Salt, ViewId};
//! use core::time::Duration;
//!
//! let node = NodeId::new(1).unwrap();
//! let coordinator = MemberId { node, incarnation: Incarnation(1), salt: Salt::default() };
//! let setup = Setup {
//!     view: ViewId { epoch: Epoch(1), coordinator },
//!     members: 1,
//!     me: 0,
//!     coordinator: 0,
//!     room: 1300,
//!     beat: Duration::from_millis(167),
//!     token: Duration::from_secs(2),
//!     seed: 1,
//! };
//! let mut stream = Stream::open(Instant::ZERO, setup, Queue::new());
//! stream.send(Message { payload: Bytes::from_static(b"hello"), safe: true }).unwrap();
//! stream.flush(Instant::ZERO);
//! let Some(Out::Deliver(delivery)) = stream.poll() else { panic!() };
//! assert_eq!((delivery.number, &delivery.payload[..]), (1, &b"hello"[..]));
//! assert_eq!((stream.poll(), stream.due()), (None, Instant::FAR));
//! ```
#![forbid(unsafe_code)]

mod acks;
mod answers;
mod backoff;
mod cutter;
mod delivery;
mod gaps;
mod hearsay;
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
mod unheard;
mod units;
mod window;

pub use delivery::Delivery;
pub use queue::{Message, Queue, Refused};
pub use recovery::plan;
pub use stats::Stats;
pub use stream::{Closed, Out, Setup, Stream};
