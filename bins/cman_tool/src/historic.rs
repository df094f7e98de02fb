//! What the command line of 2009 had and this one has elsewhere.

use crate::failure::Failure;
use clap::Args;
use std::ffi::{OsStr, OsString};

/// Options of `join` whose place is the configuration now. They are known, so that they can say
/// where to put what they said.
#[derive(Args, Debug, Default)]
pub(crate) struct Historic {
    #[arg(short = 'm', hide = true, value_name = "ADDRESS")]
    multicast: Option<String>,
    #[arg(short = 'v', hide = true, value_name = "VOTES")]
    votes: Option<String>,
    #[arg(short = 'e', hide = true, value_name = "VOTES")]
    expected_votes: Option<String>,
    #[arg(short = '2', hide = true)]
    two_node: bool,
    #[arg(short = 'p', hide = true, value_name = "PORT")]
    port: Option<String>,
    #[arg(short = 'o', hide = true, value_name = "NAME")]
    override_name: Option<String>,
    #[arg(short = 'N', hide = true, value_name = "ID")]
    node_id: Option<String>,
    #[arg(short = 'c', hide = true, value_name = "NAME")]
    cluster: Option<String>,
    #[arg(short = 'C', hide = true, value_name = "MODULES")]
    config_modules: Option<String>,
    #[arg(short = 'X', hide = true)]
    no_config: bool,
    #[arg(short = 'P', hide = true)]
    no_realtime: bool,
    /// Nothing beside the daemon: there is nothing, so there is nothing to do.
    #[arg(short = 'A', hide = true)]
    _no_services: bool,
}

impl Historic {
    /// Refuses the first of them that was given, with a sentence that says what to use instead.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let given = [
            (self.multicast.is_some(), 'm', r#"<multicast addr="..."/> inside <cman>"#),
            (self.votes.is_some(), 'v', r#"votes="..." in this node's <clusternode>"#),
            (self.expected_votes.is_some(), 'e', r#"expected_votes="..." in <cman>"#),
            (self.two_node, '2', r#"two_node="1" in <cman>"#),
            (self.port.is_some(), 'p', r#"port="..." in <cman>"#),
            (self.override_name.is_some(), 'o', r#"this node's name in <clusternode name="...">"#),
            (self.node_id.is_some(), 'N', r#"nodeid="..." in this node's <clusternode>"#),
            (self.cluster.is_some(), 'c', r#"<cluster name="...">"#),
            (self.config_modules.is_some(), 'C', "the whole configuration"),
            (self.no_config, 'X', "at least the names of the cluster and of its nodes"),
        ];
        if let Some((_, letter, what)) = given.iter().find(|(given, ..)| *given) {
            return Err(Failure::failed(
                format!("`cman_tool join` has no option -{letter} any more."),
                format!("Write {what} into cluster.conf, which --config FILE can name."),
            ));
        }
        if self.no_realtime {
            return Err(Failure::failed(
                "`cman_tool join` has no option -P any more.",
                "Leave it out; take the permission for real-time priority away from the daemon \
                 (LimitRTPRIO=0 in its systemd unit), and it goes on without.",
            ));
        }
        Ok(())
    }
}

/// Verbs of 2009 that this release does not have, and what does their work meanwhile.
const COMING: [(&str, &str); 3] = [
    (
        "debug",
        "`cmand --log-level debug` says what the daemon does; `cman_tool report` gathers it.",
    ),
    (
        "expected",
        "Write expected_votes into <cman> in cluster.conf, raise its config_version, give it to \
         every node and start their daemons again; `cman_tool leave remove` lowers it for nodes \
         that leave.",
    ),
    (
        "votes",
        "Write votes into this node's <clusternode> in cluster.conf, raise its config_version, \
         give it to every node and start their daemons again.",
    ),
];

/// The answer to a verb of 2009 that is to come; nothing for any other word.
pub(crate) fn coming(verb: &str) -> Option<Failure> {
    let (_, advice) = COMING.iter().find(|(name, _)| *name == verb)?;
    let sentence = format!("`cman_tool {verb}` is not in this release; a later one has it.");
    Some(Failure::failed(sentence, *advice))
}

/// Options that take a value, in any verb: what follows one of them is no verb.
const WITH_VALUE: [&str; 20] = [
    "-C",
    "-F",
    "-N",
    "-c",
    "-e",
    "-k",
    "-m",
    "-n",
    "-o",
    "-p",
    "-t",
    "-v",
    "--config",
    "--format",
    "--keyfile",
    "--name",
    "--output",
    "--run-dir",
    "--state-dir",
    "--timeout",
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
    use crate::cli::{Cli, Verb};
    use clap::Parser;

    fn reordered(line: &str) -> String {
        let args = verb_first(line.split(' ').map(OsString::from));
        args.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    fn refusal(options: &str) -> String {
        let line = format!("cman_tool join {options}");
        let Verb::Join(join) = Cli::try_parse_from(line.split(' ')).unwrap().verb else {
            panic!("not a join");
        };
        join.historic.check().unwrap_err().to_string()
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
    fn options_that_moved_say_where_to() {
        assert_eq!(
            refusal("-X"),
            "`cman_tool join` has no option -X any more.\nWrite at least the names of the cluster \
             and of its nodes into cluster.conf, which --config FILE can name."
        );
        assert!(refusal("-2").contains(r#"two_node="1""#));
        assert!(refusal("-e 3 -w").contains("expected_votes"));
        assert!(refusal("-P").contains("Leave it out"));
    }

    #[test]
    fn a_join_without_them_passes() {
        assert_eq!(Historic::default().check(), Ok(()));
    }
}
