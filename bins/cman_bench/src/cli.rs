//! The command line.

use clap::{Args, Parser, Subcommand};
use cman_client::{
    groups::{GROUP_MESSAGE_MAX, GroupName},
    ipc::paths,
};
use std::{path::PathBuf, time::Duration};

/// Sends and receives ordered messages as fast as they go, and says how fast that was.
#[derive(Parser, Debug)]
#[command(name = "cman_bench", version, disable_help_subcommand = true)]
#[command(after_help = "Prints one JSON object at the end. Exit: 0 done; 1 failed or wrong usage.")]
pub(crate) struct Cli {
    /// Where the daemon's sockets are
    #[arg(long, global = true, value_name = "DIR", default_value = paths::RUN_DIR)]
    #[arg(env = paths::RUN_DIR_ENV, hide_env_values = true)]
    pub(crate) run_dir: PathBuf,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Join a group, send messages to it until it is told enough, and wait for all to come back
    Send(Send),
    /// Join a group and receive messages
    Receive(Receive),
}

#[derive(Args, Debug)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Bytes of each message
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub(crate) size: usize,
    /// Messages a second; as many as possible unless it is given
    #[arg(long, value_name = "R", value_parser = parse_rate)]
    pub(crate) rate: Option<f64>,
    /// Then stay for so many seconds, and count what all members send, as a receiver does
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    pub(crate) stay: Option<Duration>,
    /// Have each message delivered only when all nodes of the view hold it
    #[arg(long)]
    pub(crate) safe: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Receive {
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Options of both verbs.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// The group
    #[arg(long, value_name = "G", value_parser = parse_group)]
    pub(crate) group: GroupName,
    #[command(flatten)]
    pub(crate) until: Until,
    /// Begin when so many members are in the group
    #[arg(long, value_name = "M", default_value_t = 1)]
    pub(crate) members: usize,
    /// Give up when nothing has come for so many seconds: the members, or the messages
    #[arg(long, value_name = "S", default_value = "60", value_parser = parse_seconds)]
    pub(crate) patience: Duration,
    /// The process number to be known by, if several run in one group on one node in containers
    #[arg(long, value_name = "PID")]
    pub(crate) pid: Option<u32>,
}

/// When it is enough: one of the two.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Until {
    /// Go on for so many seconds
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    pub(crate) seconds: Option<Duration>,
    /// Go on for so many messages
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
}

fn parse_group(name: &str) -> Result<GroupName, String> {
    GroupName::new(name.as_bytes()).map_err(|error| error.to_string())
}

fn parse_size(bytes: &str) -> Result<usize, String> {
    let size = bytes.parse().ok().filter(|size| *size <= GROUP_MESSAGE_MAX);
    size.ok_or_else(|| format!("not a number of bytes from 0 to {GROUP_MESSAGE_MAX}"))
}

fn parse_rate(rate: &str) -> Result<f64, String> {
    let number = rate.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    number.ok_or_else(|| "not a number of messages a second, which must be above 0".to_owned())
}

fn parse_seconds(seconds: &str) -> Result<Duration, String> {
    let time = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.ok_or_else(|| "not a number of seconds".to_owned())
}
