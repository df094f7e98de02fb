//! One daemon: start, kill, stop, what its tools print.

use crate::{
    conf::Conf,
    events::EventStream,
    lab::{Lab, command_in},
    report::{NodeRow, Status},
};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// The programs under test.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The daemon.
    pub cmand: PathBuf,
    /// The administration tool.
    pub cman_tool: PathBuf,
}

impl Programs {
    /// Finds them in the directory named by `CMAN_BIN_DIR`, else where cargo put the running
    /// program or test.
    pub fn find() -> Result<Self> {
        if let Some(directory) = std::env::var_os("CMAN_BIN_DIR") {
            return Self::in_directory(Path::new(&directory));
        }
        let own = std::env::current_exe().context("cannot tell where this program is")?;
        // A test binary lies in `deps`, one below the programs.
        let beside = own.ancestors().skip(1).take(2).find(|d| d.join("cmand").is_file());
        let directory = beside.context(
            "cmand is not beside this program: build it with \
             `cargo build -p cmand -p cman_tool`, or set CMAN_BIN_DIR to where it is",
        )?;
        Self::in_directory(directory)
    }

    /// Those in this directory.
    pub fn in_directory(directory: &Path) -> Result<Self> {
        let find = |name: &str| {
            let path = directory.join(name);
            ensure!(path.is_file(), "{} is missing: build it first", path.display());
            // The daemons run from elsewhere.
            path.canonicalize().with_context(|| format!("cannot use {}", path.display()))
        };
        Ok(Self { cmand: find("cmand")?, cman_tool: find("cman_tool")? })
    }
}

/// A node of a cluster, with its own directories, and its daemon while it runs. A daemon that
/// still runs when this is dropped is killed.
#[derive(Debug)]
pub struct Node {
    number: usize,
    namespace: String,
    directory: PathBuf,
    programs: Programs,
    daemon: Option<Child>,
    /// Arguments for `cmand` beyond those that every node gets.
    pub arguments: Vec<String>,
    /// Whether the daemon gets a process group of its own, out of reach of a terminal's Ctrl-C.
    pub own_process_group: bool,
}

impl Node {
    /// A node without a daemon yet. Its directories are made in the lab's.
    pub fn new(lab: &Lab, number: usize, programs: Programs) -> Result<Self> {
        let directory = lab.directory().join(format!("node{number}"));
        for part in ["run", "state"] {
            let part = directory.join(part);
            fs::create_dir_all(&part).with_context(|| format!("cannot make {}", part.display()))?;
        }
        Ok(Self {
            number,
            namespace: lab.namespace(number),
            directory,
            programs,
            daemon: None,
            arguments: Vec::new(),
            own_process_group: false,
        })
    }

    /// Its number in the lab, which is its node id.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// Its run directory.
    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        self.directory.join("run")
    }

    /// Its state directory.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.directory.join("state")
    }

    /// Its `cluster.conf`.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.directory.join("cluster.conf")
    }

    /// Its copy of the cluster's key.
    #[must_use]
    pub fn keyfile(&self) -> PathBuf {
        self.directory.join("cman.key")
    }

    /// Where its daemon logs to.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Replaces its `cluster.conf`.
    pub fn configure(&self, conf: &Conf) -> Result<()> {
        self.configure_text(&conf.to_xml())
    }

    /// Replaces its `cluster.conf` by any text.
    pub fn configure_text(&self, text: &str) -> Result<()> {
        let config = self.config();
        fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))
    }

    /// Makes a new key for this node alone; the cluster's comes by [`Node::give_key`].
    pub fn make_key(&self) -> Result<()> {
        let keyfile = self.keyfile();
        let made = self
            .tool_command()
            .arg("keygen")
            .arg("--keyfile")
            .arg(&keyfile)
            .output()
            .context("cannot run cman_tool keygen")?;
        ensure!(made.status.success(), "cman_tool keygen failed: {}", said(&made));
        Ok(())
    }

    /// Copies this node's key to another node.
    pub fn give_key(&self, other: &Self) -> Result<()> {
        // Copying keeps the mode, which must be 0600.
        fs::copy(self.keyfile(), other.keyfile())
            .with_context(|| format!("cannot copy {}", self.keyfile().display()))
            .map(drop)
    }

    /// Starts the daemon and does not wait for anything.
    pub fn start(&mut self) -> Result<()> {
        ensure!(!self.is_running(), "node {} runs already", self.number);
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let mut command = command_in(&self.namespace, &self.programs.cmand);
        command
            .args(["--foreground", "--name", &Lab::name(self.number)])
            .arg("--config")
            .arg(self.config())
            .arg("--run-dir")
            .arg(self.run_dir())
            .arg("--state-dir")
            .arg(self.state_dir())
            .arg("--keyfile")
            .arg(self.keyfile())
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        forget_environment(&mut command);
        if self.own_process_group {
            command.process_group(0);
        }
        // `ip netns exec` becomes the daemon, so this is the daemon's pid.
        self.daemon = Some(command.spawn().context("cannot start cmand")?);
        Ok(())
    }

    /// Whether its daemon runs.
    pub fn is_running(&mut self) -> bool {
        self.daemon.as_mut().is_some_and(|daemon| matches!(daemon.try_wait(), Ok(None)))
    }

    /// The pid of its daemon, as far as it was started and not yet waited for.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.daemon.as_ref().map(Child::id)
    }

    /// Sends a signal to its daemon.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        // While the child has not been waited for, the pid cannot belong to anybody else.
        let pid = self.daemon.as_ref().map(Pid::from_child);
        let pid = pid.with_context(|| format!("node {} has no daemon", self.number))?;
        kill_process(pid, signal)
            .with_context(|| format!("cannot signal the daemon of node {}", self.number))
    }

    /// `kill -9`: the daemon is gone when this returns.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.wait_exit(Duration::from_secs(5)).map(drop)
    }

    /// SIGSTOP: the daemon sleeps until [`Node::resume`].
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// SIGTERM: an orderly leave; fails if that takes longer than `bound`.
    pub fn stop(&mut self, bound: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait_exit(bound)
    }

    /// Waits until the daemon has ended by itself.
    pub fn wait_exit(&mut self, bound: Duration) -> Result<ExitStatus> {
        let number = self.number;
        let daemon =
            self.daemon.as_mut().with_context(|| format!("node {number} has no daemon"))?;
        let deadline = Instant::now() + bound;
        loop {
            if let Some(status) = daemon.try_wait()? {
                self.daemon = None;
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("the daemon of node {number} still runs after {bound:?}");
            }
            sleep(Duration::from_millis(5));
        }
    }

    /// The path of another program that lies beside the daemon.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.cmand.with_file_name(name)
    }

    /// A `cman_tool --run-dir ...` for this node's daemon, in the node's namespace.
    #[must_use]
    pub fn tool_command(&self) -> Command {
        self.with_run_dir(command_in(&self.namespace, &self.programs.cman_tool))
    }

    /// The same outside the namespace: enough for what only speaks to the daemon, and quicker.
    fn near_tool_command(&self) -> Command {
        self.with_run_dir(Command::new(&self.programs.cman_tool))
    }

    fn with_run_dir(&self, mut command: Command) -> Command {
        forget_environment(&mut command);
        command.arg("--run-dir").arg(self.run_dir());
        command
    }

    /// Runs `cman_tool` with these arguments, to its end.
    pub fn tool(&self, arguments: &[&str]) -> Result<Output> {
        self.near_tool_command()
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("cannot run cman_tool")
    }

    /// What a successful `cman_tool` with these arguments prints.
    pub fn tool_prints(&self, arguments: &[&str]) -> Result<String> {
        let output = self.tool(arguments)?;
        ensure!(
            output.status.success(),
            "`cman_tool {}` of node {} failed: {}",
            arguments.join(" "),
            self.number,
            said(&output)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// `cman_tool status --json`.
    pub fn status(&self) -> Result<Status> {
        let printed = self.tool_prints(&["status", "--json"])?;
        Status::parse(&printed).with_context(|| format!("not a status: {printed}"))
    }

    /// `cman_tool nodes --json`.
    pub fn nodes(&self) -> Result<Vec<NodeRow>> {
        #[derive(Deserialize)]
        struct Nodes {
            nodes: Vec<NodeRow>,
        }
        let printed = self.tool_prints(&["nodes", "--json"])?;
        let nodes: Nodes = serde_json::from_str(&printed)
            .with_context(|| format!("not a list of nodes: {printed}"))?;
        Ok(nodes.nodes)
    }

    /// Starts gathering its events; its daemon must answer already.
    pub fn events(&self) -> Result<EventStream> {
        let mut command = self.near_tool_command();
        command.args(["events", "--json"]);
        EventStream::start(command)
    }

    /// Everything its daemons logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        // No daemon was started yet: nothing was logged.
        fs::read(self.log_file())
            .map_or_else(|_| String::new(), |log| String::from_utf8_lossy(&log).into_owned())
    }

    /// The last lines its daemons logged, with a heading.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<_> = log.lines().collect();
        let tail = all.get(all.len().saturating_sub(lines)..).unwrap_or_default();
        format!("--- last log lines of node {}\n{}\n", self.number, tail.join("\n"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            // It may have ended by itself.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// What the surroundings set for a cluster of their own must not reach ours.
fn forget_environment(command: &mut Command) {
    for name in ["CMAN_CONFIG", "CMAN_RUN_DIR", "CMAN_STATE_DIR", "NOTIFY_SOCKET"] {
        command.env_remove(name);
    }
}

/// What a program printed on both channels and how it ended.
fn said(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("{}: {} {}", output.status, stdout.trim(), stderr.trim())
}
