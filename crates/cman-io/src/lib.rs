//! Linux glue: everything a daemon needs from the kernel, and nothing that decides anything.
//!
//! This is the only crate of the daemon with `unsafe` code; each block says why it is needed and
//! why it is sound. It knows neither the protocol nor the meaning of a datagram.
//!
//! | module | what |
//! |---|---|
//! | [`udp`] | the sockets of a node: two lanes, unicast and multicast |
//! | [`interface`] | which interface carries which address |
//! | [`resolve`] | from a node's name to the address it is reached at |
//! | [`clock`] | the boot-time clock as [`cman_types::Instant`], the wall clock |
//! | [`waker`] | waking a thread that waits in poll |
//! | [`sched`] | locked memory and real-time priority, where allowed |
//! | [`lease_page`] | the quorum deadline that clients read without asking the daemon |
//! | [`state`] | what survives a restart: one small file, replaced atomically |
//! | [`disk_thread`] | writes that file, so that nobody else waits for a disk |
//! | [`lock_file`] | one daemon per directory |
//! | [`regular_file`] | files that somebody named, and nothing that only looks like one |
//! | [`descriptors`] | not holding what somebody else opened |
#![deny(
    unsafe_op_in_unsafe_fn,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks
)]

pub mod clock;
pub mod descriptors;
pub mod disk_thread;
pub mod interface;
pub mod lease_page;
pub mod lock_file;
mod packet;
pub mod regular_file;
pub mod resolve;
pub mod sched;
mod socket;
pub mod state;
pub mod udp;
pub mod waker;
