//! All interleavings of one view change: the engine that the daemon runs, under a model checker.
//!
//! The simulator draws long lives of clusters at random. This crate takes the one moment in which
//! most can go wrong and leaves nothing of it to chance: from a fixed start with two messages on
//! their way it tries every order in which frames may arrive, be lost, and members die. It knows
//! three nodes, and is for tests only.
//!
//! | module | what |
//! |---|---|
//! | [`packet`] | a frame on its way, and which frames are explored |
//! | [`history`] | what clients of a node saw |
//! | [`fault`] | deliberate faults, which the model must notice |
//! | [`world`] | three engines, a network and a clock |
//! | [`start`] | where exploration starts |
//! | [`model`] | what may happen next |
//! | [`properties`] | what must hold in each state |
//! | [`report`] | explores a start, and says how far that went |
//!
//! # What is left out, so that it ends
//!
//! Time stands still while frames arrive. A step *time passes* lets it run until somebody says
//! something new about the view change; then beats, hellos and probes arrive at once, and are lost
//! otherwise. How often time passes, frames are lost and members die is bounded: see
//! [`model::Budget`]. Cryptography and the gate in front of the engine are not there.
//!
//! States that no future can tell apart are one: two frames that are alike count once, and frames
//! of a view or ballot that their receiver has left behind are forgotten, once it was tried that
//! they change nothing there.
#![forbid(unsafe_code)]

pub mod fault;
pub mod history;
pub mod model;
pub mod packet;
pub mod properties;
pub mod report;
pub mod start;
pub mod world;
