//! `cman_bench`: sends messages to a group, or receives them, and says how many, how fast, and in
//! which order. It is a client as any other.
//!
//! | module | what |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`member`] | a member of the group, and what it sees |
//! | [`send`], [`receive`] | the two verbs |
//! | [`stamp`] | when and where a message was sent, in the message |
//! | [`order_hash`] | a number for a history |
//! | [`latency`] | percentiles |
//! | [`report`] | what is printed |
#![forbid(unsafe_code)]

mod cli;
mod latency;
mod member;
mod order_hash;
mod receive;
mod report;
mod send;
mod stamp;
#[cfg(test)]
mod tests;

use clap::Parser;
use cli::{Cli, Verb};
use report::Report;
use std::{
    io::{self, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.verb {
        Verb::Send(options) => send::run(&cli.run_dir, options),
        Verb::Receive(options) => receive::run(&cli.run_dir, options),
    };
    match result.and_then(|report| print(&report)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cman_bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(report: &Report) -> Result<(), Failure> {
    let text = serde_json::to_string(report).map_err(io::Error::from)?;
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

/// Why there is no result.
#[derive(Debug)]
enum Failure {
    /// The daemon.
    Client(cman_client::Error),
    /// Standard output.
    Output(io::Error),
    /// Something else, in a sentence.
    Other(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Client(error) => write!(f, "{error} {}", error.advice()),
            Self::Output(error) => write!(f, "cannot print the result: {error}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl From<cman_client::Error> for Failure {
    fn from(error: cman_client::Error) -> Self {
        Self::Client(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
