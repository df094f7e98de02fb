//! What `cmand --record` writes is run again by the simulator, to the same outputs.

use anyhow::{Context, Result, ensure};
use cman_e2e::{built, cluster::Cluster, command::system_path, conf::Conf, load, node::Node, turn};
use serde::Deserialize;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

const FORMED_MAX: Duration = Duration::from_secs(30);
const LOAD_MAX: Duration = Duration::from_secs(60);
const LEAVE_MAX: Duration = Duration::from_secs(10);

/// What `cman-sim replay --json` prints.
#[derive(Deserialize, Debug)]
struct Replayed {
    node: u32,
    inputs: u64,
    compared: u64,
    ended: bool,
    equal: bool,
    error: Option<String>,
}

/// Starts the daemon of a node that writes its `life`-th recording.
fn start(node: &mut Node, life: u32) -> Result<PathBuf> {
    let path = node.state_dir().join(format!("life{life}.rec"));
    node.arguments = vec!["--record".to_owned(), path.display().to_string()];
    node.start()?;
    Ok(path)
}

fn run(node: &Node, recording: &Path) -> Result<Output> {
    let program = node.program("cman-sim");
    let mut command = Command::new(&program);
    command.env_clear().env("PATH", system_path());
    command.arg("replay").arg(recording).arg("--json");
    command.output().with_context(|| format!("cannot run {}", program.display()))
}

/// Replays a recording that is sound.
fn replay(node: &Node, recording: &Path) -> Result<Replayed> {
    let output = run(node, recording)?;
    let replayed: Replayed = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    ensure!(output.status.success() && replayed.equal, "{}: {replayed:?}", recording.display());
    ensure!(replayed.compared > 500 && replayed.inputs > 500, "nothing happened: {replayed:?}");
    Ok(replayed)
}

/// Messages from all nodes to one group, seen by all.
fn messages(cluster: &Cluster, nodes: &[usize]) -> Result<()> {
    let words = "send --group recorded --size 3000 --rate 200 --count 300 --members";
    let words = format!("{words} {}", nodes.len());
    let running: Result<Vec<_>> =
        nodes.iter().map(|&node| load::start(cluster.node(node)?, &words)).collect();
    running?.into_iter().try_for_each(|load| load.finish(LOAD_MAX).map(drop))
}

#[test]
fn recorded_daemons_are_replayed_to_the_same_outputs() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Conf::new(3).token(1000))?;
    let mut recordings = Vec::new();
    for number in 1..=3 {
        recordings.push((number, start(cluster.node_mut(number)?, 1)?));
    }
    cluster.wait_formed(&[1, 2, 3], FORMED_MAX)?;
    // So that something has to be asked for.
    cluster.lab_mut().loss(1, 2, 20.0)?;
    messages(&cluster, &[1, 2, 3])?;
    cluster.lab_mut().heal()?;
    cluster.node_mut(3)?.kill()?;
    cluster.wait_formed(&[1, 2], FORMED_MAX)?;
    messages(&cluster, &[1, 2])?;
    recordings.push((3, start(cluster.node_mut(3)?, 2)?));
    cluster.wait_formed(&[1, 2, 3], FORMED_MAX)?;
    messages(&cluster, &[1, 2, 3])?;
    for number in [3, 2, 1] {
        cluster.node_mut(number)?.stop(LEAVE_MAX)?;
    }

    let key = fs::read(cluster.node(1)?.keyfile())?;
    for (at, (number, recording)) in recordings.iter().enumerate() {
        let node = cluster.node(*number)?;
        let replayed = replay(node, recording)?;
        ensure!(u32::try_from(*number)? == replayed.node, "{replayed:?}");
        // The third was killed; the others left.
        ensure!(replayed.ended == (at != 2), "recording {at}: {replayed:?}");
        println!("node {number}: {} inputs, {} outputs", replayed.inputs, replayed.compared);
        let bytes = fs::read(recording)?;
        let holds_key = key.chunks_exact(16).any(|part| bytes.windows(16).any(|of| of == part));
        ensure!(!holds_key, "recording {at} holds the key");
    }
    damage_is_found(cluster.node(1)?, &recordings[0].1)
}

#[test]
fn a_node_that_leaves_alone_is_replayed_to_its_end() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Conf::new(1))?;
    let recording = start(cluster.node_mut(1)?, 1)?;
    cluster.wait_formed(&[1], FORMED_MAX)?;
    messages(&cluster, &[1])?;
    cluster.node_mut(1)?.stop(LEAVE_MAX)?;
    let replayed = replay(cluster.node(1)?, &recording)?;
    ensure!(replayed.ended, "{replayed:?}");
    Ok(())
}

/// One other byte, wherever it stands, is found.
fn damage_is_found(node: &Node, recording: &Path) -> Result<()> {
    let good = fs::read(recording)?;
    let copy = recording.with_extension("bad");
    for at in [good.len() / 3, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&copy, &bad)?;
        let output = run(node, &copy)?;
        ensure!(output.status.code() == Some(1), "byte {at}: {output:?}");
        let replayed: Replayed = serde_json::from_slice(&output.stdout)?;
        let error = replayed.error.context("an error")?;
        ensure!(!replayed.equal && error.contains("damaged"), "byte {at}: {error}");
    }
    Ok(())
}
