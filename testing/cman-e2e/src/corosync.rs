//! Corosync in the same lab, for comparison.
//!
//! It runs with its defaults, knet with aes256 and sha256, on one link. Its membership and
//! quorum are read from its log on stderr and timed at their arrival here.

use crate::{
    cluster::now_ns, command::system_command, cost::Cost, figure::Figure, lab::Lab,
    watch::ms_between,
};
use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::sleep,
    time::{Duration, Instant},
};

/// The program, from the distribution's package of the same name.
const PROGRAM: &str = "/usr/sbin/corosync";

/// The longest that is waited for a membership.
const WAIT_MAX: Duration = Duration::from_secs(180);

/// Bytes of its key.
const KEY_SIZE: usize = 256;

/// Whether it is installed.
#[must_use]
pub fn is_installed() -> bool {
    fs::exists(PROGRAM).unwrap_or(false)
}

/// A corosync on each node of a lab; ended when dropped.
#[derive(Debug)]
pub struct Corosync {
    daemons: BTreeMap<usize, Daemon>,
    lab: Lab,
}

#[derive(Debug)]
struct Daemon {
    process: Child,
    /// When it told which members, and whether it was quorate then.
    told: Arc<Mutex<Vec<Told>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    at: u64,
    members: Vec<usize>,
    quorate: bool,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Corosync {
    /// Prepares `nodes` nodes; nothing runs yet.
    pub fn new(nodes: usize) -> Result<Self> {
        let lab = Lab::new(nodes)?;
        let mut key = vec![0; KEY_SIZE];
        fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
        let keyfile = lab.directory().join("authkey");
        fs::write(&keyfile, key)?;
        let keyfile = keyfile.to_str().context("the lab's directory is not UTF-8")?;
        for node in 1..=nodes {
            let state = lab.directory().join(format!("corosync{node}"));
            fs::create_dir_all(&state)?;
            let state_text = state.to_str().context("the lab's directory is not UTF-8")?;
            fs::write(state.join("conf"), configuration(nodes, keyfile, state_text))?;
        }
        Ok(Self { daemons: BTreeMap::new(), lab })
    }

    /// Starts the daemon of a node and does not wait for anything.
    pub fn start(&mut self, node: usize) -> Result<()> {
        let conf = self.lab.directory().join(format!("corosync{node}/conf"));
        // It locks /run/corosync.pid, so each needs a /run of its own, and what it shares with its
        // clients is to go when they are gone; `ip netns exec` gives it mounts of its own already.
        let script = "mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev/shm && \
                      exec \"$0\" -f -c \"$1\"";
        let mut process = self
            .lab
            .command(node, "sh")
            .args(["-c", script, PROGRAM])
            .arg(&conf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start corosync")?;
        let told = Arc::new(Mutex::new(Vec::new()));
        if let Some(stderr) = process.stderr.take() {
            let told = Arc::clone(&told);
            std::thread::spawn(move || listen(stderr, &told));
        }
        self.daemons.insert(node, Daemon { process, told });
        Ok(())
    }

    /// `kill -9`: the daemon is gone when this returns.
    pub fn kill(&mut self, node: usize) {
        self.daemons.remove(&node);
    }

    /// A command that runs `program` as a client of a node's daemon: with its network, and with
    /// the memory that it shares.
    pub fn client(&self, node: usize, program: &Path) -> Result<Command> {
        let daemon = self.daemons.get(&node);
        let pid = daemon.with_context(|| format!("node {node} has no corosync"))?.process.id();
        let mut command = system_command("nsenter");
        command.args(["--target", &pid.to_string(), "--mount", "--net"]).arg(program);
        Ok(command)
    }

    /// When a node first told, since `since`, that it has exactly these members and is quorate, on
    /// the clock of [`now_ns`].
    #[must_use]
    pub fn when(&self, node: usize, members: &[usize], since: u64) -> Option<u64> {
        let told = &self.daemons.get(&node)?.told;
        // A list of statements is whole even if the thread that appended to it panicked.
        let told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |t: &&Told| t.at >= since && t.quorate && t.members == members;
        told.iter().find(fits).map(|t| t.at)
    }

    fn wait(&mut self, numbers: &[usize], since: u64) -> Result<u64> {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let when: Option<Vec<_>> =
                numbers.iter().map(|&node| self.when(node, numbers, since)).collect();
            if let Some(last) = when.and_then(|when| when.into_iter().max()) {
                return Ok(last);
            }
            if Instant::now() > deadline {
                bail!("corosync has no quorate membership of {numbers:?} after {WAIT_MAX:?}");
            }
            self.restart_crashed(numbers)?;
            sleep(Duration::from_millis(5));
        }
    }

    /// Starts again what ended by itself while forming, as an init system would.
    fn restart_crashed(&mut self, numbers: &[usize]) -> Result<()> {
        for &node in numbers {
            let daemon = self.daemons.get_mut(&node);
            if daemon.is_some_and(|daemon| !matches!(daemon.process.try_wait(), Ok(None))) {
                self.start(node)?;
            }
        }
        Ok(())
    }
}

/// Formation, idle cost and `kill -9` of one of `nodes` nodes; the same figures as ours, without
/// limits.
pub fn measure(nodes: usize, idle: Duration) -> Result<Vec<Figure>> {
    let mut corosync = Corosync::new(nodes)?;
    let all: Vec<_> = (1..=nodes).collect();
    let start = now_ns();
    for &node in &all {
        corosync.start(node)?;
    }
    let formed = corosync.wait(&all, start)?;
    let mut figures = vec![Figure::information(
        format!("{nodes} nodes: one quorate view"),
        ms_between(start, formed) / 1e3,
        "s",
    )];

    sleep(Duration::from_secs(5));
    let pids: Vec<_> = corosync.daemons.values().map(|daemon| daemon.process.id()).collect();
    let cost = Cost::over(&pids, idle)?;
    let prefix = format!("{nodes} nodes, ordinary member");
    figures.extend([
        Figure::information("datagrams sent a second", cost.datagrams_per_s, "1/s").of(&prefix),
        Figure::information("resident", cost.resident_mib, "MiB").of(&prefix),
        Figure::information("of one core", cost.core_percent, "%").of(&prefix),
    ]);

    // The lowest node id is what comes nearest to a coordinator.
    for (victim, who) in [(nodes, "a member"), (1, "the coordinator")] {
        let survivors: Vec<_> =
            corosync.daemons.keys().copied().filter(|node| *node != victim).collect();
        if survivors.len() * 2 <= nodes {
            break;
        }
        let killed = now_ns();
        corosync.kill(victim);
        let seen = corosync.wait(&survivors, killed)?;
        let what = format!("{nodes} nodes, {who}: new view at all survivors");
        figures.push(Figure::information(what, ms_between(killed, seen), "ms"));
    }
    Ok(figures)
}

fn configuration(nodes: usize, keyfile: &str, state: &str) -> String {
    let mut text = format!(
        "totem {{\n version: 2\n cluster_name: lab\n transport: knet\n crypto_cipher: aes256\n \
         crypto_hash: sha256\n keyfile: {keyfile}\n}}\n\
         system {{\n state_dir: {state}\n}}\n\
         quorum {{\n provider: corosync_votequorum\n}}\n\
         logging {{\n to_stderr: yes\n to_syslog: no\n to_logfile: no\n}}\nnodelist {{\n"
    );
    for node in 1..=nodes {
        let (name, address) = (Lab::name(node), Lab::address(node));
        // Writing to a string cannot fail.
        _ = writeln!(text, " node {{\n nodeid: {node}\n name: {name}\n ring0_addr: {address}\n }}");
    }
    text.push_str("}\n");
    text
}

/// Gathers what a daemon says of its members and its quorum.
fn listen(stderr: ChildStderr, told: &Mutex<Vec<Told>>) {
    let (mut members, mut quorate) = (Vec::new(), false);
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let at = now_ns();
        if let Some(now) = members_in(&line) {
            members = now;
        } else if line.contains("within the primary component") {
            quorate = true;
        } else if line.contains("within the non-primary component") {
            quorate = false;
        } else {
            continue;
        }
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(Told { at, members: members.clone(), quorate });
    }
}

/// The member list of a line like `... [QUORUM] Members[2]: 1 2`.
fn members_in(line: &str) -> Option<Vec<usize>> {
    let (_, list) = line.split_once("[QUORUM] Members[")?.1.split_once("]: ")?;
    list.split_whitespace().map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_from_its_log() {
        let line = "Nov 22 17:00:00 [77] n1 corosync notice  [QUORUM] Members[2]: 1 2";
        assert_eq!(members_in(line), Some(vec![1, 2]));
        assert_eq!(members_in("[QUORUM] Members[1]: x"), None);
        assert_eq!(members_in("[TOTEM ] A new membership"), None);
    }
}
