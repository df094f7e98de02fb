//! Deterministic simulation of whole clusters: the very code that ships, N nodes in one process,
//! in simulated time, with clocks, disks, sockets and a network that fail as the seed decides.
//!
//! One seed is one life of a cluster, and always the same one. A run has two phases: faults, with
//! the invariants checked at every step; then everything is healed, and the cluster must be whole
//! again in bounded time.
//!
//! | module | what |
//! |---|---|
//! | [`world`] | hosts, network, time: does to nodes what daemon and machine do |
//! | [`cluster`], [`host`], [`clock`], [`disk`], [`network`], [`cipher`] | what a world consists of |
//! | [`peek`], [`endings`] | what the world reads in datagrams, and learns about ends of views |
//! | [`history`], [`checkers`] | what happened, and what must hold |
//! | [`faults`], [`triggers`] | what goes wrong |
//! | [`swarm`], [`permanent`], [`scenarios`], [`scale`] | runs: drawn from a seed; with a fault that never ends; by name; large |
//! | [`stories`] | targeted schedules that most seeds begin with |
//! | [`text`] | scenarios as text files, with what is expected |
//! | [`reach`] | which interesting places runs reached |
//! | [`replay`] | recordings of real daemons, run again |
//! | [`columns`] | the log, one column per node |
//! | [`runner`] | many seeds |
#![forbid(unsafe_code)]

pub mod carrying;
pub mod checkers;
pub mod cipher;
pub mod clock;
pub mod cluster;
pub mod columns;
pub mod disk;
pub mod endings;
pub mod faults;
pub mod history;
pub mod host;
pub mod network;
pub mod peek;
pub mod permanent;
pub mod queue;
pub mod reach;
pub mod replay;
pub mod runner;
pub mod scale;
pub mod scenarios;
pub mod stories;
pub mod swarm;
pub mod text;
pub mod triggers;
pub mod violation;
pub mod world;

#[cfg(test)]
mod spoilt;
#[cfg(test)]
mod testing;
