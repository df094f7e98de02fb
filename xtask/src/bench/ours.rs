//! Our cluster, with its defaults, under `cman_bench`.

use super::{
    plan::{Load, PACED_RATE, PACED_SIZE, Senders},
    programs::Programs,
    side::{Client, FORMED_MAX, NOTICED_MAX, Side},
    task::wait,
};
use crate::sandbox::interrupt::Interrupt;
use anyhow::Result;
use cman_e2e::{
    cluster::{Cluster, ids, now_ns},
    command::system_path,
    conf::Conf,
    lab::Lab,
    node::Node,
    watch::{Watch, ms_between},
};
use std::{process::Command, time::Duration};

/// Receivers go on for so many seconds after the senders: what was sent last has to come, also to a
/// client that starts late on a machine with more clients than processors.
const REST_SECONDS: u32 = 8;

/// How long one look at the whole cluster may take.
const LOOK_MAX: Duration = Duration::from_millis(500);

/// A running cluster.
#[derive(Debug)]
pub(crate) struct Ours {
    cluster: Cluster,
}

impl Side for Ours {
    fn form(nodes: usize, programs: &Programs, interrupt: &Interrupt) -> Result<Self> {
        let conf = Conf::new(nodes).to_xml();
        let mut cluster = Cluster::in_lab(Lab::new(nodes)?, &conf, &programs.ours)?;
        cluster.start_all()?;
        let all: Vec<_> = (1..=nodes).collect();
        wait("cluster of cman", FORMED_MAX, interrupt, || {
            Ok(cluster.wait_formed(&all, LOOK_MAX).ok())
        })?;
        Ok(Self { cluster })
    }

    fn clients(&self, group: &str, load: Load) -> Result<Vec<Client>> {
        let nodes = self.cluster.lab().nodes();
        let mut clients = Vec::new();
        for node in self.cluster.nodes() {
            let sends = node.number() == 1 || is_all(load);
            let words = if sends { send(load) } else { receive(load) };
            clients.push(client(node, group, nodes, &words));
        }
        Ok(clients)
    }

    fn kill_last(&mut self, interrupt: &Interrupt) -> Result<f64> {
        let last = self.cluster.lab().nodes();
        let survivors: Vec<_> = (1..last).collect();
        let members = ids(&survivors);
        let watch = Watch::start(&self.cluster, &survivors)?;
        let killed = now_ns();
        self.cluster.node_mut(last)?.kill()?;
        let noticed = wait("new membership", NOTICED_MAX, interrupt, || {
            let mut latest = 0;
            for &survivor in &survivors {
                let at = watch.when_in_view(survivor, &members, killed)?;
                let Some(at) = at else { return Ok(None) };
                latest = latest.max(at);
            }
            Ok(Some(latest))
        })?;
        Ok(ms_between(killed, noticed))
    }
}

const fn is_all(load: Load) -> bool {
    matches!(load, Load::Flood { senders: Senders::All, .. })
}

fn send(load: Load) -> String {
    match load {
        Load::Flood { size, seconds, senders: Senders::One } => {
            format!("send --size {size} --seconds {seconds}")
        }
        // Who does not stay ends when its own messages are back, and is no measure.
        Load::Flood { size, seconds, senders: Senders::All } => {
            format!("send --size {size} --seconds {seconds} --stay {REST_SECONDS}")
        }
        Load::Pace { messages } => {
            format!("send --size {PACED_SIZE} --rate {PACED_RATE} --count {messages}")
        }
    }
}

fn receive(load: Load) -> String {
    match load {
        Load::Flood { seconds, .. } => format!("receive --seconds {}", seconds + REST_SECONDS),
        Load::Pace { messages } => format!("receive --count {messages}"),
    }
}

fn client(node: &Node, group: &str, members: usize, words: &str) -> Client {
    let mut command = Command::new(node.program("cman_bench"));
    command.env_clear().env("PATH", system_path());
    command.args(words.split(' ')).arg("--run-dir").arg(node.run_dir());
    command.args(["--group", group, "--members", &members.to_string()]);
    Client { name: format!("node {}: cman_bench {words}", node.number()), command }
}
