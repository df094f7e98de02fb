//! The cman daemon: one node of a cluster.
//!
//! This program only moves values between the kernel and the node, which decides everything and
//! does no I/O itself (`cman-node`). Three threads matter:
//!
//! - the *engine* thread: sockets, timer and node; it never waits for anything else
//!   ([`engine_thread`], [`transmit`], `cman_record`);
//! - the *service* thread: clients, signals, systemd, events ([`service`], [`conversation`],
//!   [`outlet`], [`answer`], [`present`], [`observer`], [`hub`], [`listeners`], [`shutdown`],
//!   [`reload`], [`debug`], [`history`], [`past`], [`words`]);
//! - the *disk* thread: the state file (`cman_io::disk_thread`, [`state_dir`]).
//!
//! [`engine`] is the way from the others to the engine thread, [`groups`] the way of messages
//! between clients and node, both ways: bounded, and never waited for on the engine's side.
//! Threads that come and go resolve names ([`peers`]), write log lines ([`log`]) and recordings
//! ([`record_file`]).
//!
//! A panic anywhere ends them all ([`panics`]).
//!
//! The start: [`args`] with [`instead`], then [`detach`] or [`daemon`], which takes what
//! [`startup`] finds, and [`pipe`] for those who wait for it as in 2009.
#![forbid(unsafe_code)]

mod answer;
mod args;
mod claim;
mod classic;
mod context;
mod conversation;
mod daemon;
mod debug;
mod detach;
mod directory;
mod dirty;
mod engine;
mod engine_thread;
mod fencing;
mod groups;
mod health;
mod history;
mod hub;
mod instead;
mod listeners;
mod log;
mod moderation;
mod node_setup;
mod observer;
mod outlet;
mod panics;
mod past;
mod peers;
mod pipe;
mod places;
mod present;
mod record_file;
mod reload;
mod run_dir;
mod service;
mod shutdown;
mod start_error;
mod startup;
mod state_dir;
mod stream;
mod subscriber;
mod systemd;
mod transmit;
mod voting;
mod wall_time;
mod words;

use args::Args;
use clap::Parser;
use engine::Outcome;
use log::{Log, last_words};
use pipe::Pipe;
use std::process::ExitCode;

/// The daemon was killed, refused or disallowed: starting it again would not help.
const PUT_OUT: u8 = 3;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are no errors, and go to stdout; if that is closed, so be it.
            let _closed = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let mut pipe = Pipe::inherited();
    if !args.foreground && !args.detached {
        return detach::start_again(args.tied, &mut pipe);
    }
    panics::abort();
    let log = match Log::start() {
        Ok(log) => log,
        Err(error) => {
            last_words(&format!("cannot start: the system refuses a thread: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = run(args, &log, &mut pipe);
    log.flush();
    code
}

fn run(args: Args, log: &Log, pipe: &mut Pipe) -> ExitCode {
    if let Err(error) = subscriber::install(log.clone(), args.log_level.into()) {
        last_words(&format!("cannot start: {error}"));
        return ExitCode::FAILURE;
    }
    let args = match args.with_absolute_paths() {
        Ok(args) => args,
        Err(error) => {
            tracing::error!("cannot start: a path on the command line cannot be used: {error}");
            return ExitCode::FAILURE;
        }
    };
    match daemon::run(&args, log, pipe) {
        Ok(Outcome::Left) => {
            tracing::info!("this node has left the cluster");
            ExitCode::SUCCESS
        }
        Ok(Outcome::Stopped) => {
            tracing::warn!("ended without leaving in good order");
            ExitCode::SUCCESS
        }
        Ok(Outcome::Fatal(text)) => {
            tracing::error!("this node is out of the cluster: {text}");
            ExitCode::from(PUT_OUT)
        }
        Err(error) => {
            tracing::error!("cannot start: {error}");
            pipe.failed(&error.to_string());
            if error.is_out() { ExitCode::from(PUT_OUT) } else { ExitCode::FAILURE }
        }
    }
}
