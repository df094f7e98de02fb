//! The command line. Spellings of 2009 work: options may stand before the verb, and options whose
//! place is the configuration now are known and say so.

use crate::historic::Historic;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use cman_client::ipc::paths;
use std::path::PathBuf;

/// Where the configuration is unless something else is said.
pub(crate) const CONFIG_FILE: &str = "/etc/cluster/cluster.conf";
/// Where the cluster key is unless something else is said.
pub(crate) const KEY_FILE: &str = "/etc/cluster/cman.key";

/// Administers the cluster of this node.
#[derive(Parser, Debug)]
#[command(name = "cman_tool", version)]
#[command(after_help = "Exit: 0 done; 1 refused, failed or wrong usage; 2 timed out.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options of every verb.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// Where the daemon's sockets are
    #[arg(long, global = true, value_name = "DIR", default_value = paths::RUN_DIR)]
    #[arg(env = paths::RUN_DIR_ENV, hide_env_values = true)]
    pub(crate) run_dir: PathBuf,
    /// Print one JSON object instead of text, also for errors
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Start the cluster daemon on this node
    Join(Box<Join>),
    /// Leave the cluster and end the daemon
    Leave(Leave),
    /// Show how this node and its cluster are
    Status(Status),
    /// Show all configured nodes
    Nodes(Nodes),
    /// Wait until this node is a member
    Wait(Wait),
    /// Put nodes out of the cluster for good
    Kill(Kill),
    /// Say how many votes the cluster expects
    Expected(Expected),
    /// Give a node other votes
    Votes(Votes),
    /// Show all groups of processes and their members
    Services,
    /// Show the versions of the protocol and the configuration, or have that read again
    Version(Version),
    /// Make parts of the daemon say more in its log
    Debug(Debug),
    /// Make a cluster key
    Keygen(Keygen),
    /// Show what happens, as it happens
    Events,
    /// Gather everything that helps to understand a problem into one archive, without keys
    Report(Report),
    /// Print what a shell needs to complete this command
    Completions(Completions),
}

#[derive(Args, Debug)]
pub(crate) struct Join {
    /// Wait until this node is a member
    #[arg(short, long)]
    pub(crate) wait: bool,
    /// Wait until this node is quorate
    #[arg(short, long)]
    pub(crate) quorum: bool,
    /// Give up after so many seconds; 0 is never
    #[arg(short, long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
    /// The configuration
    #[arg(long, value_name = "FILE", env = "CMAN_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Where the daemon keeps what must survive a restart
    #[arg(long, value_name = "DIR", env = "CMAN_STATE_DIR", hide_env_values = true)]
    pub(crate) state_dir: Option<PathBuf>,
    /// The cluster key
    #[arg(short, long, value_name = "FILE")]
    pub(crate) keyfile: Option<PathBuf>,
    /// The name of this node in the configuration
    #[arg(short, long, value_name = "NODENAME")]
    pub(crate) name: Option<String>,
    /// Join although a former daemon ended while programs here carried state: nothing of it is left
    #[arg(long)]
    pub(crate) force_clean: bool,
    #[command(flatten)]
    pub(crate) historic: Historic,
}

#[derive(Args, Debug)]
pub(crate) struct Leave {
    /// `remove`: the others lower their expected votes; `force`: leave even if programs object
    #[arg(value_name = "remove|force")]
    pub(crate) how: Vec<LeaveHow>,
    /// Ask again while somebody else asks, and wait until the daemon has ended
    #[arg(short, long)]
    pub(crate) wait: bool,
    /// Give up after so many seconds; 0 is never
    #[arg(short, long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum LeaveHow {
    Remove,
    Force,
}

#[derive(Args, Debug)]
pub(crate) struct Status {
    /// Also show what the classic text does not know
    #[arg(short, long)]
    pub(crate) long: bool,
    /// Show it again whenever something happens, until interrupted
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Nodes {
    /// Show the addresses of each node
    #[arg(short, long)]
    pub(crate) addresses: bool,
    /// Show when each node was last fenced
    #[arg(short, long)]
    pub(crate) fence: bool,
    /// Show only this node
    #[arg(short, long, value_name = "NODE")]
    pub(crate) name: Option<String>,
    /// Show only these fields: id, name, type, addr
    #[arg(short = 'F', long, value_name = "FIELDS", value_delimiter = ',')]
    pub(crate) format: Vec<NodeField>,
    /// Show them again whenever something happens, until interrupted
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum NodeField {
    Id,
    Name,
    Type,
    Addr,
}

#[derive(Args, Debug)]
pub(crate) struct Wait {
    /// Wait until this node is quorate
    #[arg(short, long)]
    pub(crate) quorum: bool,
    /// Give up after so many seconds; 0 is never
    #[arg(short, long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
    /// Taken for compatibility: this verb always waits
    #[arg(short, long, hide = true)]
    pub(crate) wait: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Kill {
    /// Whom: a node's name or id; may be given several times
    #[arg(short, long, value_name = "NODE", required = true, num_args = 1..)]
    pub(crate) name: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Expected {
    /// How many
    #[arg(short, long, value_name = "VOTES")]
    pub(crate) expected: u32,
}

#[derive(Args, Debug)]
pub(crate) struct Votes {
    /// How many
    #[arg(short, long, value_name = "VOTES")]
    pub(crate) votes: u32,
    /// Whose: a node's name or id; of this node if not given
    #[arg(short, long, value_name = "NODE")]
    pub(crate) name: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Version {
    /// Make all members read the configuration again, until they have this version; without, the
    /// version that is in the file of this node
    #[arg(short, long, value_name = "VERSION", num_args = 0..=1, default_missing_value = "0")]
    pub(crate) reload: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct Debug {
    /// Which parts, the sum of: 2 barriers, 4 membership, 8 clients, 16 order of messages,
    /// 32 start and configuration; 0 for none
    #[arg(short, long, value_name = "MASK", required = true)]
    pub(crate) debug: u32,
}

#[derive(Args, Debug)]
pub(crate) struct Keygen {
    /// Where to write it
    #[arg(short, long, value_name = "FILE", default_value = KEY_FILE)]
    pub(crate) keyfile: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct Report {
    /// Where to write the archive; by default here, with the node's name and the time in its name
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The configuration, if no daemon runs that knows where it is
    #[arg(long, value_name = "FILE", env = "CMAN_CONFIG", hide_env_values = true)]
    #[arg(default_value = CONFIG_FILE)]
    pub(crate) config: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    const MANUAL: &str = include_str!("../../../docs/manual/cman_tool.8.md");

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_manual_has_every_verb_and_every_option() {
        let command = Cli::command();
        assert_options("OPTIONS OF EVERY VERB", &command, chapter("## OPTIONS OF EVERY VERB"));
        for verb in command.get_subcommands() {
            let name = verb.get_name();
            assert_options(name, verb, chapter(&format!("### {name}")));
        }
    }

    /// From a title to the next.
    fn chapter(title: &str) -> &'static str {
        let (_, text) = MANUAL.split_once(&format!("\n{title}\n")).expect(title);
        text.split("\n##").next().unwrap_or(text)
    }

    fn assert_options(name: &str, command: &clap::Command, chapter: &str) {
        for option in command.get_arguments().filter(|option| !option.is_hide_set()) {
            if let Some(long) = option.get_long() {
                assert!(chapter.contains(&format!("`--{long}`")), "{name}: --{long}");
            }
        }
    }
}
