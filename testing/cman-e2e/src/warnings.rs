//! What daemons complain of in their logs: in a healthy cluster, nothing.

use crate::cluster::Cluster;
use anyhow::{Result, ensure};

/// Words of warnings about the machine, which the tests share with others: they are true, and no
/// fault of the daemon.
const OF_THE_MACHINE: [&str; 2] = ["this node was stopped for", "the state directory is slow"];

/// Fails if a daemon of these nodes ever logged an error, or a warning without any of the words
/// that are `expected`.
pub fn expect_only(cluster: &Cluster, numbers: &[usize], expected: &[&str]) -> Result<()> {
    for &number in numbers {
        let log = cluster.node(number)?.log();
        let unexpected = unexpected(&log, expected);
        ensure!(
            unexpected.is_empty(),
            "the daemon of node {number} complained:\n{}\nits log:\n{log}",
            unexpected.join("\n")
        );
    }
    Ok(())
}

fn unexpected<'a>(log: &'a str, expected: &[&str]) -> Vec<&'a str> {
    let complains = |line: &&str| match line.split(' ').nth(1) {
        Some("info:" | "debug:" | "trace:") => false,
        Some("warning:") => {
            !OF_THE_MACHINE.iter().chain(expected).any(|words| line.contains(words))
        }
        // An error, or what is no line of the log at all: the words of a panic.
        _ => true,
    };
    log.lines().filter(complains).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_errors_and_panics_are_found() {
        let log = "2026-11-22T20:55:13.938Z info: a warning: of nothing\n\
                   2026-11-22T20:55:13.939Z warning: this node was stopped for 900 ms; look\n\
                   2026-11-22T20:55:13.940Z warning: quorum lost: no votes\n\
                   2026-11-22T20:55:13.941Z error: this node is out of the cluster\n\
                   thread 'main' panicked at src/main.rs:1:1:\n";
        let found = |expected: &[&str]| unexpected(log, expected).len();
        assert_eq!(found(&[]), 3);
        assert_eq!(found(&["quorum lost"]), 2);
        assert_eq!(found(&["quorum lost", "is out of"]), 2, "an error is never expected");
    }
}
