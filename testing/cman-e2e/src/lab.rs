//! Network namespaces on one bridge, their counters and their faults.
//!
//! Node i (from 1) has `eth0` with 10.77.0.i/24 and fd77::i/64 in a namespace of its own; the
//! other end of the cable is port `vi` of a bridge in one more namespace. The machine's own
//! network is never touched. In each namespace `/etc/hosts` names the nodes `n1`, `n2`, ..., and
//! nobody need ask for a hardware address: see [`crate::address`].

use crate::{
    address,
    command::{run, run_with_input, system_command},
    faults::Faults,
};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::{
    ffi::OsStr,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

/// Most nodes of a lab: what fits the last octet of an address.
pub const NODES_MAX: usize = 250;

/// Where `ip netns exec` finds the files it puts over `/etc`.
const ETC_NETNS: &str = "/etc/netns";

/// How long killed processes may take to leave their namespace.
const KILL_MAX: Duration = Duration::from_secs(5);

/// Labs of this process so far, for unique names.
static LABS: AtomicU32 = AtomicU32::new(0);

/// Namespaces, a bridge, faults and a directory, all removed when dropped.
#[derive(Debug)]
pub struct Lab {
    /// First part of all names of this lab, unique on the machine while it lives.
    prefix: String,
    nodes: usize,
    directory: PathBuf,
    faults: Faults,
}

/// Frames that a node sent and received since the lab began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames the node sent.
    pub packets_sent: u64,
    /// Bytes the node sent, with Ethernet headers.
    pub bytes_sent: u64,
    /// Frames the node received.
    pub packets_received: u64,
    /// Bytes the node received, with Ethernet headers.
    pub bytes_received: u64,
}

impl Lab {
    /// A lab of `nodes` nodes (1 to [`NODES_MAX`]) for a test. Labs that a killed test left
    /// behind are removed first.
    pub fn new(nodes: usize) -> Result<Self> {
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        Self::named(&format!("cman-lab-{}-{number}", std::process::id()), nodes, || Ok(()))
    }

    /// A lab whose names all begin with `prefix`, which must have the form `cman-lab-PID...` or
    /// `cman-sandbox-PID...`. `go_on` is asked before each step and ends the making by an error.
    pub fn named(prefix: &str, nodes: usize, go_on: impl Fn() -> Result<()>) -> Result<Self> {
        ensure!((1..=NODES_MAX).contains(&nodes), "a lab has 1 to {NODES_MAX} nodes, not {nodes}");
        ensure!(
            rustix::process::geteuid().is_root(),
            "network namespaces need root: run this as root, for example with sudo"
        );
        remove_abandoned()?;
        let lab = Self {
            prefix: prefix.to_owned(),
            nodes,
            directory: std::env::temp_dir().join(prefix),
            faults: Faults::default(),
        };
        // From here on a failure drops the lab, which removes what was made so far.
        lab.build(go_on).with_context(|| format!("cannot build a lab of {nodes} nodes"))?;
        Ok(lab)
    }

    /// How many nodes it has.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The lab's own temporary directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The network namespace of a node, as `ip netns` knows it.
    #[must_use]
    pub fn namespace(&self, node: usize) -> String {
        format!("{}-node{node}", self.prefix)
    }

    /// The network namespace of the bridge: node i is plugged into its port `vi`.
    #[must_use]
    pub fn bridge(&self) -> String {
        format!("{}-bridge", self.prefix)
    }

    fn namespaces(&self) -> impl Iterator<Item = String> + '_ {
        std::iter::once(self.bridge()).chain((1..=self.nodes).map(|node| self.namespace(node)))
    }

    /// The IPv4 address of a node.
    #[must_use]
    pub fn address(node: usize) -> String {
        address::ipv4(node)
    }

    /// The name of a node, as `/etc/hosts` in the namespaces has it.
    #[must_use]
    pub fn name(node: usize) -> String {
        format!("n{node}")
    }

    /// A command that runs `program` in the namespace of a node.
    #[must_use]
    pub fn command(&self, node: usize, program: impl AsRef<OsStr>) -> Command {
        command_in(&self.namespace(node), program)
    }

    fn build(&self, go_on: impl Fn() -> Result<()>) -> Result<()> {
        fs::create_dir_all(&self.directory)
            .with_context(|| format!("cannot make {}", self.directory.display()))?;
        let mut batch = String::new();
        for namespace in self.namespaces() {
            writeln!(batch, "netns add {namespace}")?;
        }
        run_with_input("ip", &["-batch", "-"], &batch)?;
        run_with_input("ip", &["-n", &self.bridge(), "-batch", "-"], &self.bridge_script()?)?;
        for node in 1..=self.nodes {
            go_on()?;
            // The hosts file must be there before the first program runs in the namespace.
            self.write_hosts(node, &self.hosts())?;
            let script = address::script(node, self.nodes);
            run_with_input("ip", &["-n", &self.namespace(node), "-batch", "-"], &script)?;
        }
        Ok(())
    }

    fn bridge_script(&self) -> Result<String> {
        let mut script = String::from("link add br0 type bridge mcast_snooping 0\n");
        for node in 1..=self.nodes {
            let peer = self.namespace(node);
            let hardware = address::hardware(node);
            let eth0 = format!("eth0 address {hardware} netns {peer}");
            writeln!(script, "link add v{node} type veth peer name {eth0}")?;
            writeln!(script, "link set v{node} master br0 up")?;
        }
        script.push_str("link set br0 up\n");
        Ok(script)
    }

    /// The hosts file all nodes start with.
    fn hosts(&self) -> String {
        let nodes = (1..=self.nodes).map(|n| format!("{} {}\n", Self::address(n), Self::name(n)));
        std::iter::once("127.0.0.1 localhost\n".to_owned()).chain(nodes).collect()
    }

    /// Replaces the hosts file that programs started from now on see on a node.
    pub fn write_hosts(&self, node: usize, hosts: &str) -> Result<()> {
        let directory = Path::new(ETC_NETNS).join(self.namespace(node));
        fs::create_dir_all(&directory)
            .and_then(|()| fs::write(directory.join("hosts"), hosts))
            .with_context(|| format!("cannot write {}/hosts", directory.display()))
    }

    /// Changes the faults: `change` edits them, then all take effect in one transaction.
    pub fn change(&mut self, change: impl FnOnce(&mut Faults)) -> Result<()> {
        change(&mut self.faults);
        let bridge = self.bridge();
        run_with_input("ip", &["netns", "exec", &bridge, "nft", "-f", "-"], &self.faults.script())
            .context("cannot change the faults of the lab")?;
        Ok(())
    }

    /// Nodes of different groups no longer hear each other.
    pub fn partition(&mut self, groups: &[&[usize]]) -> Result<()> {
        self.change(|faults| faults.partition(groups))
    }

    /// `to` no longer hears `from`.
    pub fn one_way(&mut self, from: usize, to: usize) -> Result<()> {
        self.change(|faults| faults.one_way(from, to))
    }

    /// `a` and `b` no longer hear each other.
    pub fn cut(&mut self, a: usize, b: usize) -> Result<()> {
        self.change(|faults| faults.cut(a, b))
    }

    /// Each frame from `from` to `to` is lost with this probability.
    pub fn loss(&mut self, from: usize, to: usize, percent: f64) -> Result<()> {
        self.change(|faults| faults.loss(from, to, percent))
    }

    /// Each frame is lost with this probability, once per directed path.
    pub fn loss_all(&mut self, percent: f64) -> Result<()> {
        self.change(|faults| faults.loss_all(percent))
    }

    /// `to` receives no multicast.
    pub fn block_multicast(&mut self, to: usize) -> Result<()> {
        self.change(|faults| faults.block_multicast(to))
    }

    /// Nothing is broken any more.
    pub fn heal(&mut self) -> Result<()> {
        self.change(Faults::heal)
    }

    /// Takes the carrier of a node's interface away, or gives it back.
    pub fn plug(&self, node: usize, plugged: bool) -> Result<()> {
        let state = if plugged { "up" } else { "down" };
        run("ip", &["-n", &self.bridge(), "link", "set", &format!("v{node}"), state]).map(drop)
    }

    /// What a node sent and received since the lab began.
    pub fn traffic(&self, node: usize) -> Result<Traffic> {
        let port = format!("v{node}");
        let printed = run("ip", &["-n", &self.bridge(), "-j", "-s", "link", "show", &port])?;
        let links: serde_json::Value = serde_json::from_str(&printed)?;
        // What the bridge's end of the cable receives is what the node sends.
        let counter = |side: &str, what: &str| {
            let place = format!("/0/stats64/{side}/{what}");
            let value = links.pointer(&place).and_then(serde_json::Value::as_u64);
            value.with_context(|| format!("`ip -j -s link` of {port} does not show {place}"))
        };
        Ok(Traffic {
            packets_sent: counter("rx", "packets")?,
            bytes_sent: counter("rx", "bytes")?,
            packets_received: counter("tx", "packets")?,
            bytes_received: counter("tx", "bytes")?,
        })
    }
}

/// A command that runs `program` in a network namespace.
pub(crate) fn command_in(namespace: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = system_command("ip");
    command.args(["netns", "exec", namespace]).arg(program);
    command
}

impl Drop for Lab {
    fn drop(&mut self) {
        let namespaces: Vec<_> = self.namespaces().collect();
        let removed = remove_namespaces(&namespaces);
        let cleared = remove_directory(&self.directory);
        if let Err(why) = removed.and(cleared) {
            eprintln!("lab {}: not all could be removed: {why:#}", self.prefix);
        }
    }
}

/// Kills what runs in these namespaces (made by a lab, so nothing else can be there) and removes
/// them. Goes on after a failure and reports the first one.
fn remove_namespaces(namespaces: &[String]) -> Result<()> {
    let mut first_failure = Ok(());
    let existing = existing_namespaces()?;
    for namespace in namespaces {
        let etc = Path::new(ETC_NETNS).join(namespace);
        let mut outcome = remove_directory(&etc);
        if existing.contains(namespace) {
            outcome = kill_all_in(namespace)
                .and_then(|()| run("ip", &["netns", "delete", namespace]).map(drop))
                .and(outcome);
        }
        first_failure = first_failure.and(outcome);
    }
    // Only the last lab out finds it empty; for the others this fails, as it should.
    let _ = fs::remove_dir(ETC_NETNS);
    first_failure
}

fn existing_namespaces() -> Result<Vec<String>> {
    let listed = run("ip", &["netns", "list"])?;
    let first_words = listed.lines().filter_map(|line| line.split_whitespace().next());
    Ok(first_words.map(str::to_owned).collect())
}

fn kill_all_in(namespace: &str) -> Result<()> {
    let deadline = Instant::now() + KILL_MAX;
    loop {
        let listed = run("ip", &["netns", "pids", namespace])?;
        let pids: Vec<_> = listed.lines().filter_map(parse_pid).collect();
        if pids.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("processes {pids:?} in {namespace} survive SIGKILL for {KILL_MAX:?}");
        }
        for pid in pids {
            // It may have ended by itself since it was listed.
            let _ = kill_process(pid, Signal::KILL);
        }
        sleep(Duration::from_millis(10));
    }
}

fn parse_pid(text: &str) -> Option<Pid> {
    text.trim().parse().ok().and_then(Pid::from_raw)
}

fn remove_directory(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}

/// Removes labs whose process was killed before it could. Another lab may be removing the same
/// ones: what counts is that they go.
fn remove_abandoned() -> Result<()> {
    let mut abandoned = existing_namespaces()?;
    // A namespace may be gone, and its files not.
    abandoned.extend(names_in(Path::new(ETC_NETNS)));
    abandoned.retain(|name| is_abandoned(name));
    if !abandoned.is_empty() {
        let _ = remove_namespaces(&abandoned);
    }
    let temporary = std::env::temp_dir();
    for name in names_in(&temporary).into_iter().filter(|name| is_abandoned(name)) {
        let _ = remove_directory(&temporary.join(name));
    }
    Ok(())
}

/// The names in a directory, none if there is no such directory.
fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Whether a name has the form of a lab's, `cman-WORD-PID...`, and that process is gone.
fn is_abandoned(name: &str) -> bool {
    let mut words = name.split('-');
    let ours = words.next() == Some("cman") && matches!(words.next(), Some("lab" | "sandbox"));
    let owner = words.next().and_then(parse_pid);
    ours && owner.is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_labs_of_dead_processes_are_abandoned() {
        let own = std::process::id();
        assert!(!is_abandoned(&format!("cman-lab-{own}-0-node1")));
        // The highest pid Linux allows is 4194304.
        assert!(is_abandoned("cman-lab-4194305-0-node1"));
        assert!(is_abandoned("cman-sandbox-4194305-bridge"));
        assert!(!is_abandoned("cman-web-4194305"));
        assert!(!is_abandoned("lab-4194305"));
        assert!(!is_abandoned("cman-lab-x-0"));
    }
}
