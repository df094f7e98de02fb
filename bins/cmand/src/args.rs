//! The command line.

use crate::instead::{Asked, Instead};
use clap::{Parser, ValueEnum};
use cman_ipc::paths::{RUN_DIR, RUN_DIR_ENV};
use std::{io, path::PathBuf};

/// Runs one node of a cluster: joins when it starts, leaves when it is told to end.
#[derive(Parser, Clone, Debug)]
#[command(name = "cmand", version, after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Stay in the foreground: log to stderr, and notify systemd.
    #[arg(long, short)]
    pub(crate) foreground: bool,

    /// This node's name in the configuration [default: the host name, with or without domain].
    #[arg(long, value_name = "NODENAME", env = "CMAN_NODENAME")]
    pub(crate) name: Option<String>,

    /// The cluster's configuration.
    #[arg(
        long,
        value_name = "FILE",
        env = "CMAN_CONFIG",
        default_value = "/etc/cluster/cluster.conf"
    )]
    pub(crate) config: PathBuf,

    /// Directory of the sockets, the process number and the lease page.
    #[arg(long, value_name = "DIR", env = RUN_DIR_ENV, default_value = RUN_DIR)]
    pub(crate) run_dir: PathBuf,

    /// Directory of what survives a restart.
    #[arg(long, value_name = "DIR", env = "CMAN_STATE_DIR", default_value = "/var/lib/cman")]
    pub(crate) state_dir: PathBuf,

    /// The cluster's key [default: as the configuration says, else /etc/cluster/cman.key].
    #[arg(long, value_name = "FILE", env = "CMAN_KEYFILE")]
    pub(crate) keyfile: Option<PathBuf>,

    /// The least important messages to log.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = LogLevel::Info)]
    pub(crate) log_level: LogLevel,

    /// Take no real-time priority, even if that is allowed.
    #[arg(long)]
    pub(crate) no_realtime: bool,

    /// Write everything that the protocol is told and does to this new file, for a replay.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// Join although a former daemon ended while programs on this node carried state. Nothing may
    /// be left of it: no lock manager, no mounted file system.
    #[arg(long)]
    pub(crate) force_clean: bool,

    #[command(flatten)]
    pub(crate) instead: Instead,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Set by a `cmand` that started this one to go on without it: says on stdout when it is
    /// ready, then lets go of the terminal.
    #[arg(long, hide = true)]
    pub(crate) detached: bool,

    /// Set by `cman_tool`: the end of stdin, without a word on it, means that the start is given
    /// up.
    #[arg(long, hide = true)]
    pub(crate) tied: bool,
}

const AFTER_HELP: &str = "\
Exit status: 0 left the cluster; 1 could not start; 3 killed, refused or disallowed.
See cmand(8).";

/// The least important messages to log.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogLevel {
    /// Somebody must act.
    Error,
    /// Something works worse than it should.
    Warn,
    /// Every change of view and quorum, with its reason.
    Info,
    /// Every step of the protocol.
    Debug,
    /// Every datagram.
    Trace,
}

impl From<LogLevel> for tracing::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

impl Args {
    /// With all paths made absolute, because a daemon leaves the directory it was started in.
    ///
    /// # Errors
    /// When a path is empty or the current directory is gone.
    pub(crate) fn with_absolute_paths(mut self) -> io::Result<Self> {
        let required = [&mut self.config, &mut self.run_dir, &mut self.state_dir];
        let optional = [self.keyfile.as_mut(), self.record.as_mut()];
        for path in required.into_iter().chain(optional.into_iter().flatten()) {
            *path = std::path::absolute(&*path)?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn paths_become_absolute_and_stay_where_they_are() {
        let args = Args::try_parse_from([
            "cmand",
            "--config",
            "c.conf",
            "--run-dir",
            "/r",
            "--state-dir",
            "s",
            "--record",
            "x",
        ])
        .unwrap()
        .with_absolute_paths()
        .unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(args.config, here.join("c.conf"));
        assert_eq!(args.run_dir, PathBuf::from("/r"));
        assert_eq!(args.state_dir, here.join("s"));
        assert_eq!(args.record, Some(here.join("x")));
        assert_eq!(args.keyfile, None);
    }

    #[test]
    fn wrong_usage_is_refused() {
        for wrong in [["cmand", "--run-dir="], ["cmand", "--log-level=loud"], ["cmand", "join"]] {
            assert!(Args::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
    }
}
