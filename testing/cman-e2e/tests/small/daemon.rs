//! The daemon as a process: signals, readiness, what it says, what it leaves behind.

use anyhow::{Context, Result, ensure};
use cman_e2e::{
    attempt::{expect_nothing_left, expect_words},
    built,
    cases::{Scale, Stage},
    cluster::now_ns,
    conf::Conf,
    turn,
};
use rustix::process::Signal;
use std::{
    fs,
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

/// How long anything may take here.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn signals_mean_a_clean_leave() -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::new(&Scale::short(), 3)?;
    let mut leavers = stage.by_rank()?;
    for signal in [Signal::TERM, Signal::INT] {
        let leaver = leavers.pop().context("nobody left")?;
        let stayers = stage.others(&[leaver]);
        let since = now_ns();
        stage.cluster.node(leaver)?.signal(signal)?;
        stage.watch.wait_view(&stayers, &stayers, since, SOON)?;
        let status = stage.cluster.node_mut(leaver)?.wait_exit(SOON)?;
        ensure!(status.code() == Some(0), "after {signal:?} it ended with {status}");
        expect_nothing_left(&stage.cluster.node(leaver)?.run_dir())?;
        let reasons = stage.watch.views(stayers.first().copied().unwrap_or(1), since)?;
        let reason = reasons.first().map(|view| view.fields["reasons"][0]["reason"].to_string());
        ensure!(reason.as_deref() == Some("\"left\""), "the reason was {reason:?}");
        stage.watch.remove(leaver);
        stage.all = stayers;
    }
    Ok(())
}

#[test]
fn a_lonely_candidate_ends_when_told_to() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Conf::new(3))?;
    cluster.node_mut(1)?.start()?;
    let socket = cluster.node(1)?.run_dir().join("cman.sock");
    cluster.wait_until("a socket", SOON, |_| Ok(fs::exists(&socket)?))?;
    let start = Instant::now();
    let status = cluster.node_mut(1)?.stop(SOON)?;
    ensure!(status.code() == Some(0), "it ended with {status}");
    ensure!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    expect_nothing_left(&cluster.node(1)?.run_dir())
}

#[test]
fn a_service_manager_is_told() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = built::cluster(&Conf::new(1).token(500))?;
    let node = cluster.node(1)?;
    let path = cluster.lab().directory().join("notify");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(SOON))?;
    let mut command = cluster.lab().command(1, built::programs()?.cmand);
    command.args(["--foreground", "--name", "n1", "--config"]).arg(node.config());
    command.arg("--keyfile").arg(node.keyfile()).env("NOTIFY_SOCKET", &path);
    command.arg("--run-dir").arg(node.run_dir()).arg("--state-dir").arg(node.state_dir());
    let mut daemon = command.stderr(fs::File::create(node.log_file())?).spawn()?;
    let ready = wait_for(&socket, "READY=1");
    let answers = node.status();
    let pid = rustix::process::Pid::from_child(&daemon);
    rustix::process::kill_process(pid, Signal::TERM)?;
    let stopping = wait_for(&socket, "STOPPING=1");
    let status = daemon.wait()?;
    ready.and(stopping)?;
    answers.context("it was ready and did not answer")?;
    ensure!(status.code() == Some(0), "it ended with {status}");
    Ok(())
}

fn wait_for(socket: &UnixDatagram, word: &str) -> Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let length = socket.recv(&mut buffer).with_context(|| format!("no {word}"))?;
        let said = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
        if said.lines().any(|line| line == word) {
            return Ok(());
        }
    }
}

#[test]
fn the_log_explains_a_death() -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::new(&Scale::short(), 3)?;
    let victim = stage.ordinary()?.last().copied().unwrap_or(3);
    let survivors = stage.others(&[victim]);
    let since = now_ns();
    stage.cluster.kill_together(&[victim])?;
    stage.watch.wait_view(&survivors, &survivors, since, SOON)?;
    for number in survivors {
        let log = stage.cluster.node(number)?.log();
        let told = log.lines().rfind(|line| line.contains(&format!("node {victim}")));
        let told = told.context("no line about it")?;
        expect_words(told, &["silent", "ms", "node"])?;
        let view = stage.watch.views(number, since)?;
        let reason = view.first().map(|view| view.fields["reasons"][0].to_string());
        expect_words(&reason.unwrap_or_default(), &["silent"])?;
    }
    Ok(())
}
