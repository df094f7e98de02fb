//! What a start says instead of the configuration, as in 2009.

use anyhow::{Context, Result, ensure};
use cman_e2e::{attempt::refused, built, cluster::Cluster, conf::Conf, turn};
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long anything may take here.
const SOON: Duration = Duration::from_secs(20);

fn alone() -> Result<Cluster> {
    built::cluster(&Conf::new(1).token(500))
}

/// `cman_tool join` for node 1, which is alone in its configuration.
fn join(cluster: &Cluster) -> Result<Command> {
    let node = cluster.node(1)?;
    let mut command = node.tool_command();
    command.args(["join", "-w", "-t", "20", "-n", "n1", "--config"]).arg(node.config());
    command.arg("--state-dir").arg(node.state_dir()).arg("-k").arg(node.keyfile());
    Ok(command)
}

#[test]
fn options_and_environment_of_2009_stand_above_the_configuration() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = alone()?;
    let node = cluster.node(1)?;
    let mut command = join(&cluster)?;
    command.args(["-c", "beta", "-m", "239.9.9.9", "-N", "7", "-P"]).env("CMAN_IP_PORT", "6809");
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let status = node.tool_prints(&["status"])?;
    for line in ["Cluster Name: beta", "Node ID: 7", "Multicast addresses: 239.9.9.9"] {
        ensure!(status.contains(line), "{line} is not in {status}");
    }
    let json = node.tool_prints(&["status", "--json"])?;
    ensure!(json.contains("\"port\": 6809") || json.contains("\"port\":6809"), "{json}");
    node.tool_prints(&["leave", "-w"])?;
    Ok(())
}

#[test]
fn votes_are_asked_of_the_cluster_once_the_node_is_a_member() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Conf::new(2).token(500))?;
    cluster.node_mut(2)?.start()?;
    let output = join(&cluster)?.args(["-q", "-v", "2", "-e", "3"]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for number in [1, 2] {
        let node = cluster.node(number)?;
        let deadline = Instant::now() + SOON;
        let wanted = ["Total votes: 3", "Expected votes: 3"];
        loop {
            let status = node.tool_prints(&["status"])?;
            if wanted.iter().all(|line| status.contains(line)) {
                break;
            }
            ensure!(Instant::now() < deadline, "node {number}: {status}");
            sleep(Duration::from_millis(50));
        }
    }
    cluster.node(1)?.tool_prints(&["leave", "-w"])?;
    Ok(())
}

#[test]
fn what_cannot_stand_above_the_configuration_is_refused() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = alone()?;
    refused(join(&cluster)?.arg("-2"), 1, &["two nodes", "1 nodes"])?;
    refused(join(&cluster)?.arg("-X"), 1, &["-X", "cluster.conf"])?;
    refused(join(&cluster)?.env("CMAN_NOCONFIG", "true"), 1, &["CMAN_NOCONFIG", "cluster.conf"])?;
    refused(join(&cluster)?.args(["-p", "1"]), 1, &["--port", "2.."])?;
    Ok(())
}

/// As `cman_tool` of 2009 started the daemon: with a pipe that it waits on.
fn started_with_pipe(cluster: &Cluster, config: &str) -> Result<Command> {
    let node = cluster.node(1)?;
    let mut command = cluster.lab().command(1, "sh");
    let script = "CMAN_PIPE=3 exec \"$@\" 3>&1 >/dev/null 2>&1";
    command.args(["-c", script, "sh"]).arg(&built::programs()?.cmand);
    command.args(["-f", "--name", "n1", "--config", config]).arg("--keyfile").arg(node.keyfile());
    command.arg("--run-dir").arg(node.run_dir()).arg("--state-dir").arg(node.state_dir());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    Ok(command)
}

#[test]
fn who_waits_on_a_pipe_is_told_how_the_start_went() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = alone()?;
    let node = cluster.node(1)?;
    let config = node.config().display().to_string();
    let mut daemon = started_with_pipe(&cluster, &config)?.spawn()?;
    let mut line = String::new();
    BufReader::new(daemon.stdout.take().context("piped")?).read_line(&mut line)?;
    ensure!(line == format!("SUCCESS: {}\n", daemon.id()), "{line}");
    node.tool_prints(&["wait", "-t", &SOON.as_secs().to_string()])?;
    node.tool_prints(&["leave", "-w"])?;
    ensure!(daemon.wait()?.success());

    let said = started_with_pipe(&cluster, "/nonexistent")?.output()?.stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    ensure!(said.contains("cannot read the configuration /nonexistent"), "{said}");
    ensure!(!said.contains("SUCCESS"), "{said}");
    Ok(())
}
