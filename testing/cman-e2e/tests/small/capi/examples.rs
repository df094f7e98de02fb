//! The examples do what they say.

use super::*;
use anyhow::{Context, ensure};
use cman_e2e::turn;
use std::fs;

#[test]
fn people_chat() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = formed(3)?;
    let chat = Program::compile(&cluster, "examples/chat", Watched::No)?;
    let mut talkers = Vec::new();
    for node in cluster.nodes() {
        talkers.push(chat.start(node, &[])?);
    }
    for (talker, number) in talkers.iter_mut().zip(1..) {
        // All are there when each has heard itself, and nobody speaks before that.
        talker.type_in(&format!("here is {number}\n"))?;
        talker.wait_for(&format!("n{number}: here is {number}"))?;
    }
    talkers[1].type_in("one line\nand another\nand no end")?;
    for talker in &mut talkers {
        talker.wait_for("n2: one line")?;
        talker.wait_for("n2: and another")?;
    }
    let last = talkers.swap_remove(1);
    let printed = last.finish(BOUND)?;
    ensure!(printed.ends_with("n2: and no end\n"), "{printed}");
    Ok(())
}

#[test]
fn a_watcher_sees_nodes_come_and_go() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed(3)?;
    let watcher = Program::compile(&cluster, "examples/node_watcher", Watched::No)?;
    let mut watching = watcher.start(cluster.node(1)?, &[])?;
    watching.wait_for("quorate: yes")?;
    watching.wait_for("nodes: n1 in n2 in n3 in")?;
    cluster.kill_together(&[3])?;
    watching.wait_for("members: all: 1 2 left: 3 joined:")?;
    watching.wait_for("nodes: n1 in n2 in n3 out")?;
    cluster.node_mut(3)?.start()?;
    watching.wait_for("members: all: 1 2 3 left: joined: 3")?;
    watching.wait_for("nodes: n1 in n2 in n3 in")?;
    cluster.kill_together(&[2, 3])?;
    watching.wait_for("quorate: no")?;
    cluster.node_mut(1)?.stop(Duration::from_secs(20))?;
    watching.wait_for("the daemon is gone")?;
    Ok(())
}

/// Of two nodes one stays quorate alone as long as its device lives.
#[test]
fn a_device_keeps_half_a_cluster_alive() -> Result<()> {
    let _turn = turn::shared()?;
    let mut conf = Conf::new(2);
    conf.cman = "expected_votes=\"3\"".to_owned();
    let mut cluster = formed_as(&conf)?;
    let file = cluster.lab().directory().join("alive");
    fs::write(&file, "yes")?;
    let device = Program::compile(&cluster, "examples/quorum_device", Watched::No)?;
    let path = file.to_str().context("no name")?;
    let running = device.start(cluster.node(1)?, &[path, "1"])?;
    cluster.wait_until("at three votes", BOUND, |cluster| {
        Ok(cluster.node(1)?.status()?.quorum.votes == 3)
    })?;
    cluster.kill_together(&[2])?;
    cluster.wait_formed(&[1], Duration::from_secs(20))?;
    fs::remove_file(&file)?;
    running.finish(BOUND)?;
    let inquorate = |cluster: &Cluster| Ok(!cluster.node(1)?.status()?.quorum.quorate);
    cluster.wait_until("inquorate", BOUND, inquorate).map(drop)
}
