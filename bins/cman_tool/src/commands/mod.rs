//! One module for each verb.

mod completions;
mod debug;
mod events;
mod join;
mod keygen;
mod kill;
mod leave;
mod nodes;
mod report;
mod services;
mod status;
mod stream;
mod version;
mod voting;
mod wait;
mod watch;

use crate::{
    cli::{Cli, Common, Verb},
    failure::Failure,
    output,
};
use cman_client::{Connection, Error, Socket, connection::PATIENCE};
use serde::Serialize;
use std::time::Duration;

/// What the daemon's log calls this tool.
const PROGRAM: &str = "cman_tool";

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { common, verb } = cli;
    match verb {
        Verb::Completions(args) => completions::run(&args),
        Verb::Debug(args) => debug::run(&common, &args),
        Verb::Events => events::run(&common),
        Verb::Expected(args) => voting::expected(&common, &args),
        Verb::Join(args) => join::run(&common, &args),
        Verb::Keygen(args) => keygen::run(&common, &args),
        Verb::Kill(args) => kill::run(&common, &args),
        Verb::Leave(args) => leave::run(&common, &args),
        Verb::Nodes(args) => nodes::run(&common, &args),
        Verb::Report(args) => report::run(&common, &args),
        Verb::Services => services::run(&common),
        Verb::Status(args) => status::run(&common, &args),
        Verb::Version(args) => version::run(&common, &args),
        Verb::Votes(args) => voting::votes(&common, &args),
        Verb::Wait(args) => wait::run(&common, &args),
    }
}

impl Common {
    /// A connection for reading.
    fn connect(&self) -> Result<Connection, Error> {
        self.open_to_read(PATIENCE)
    }

    /// A connection for everything.
    fn connect_admin(&self) -> Result<Connection, Error> {
        self.open(Socket::Admin, PATIENCE)
    }

    fn open_to_read(&self, patience: Duration) -> Result<Connection, Error> {
        Connection::open_to_read(&self.run_dir, PROGRAM, patience)
    }

    fn open(&self, socket: Socket, patience: Duration) -> Result<Connection, Error> {
        Connection::open_within(&self.run_dir, socket, PROGRAM, patience)
    }

    /// Says that something is done: with `--json` as an object, else by silence, as ever.
    fn done(&self, text: &str) -> Result<(), Failure> {
        if self.json { output::json_line(&DoneJson { done: true, text }) } else { Ok(()) }
    }
}

/// The answer of verbs that do something.
#[derive(Serialize)]
struct DoneJson<'a> {
    done: bool,
    text: &'a str,
}
