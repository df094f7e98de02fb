//! What the command line of 2009 had: what still replaces the configuration, what there is not any
//! more, and verbs behind their options.

use crate::failure::Failure;
use clap::Args;
use std::ffi::{OsStr, OsString};

/// Options of `join` that replace what the configuration says at this node. The letters are those
/// of 2009; the daemon judges their values.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Instead of what the configuration says, at this node")]
pub(crate) struct Historic {
    /// The multicast address
    #[arg(short = 'm', long, value_name = "ADDRESS")]
    multicast: Option<String>,
    /// One node of two may go on alone
    #[arg(short = '2', long)]
    two_node: bool,
    /// The port; data takes the one below
    #[arg(short = 'p', long, value_name = "PORT")]
    port: Option<String>,
    /// What this node is called, and where its address is looked up
    #[arg(short = 'o', long, value_name = "NODENAME")]
    override_name: Option<String>,
    /// The id of this node
    #[arg(short = 'N', long, value_name = "ID")]
    node_id: Option<String>,
    /// The name of the cluster
    #[arg(short = 'c', long, value_name = "NAME")]
    cluster: Option<String>,
    /// Take no real-time priority
    #[arg(short = 'P', long)]
    no_realtime: bool,
    /// Once a member, change the votes of this node
    #[arg(short = 'v', long, value_name = "VOTES")]
    votes: Option<String>,
    /// Once a member, change the votes that are expected in all
    #[arg(short = 'e', long, value_name = "VOTES")]
    expected_votes: Option<String>,
    #[arg(short = 'C', hide = true, value_name = "MODULES")]
    config_modules: Option<String>,
    #[arg(short = 'X', hide = true)]
    no_config: bool,
    /// Nothing beside the daemon: there is nothing, so there is nothing to do.
    #[arg(short = 'A', hide = true)]
    _no_services: bool,
}

/// What read `cluster.conf` in 2009, as the daemon does itself.
const XML_MODULE: &str = "xmlconfig";

impl Historic {
    /// Refuses what there is not any more, with a sentence that says what to use instead.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.no_config {
            return Err(Failure::failed(
                "`cman_tool join` has no option -X any more.",
                "Write at least the names of the cluster and of its nodes into cluster.conf, which \
                 --config FILE can name.",
            ));
        }
        if let Some(modules) = self.config_modules.as_ref().filter(|name| *name != XML_MODULE) {
            return Err(Failure::failed(
                format!("There is no configuration module {}.", modules.escape_debug()),
                "The configuration is cluster.conf, which --config FILE can name; leave -C out.",
            ));
        }
        Ok(())
    }

    /// The options of the daemon.
    pub(crate) fn daemon_options(&self) -> Vec<OsString> {
        let values = [
            ("--multicast", &self.multicast),
            ("--port", &self.port),
            ("--override-name", &self.override_name),
            ("--node-id", &self.node_id),
            ("--cluster", &self.cluster),
            ("--votes", &self.votes),
            ("--expected-votes", &self.expected_votes),
        ];
        let values = values.into_iter().filter_map(|(option, value)| {
            // In one word: a value may begin with a dash.
            value.as_ref().map(|value| format!("{option}={value}").into())
        });
        let switches = [("--two-node", self.two_node), ("--no-realtime", self.no_realtime)];
        let switches = switches.into_iter().filter(|(_, on)| *on).map(|(option, _)| option.into());
        values.chain(switches).collect()
    }
}

/// Options that take a value, in any verb: what follows one of them is no verb.
const WITH_VALUE: [&str; 30] = [
    "-C",
    "-F",
    "-N",
    "-c",
    "-d",
    "-e",
    "-k",
    "-m",
    "-n",
    "-o",
    "-p",
    "-t",
    "-v",
    "--cluster",
    "--config",
    "--debug",
    "--expected",
    "--expected-votes",
    "--format",
    "--keyfile",
    "--multicast",
    "--name",
    "--node-id",
    "--output",
    "--override-name",
    "--port",
    "--run-dir",
    "--state-dir",
    "--timeout",
    "--votes",
];

/// The verb that explains the others.
const HELP: &str = "help";

/// Moves the verb before the options, as in `cman_tool -t 60 -w join`. To `help` they mean nothing:
/// only words stay.
pub(crate) fn verb_first(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let words = words(&args);
    let Some(&first) = words.first() else { return args };
    if args.get(first).is_some_and(|verb| verb == HELP) {
        let kept = |at: usize| at == 0 || words.contains(&at);
        return args.into_iter().enumerate().filter(|(at, _)| kept(*at)).map(|(_, a)| a).collect();
    }
    let verb = args.remove(first);
    args.insert(1, verb);
    args
}

/// Where the words are that are neither options nor values of one.
fn words(args: &[OsString]) -> Vec<usize> {
    let mut words = Vec::new();
    let mut is_value = false;
    for (at, arg) in args.iter().enumerate().skip(1) {
        let is_option = arg.as_encoded_bytes().starts_with(b"-");
        if !is_value && !is_option {
            words.push(at);
        }
        is_value =
            !is_value && WITH_VALUE.iter().any(|option| arg.as_os_str() == OsStr::new(option));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Join, Verb};
    use clap::Parser;

    fn reordered(line: &str) -> String {
        let args = verb_first(line.split(' ').map(OsString::from));
        args.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    fn joined(options: &str) -> Box<Join> {
        let line = format!("cman_tool join {options}");
        let Verb::Join(join) = Cli::try_parse_from(line.split(' ')).unwrap().verb else {
            panic!("not a join");
        };
        join
    }

    fn refusal(options: &str) -> String {
        joined(options).historic.check().unwrap_err().to_string()
    }

    #[test]
    fn the_verb_may_stand_last() {
        assert_eq!(reordered("cman_tool -t 60 -w join"), "cman_tool join -t 60 -w");
        assert_eq!(reordered("cman_tool -wq wait -t 3"), "cman_tool wait -wq -t 3");
        assert_eq!(reordered("cman_tool -w leave remove"), "cman_tool leave -w remove");
    }

    #[test]
    fn the_value_of_an_option_is_no_verb() {
        assert_eq!(reordered("cman_tool -n wait kill"), "cman_tool kill -n wait");
        assert_eq!(reordered("cman_tool --run-dir -n kill"), "cman_tool kill --run-dir -n");
        assert_eq!(reordered("cman_tool --run-dir=/x status"), "cman_tool status --run-dir=/x");
    }

    #[test]
    fn help_wants_no_options() {
        assert_eq!(reordered("cman_tool --run-dir X help"), "cman_tool help");
        assert_eq!(reordered("cman_tool --json help --run-dir X join -w"), "cman_tool help join");
        assert_eq!(reordered("cman_tool --run-dir help join"), "cman_tool join --run-dir help");
    }

    #[test]
    fn without_a_verb_nothing_moves() {
        assert_eq!(reordered("cman_tool -t 60"), "cman_tool -t 60");
        assert_eq!(reordered("cman_tool"), "cman_tool");
    }

    #[test]
    fn what_there_is_not_any_more_says_so() {
        assert_eq!(
            refusal("-X"),
            "`cman_tool join` has no option -X any more.\nWrite at least the names of the cluster \
             and of its nodes into cluster.conf, which --config FILE can name."
        );
        assert!(refusal("-C ldapconfig").contains("no configuration module ldapconfig"));
    }

    #[test]
    fn what_replaces_the_configuration_goes_to_the_daemon() {
        let join =
            joined("-m 239.1.2.3 -2 -p 6809 -o n1-heart -N 7 -c beta -P -A -C xmlconfig -v 2 -e 3");
        join.historic.check().unwrap();
        assert_eq!(
            join.historic.daemon_options(),
            [
                "--multicast=239.1.2.3",
                "--port=6809",
                "--override-name=n1-heart",
                "--node-id=7",
                "--cluster=beta",
                "--votes=2",
                "--expected-votes=3",
                "--two-node",
                "--no-realtime",
            ]
        );
        assert!(joined("-w").historic.daemon_options().is_empty());
    }
}
