//! Nodes that carry state: parts of a cluster that were apart do not melt together (R-80m).

use anyhow::{Result, ensure};
use cman_client::{
    Socket,
    calls::Calls,
    ipc::{ClassicRequest, Reply, Request},
};
use cman_e2e::{
    attempt::expect_words, built, cases::Stage, cluster::Cluster, cluster::now_ns, conf::Conf, turn,
};
use std::{fs, thread::sleep, time::Duration};

/// How long anything may take here.
const SOON: Duration = Duration::from_secs(30);

const TOKEN_MS: u64 = 1000;

/// Exit status of a daemon that is out of the cluster.
const PUT_OUT: Option<i32> = Some(3);

/// Programs of these nodes carry state from now on.
fn mark(cluster: &Cluster, numbers: &[usize]) -> Result<()> {
    for &number in numbers {
        let run_dir = cluster.node(number)?.run_dir();
        let calls = Calls::open(&run_dir, Socket::Admin, "state")?;
        let reply = calls.ask(Request::Classic(ClassicRequest::SetDirty))?;
        ensure!(matches!(reply, Reply::Done), "node {number}: {reply:?}");
        ensure!(run_dir.join("dirty").exists(), "node {number} keeps no mark");
        let text = cluster.node(number)?.tool_prints(&["status"])?;
        expect_words(&text, &["Flags:", "Dirty"])?;
    }
    // Their coordinator hears of it at once.
    sleep(Duration::from_millis(TOKEN_MS / 4));
    Ok(())
}

fn states(cluster: &Cluster, number: usize) -> Result<Vec<String>> {
    Ok(cluster.node(number)?.nodes()?.into_iter().map(|row| row.state).collect())
}

#[test]
fn a_side_with_state_ends_when_it_meets_the_quorum() -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::of(&Conf::new(3).token(TOKEN_MS))?;
    mark(&stage.cluster, &[1, 2, 3])?;
    let away = stage.coordinator()?;
    let others = stage.others(&[away]);
    let since = now_ns();
    stage.cluster.lab_mut().partition(&[&others, &[away]])?;
    stage.watch.wait_formed(&others, &others, since, SOON)?;
    stage.watch.wait_view(&[away], &[away], since, SOON)?;
    sleep(Duration::from_millis(TOKEN_MS));

    let healed = now_ns();
    stage.cluster.lab_mut().heal()?;
    let ended = stage.cluster.node_mut(away)?.wait_exit(SOON)?;
    ensure!(ended.code() == PUT_OUT, "node {away} ended with {ended}");
    let log = stage.cluster.node(away)?.log();
    expect_words(&log, &["killed, because", "carries state", "reboot"])?;
    sleep(Duration::from_millis(TOKEN_MS * 2));
    let changes = stage.watch.most_changes(&others, healed)?;
    ensure!(changes.views == 0 && changes.quorum == 0, "the others noticed: {changes:?}");
    let told = others.iter().filter_map(|&other| stage.cluster.node(other).ok());
    let told = told.filter(|node| node.log().contains("is disallowed, and killed")).count();
    ensure!(told == 1, "{told} of the others say so in their logs");

    // Its daemon does not come back before a reboot, or by word of an administrator.
    stage.cluster.node_mut(away)?.start()?;
    let refused = stage.cluster.node_mut(away)?.wait_exit(SOON)?;
    ensure!(refused.code() == PUT_OUT, "started again it ended with {refused}");
    let log = stage.cluster.node(away)?.log();
    expect_words(&log, &["must not join", "reboot or fence this node"])?;
    stage.cluster.node_mut(away)?.arguments.push("--force-clean".to_owned());
    stage.restore(&[away])?;
    expect_words(&stage.cluster.node(away)?.log(), &["--force-clean says"])
}

#[test]
fn halves_with_state_stay_apart_until_one_is_restarted() -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::of(&Conf::new(4).token(TOKEN_MS))?;
    mark(&stage.cluster, &[1, 2, 3, 4])?;
    let since = now_ns();
    stage.cluster.lab_mut().partition(&[&[1, 2], &[3, 4]])?;
    stage.watch.wait_view(&[1, 2], &[1, 2], since, SOON)?;
    stage.watch.wait_view(&[3, 4], &[3, 4], since, SOON)?;
    sleep(Duration::from_millis(TOKEN_MS));
    let healed = now_ns();
    stage.cluster.lab_mut().heal()?;
    for (number, apart) in [(1, [2, 3]), (2, [2, 3]), (3, [0, 1]), (4, [0, 1])] {
        stage.cluster.wait_until("the others are disallowed", SOON, |cluster| {
            let states = states(cluster, number)?;
            Ok(apart.iter().all(|&at| states.get(at).is_some_and(|state| state == "disallowed")))
        })?;
    }
    sleep(Duration::from_millis(TOKEN_MS * 8));
    let changes = stage.watch.most_changes(&stage.all, healed)?;
    ensure!(changes.views == 0 && changes.quorum == 0, "somebody tried: {changes:?}");
    let text = stage.cluster.node(1)?.tool_prints(&["status"])?;
    expect_words(&text, &["DisallowedNodes", "Disallowed nodes: n3 n4", "Activity blocked"])?;
    let nodes = stage.cluster.node(1)?.tool_prints(&["nodes"])?;
    ensure!(nodes.lines().filter(|line| line.contains("   d ")).count() == 2, "{nodes}");

    stage.cluster.kill_together(&[3, 4])?;
    // As a reboot would.
    for number in [3, 4] {
        fs::remove_file(stage.cluster.node(number)?.run_dir().join("dirty"))?;
    }
    stage.restore(&[3, 4])?;
    let states = states(&stage.cluster, 1)?;
    ensure!(states.iter().all(|state| state == "member"), "{states:?}");
    Ok(())
}

#[test]
fn a_daemon_that_died_on_a_node_with_state_does_not_start_again() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Conf::new(1).token(TOKEN_MS))?;
    cluster.start_all()?;
    cluster.wait_formed(&[1], SOON)?;
    mark(&cluster, &[1])?;
    let node = cluster.node_mut(1)?;
    let file = node.run_dir().join("dirty");
    node.kill()?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    ensure!(fs::read_to_string(&file)?.contains(boot.trim()), "the mark names no boot");

    node.start()?;
    let refused = node.wait_exit(SOON)?;
    ensure!(refused.code() == PUT_OUT, "it ended with {refused}");
    expect_words(&node.log(), &["must not join", "--force-clean"])?;
    fs::write(&file, "what is this")?;
    node.start()?;
    let refused = node.wait_exit(SOON)?;
    ensure!(refused.code() == PUT_OUT, "it ended with {refused}");
    expect_words(&node.log(), &["cman-dirty-1", "expected in it"])?;

    // Another boot; and leaving in good order lets go of it.
    fs::write(&file, "cman-dirty-1 00000000-0000-4000-8000-000000000000\n")?;
    node.start()?;
    cluster.wait_formed(&[1], SOON)?;
    ensure!(!file.exists(), "the mark of another boot stays");
    mark(&cluster, &[1])?;
    cluster.node(1)?.tool_prints(&["leave", "-w"])?;
    let left = cluster.node_mut(1)?.wait_exit(SOON)?;
    ensure!(left.success() && !file.exists(), "{left}, and the mark stays: {}", file.exists());
    Ok(())
}
