//! Corosync with its defaults, knet with aes256 and sha256, under `cpg_load`.

use super::{
    plan::{Load, PACED_SIZE, Senders},
    programs::Programs,
    side::{Client, FORMED_MAX, NOTICED_MAX, Side},
    task::wait,
};
use crate::sandbox::interrupt::Interrupt;
use anyhow::Result;
use cman_e2e::{cluster::now_ns, corosync::Corosync, watch::ms_between};
use std::path::PathBuf;

/// A running cluster.
#[derive(Debug)]
pub(crate) struct Theirs {
    corosync: Corosync,
    nodes: usize,
    cpg_load: PathBuf,
}

impl Theirs {
    /// When the last of these told, since `since`, that they are the members.
    fn when(&self, members: &[usize], since: u64) -> Option<u64> {
        let when = members.iter().map(|&node| self.corosync.when(node, members, since));
        when.collect::<Option<Vec<_>>>()?.into_iter().max()
    }
}

impl Side for Theirs {
    fn form(nodes: usize, programs: &Programs, interrupt: &Interrupt) -> Result<Self> {
        let corosync = Corosync::new(nodes)?;
        let mut theirs = Self { corosync, nodes, cpg_load: programs.cpg_load.clone() };
        let start = now_ns();
        let all: Vec<_> = (1..=nodes).collect();
        for &node in &all {
            theirs.corosync.start(node)?;
        }
        wait("cluster of corosync", FORMED_MAX, interrupt, || Ok(theirs.when(&all, start)))?;
        Ok(theirs)
    }

    fn clients(&self, group: &str, load: Load) -> Result<Vec<Client>> {
        let mut clients = Vec::new();
        for node in 1..=self.nodes {
            let (all, words) = match load {
                Load::Flood { size, senders, seconds } => {
                    (senders == Senders::All, format!("{size} flood {seconds}"))
                }
                Load::Pace { messages } => (false, format!("{PACED_SIZE} pace {messages}")),
            };
            let senders = if all { self.nodes } else { 1 };
            let sends = if all || node == 1 { "yes" } else { "no" };
            let words = format!("{group} {} {senders} {words} {sends}", self.nodes);
            let mut command = self.corosync.client(node, &self.cpg_load)?;
            command.args(words.split(' '));
            let name = format!("node {node}: cpg_load {words}");
            clients.push(Client { name, command });
        }
        Ok(clients)
    }

    fn kill_last(&mut self, interrupt: &Interrupt) -> Result<f64> {
        let survivors: Vec<_> = (1..self.nodes).collect();
        let killed = now_ns();
        self.corosync.kill(self.nodes);
        let noticed =
            wait("new membership", NOTICED_MAX, interrupt, || Ok(self.when(&survivors, killed)))?;
        Ok(ms_between(killed, noticed))
    }
}
