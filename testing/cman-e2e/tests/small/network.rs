//! The network itself: IPv6, a pulled cable, an address that goes away.

use anyhow::{Result, ensure};
use cman_e2e::{
    built,
    cases::{Scale, Stage},
    cluster::now_ns,
    command::run,
    lab::Lab,
    turn,
};
use std::{fs::File, thread::sleep, time::Duration};

/// How long anything may take here.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_cluster_of_ipv6() -> Result<()> {
    let _turn = turn::shared()?;
    let scale = Scale::short();
    let mut cluster = built::cluster(&scale.conf(3))?;
    let names: String = (1..=3).map(|n| format!("fd77::{n} {}\n", Lab::name(n))).collect();
    for number in 1..=3 {
        cluster.lab().write_hosts(number, &format!("::1 localhost\n{names}"))?;
    }
    cluster.start_all()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    let link = cluster.node(2)?.status()?.raw["links"][0].clone();
    ensure!(link["address"] == "fd77::2", "the link is {link}");
    ensure!(link["multicast"].as_str().is_some_and(|m| m.starts_with("ff15::")), "it is {link}");

    let mut stage = Stage::adopt(cluster, &[1, 2, 3])?;
    let since = now_ns();
    let coordinator = stage.coordinator()?;
    stage.cluster.kill_together(&[coordinator])?;
    let survivors = stage.others(&[coordinator]);
    stage.watch.wait_formed(&survivors, &survivors, since, SOON)?;
    Ok(())
}

/// What a node says of its link; of one that is down also why.
fn expect_link(stage: &Stage, number: usize, up: bool) -> Result<()> {
    let status = stage.cluster.node(number)?.status()?.raw;
    ensure!(status["links"][0]["up"] == up, "the link is {}", status["links"]);
    let alarms = status["alarms"].to_string();
    ensure!(alarms.contains("no carrier") != up, "the alarms are {alarms}");
    Ok(())
}

/// Pulls the cable of one node and plugs it in again.
fn pull_cable(coordinator: bool) -> Result<()> {
    let _turn = turn::shared()?;
    let stage = Stage::new(&Scale::short(), 3)?;
    let ranked = stage.by_rank()?;
    let unplugged = if coordinator { ranked.first() } else { ranked.last() };
    let unplugged = unplugged.copied().unwrap_or(1);
    let others = stage.others(&[unplugged]);
    let since = now_ns();
    stage.cluster.lab().plug(unplugged, false)?;
    stage.watch.wait_inquorate(&[unplugged], since, SOON)?;
    stage.watch.wait_formed(&others, &others, since, SOON)?;
    ensure!(!stage.cluster.node(unplugged)?.status()?.quorum.quorate, "it claims quorum");
    expect_link(&stage, unplugged, false)?;
    let since = now_ns();
    stage.cluster.lab().plug(unplugged, true)?;
    stage.watch.wait_formed(&stage.all, &stage.all, since, SOON)?;
    expect_link(&stage, unplugged, true)?;
    Ok(())
}

#[test]
fn the_cable_of_a_member_is_pulled() -> Result<()> {
    pull_cable(false)
}

#[test]
fn the_cable_of_the_coordinator_is_pulled() -> Result<()> {
    pull_cable(true)
}

#[test]
fn an_address_that_goes_away_and_comes_back() -> Result<()> {
    let _turn = turn::shared()?;
    let stage = Stage::new(&Scale::short(), 3)?;
    let loser = stage.ordinary()?.last().copied().unwrap_or(3);
    let others = stage.others(&[loser]);
    let namespace = stage.cluster.lab().namespace(loser);
    let address = format!("{}/24", Lab::address(loser));
    let change = |how| run("ip", &["-n", &namespace, "addr", how, &address, "dev", "eth0"]);

    let since = now_ns();
    change("del")?;
    stage.watch.wait_inquorate(&[loser], since, SOON)?;
    stage.watch.wait_formed(&others, &others, since, SOON)?;
    let since = now_ns();
    change("add")?;
    stage.watch.wait_formed(&stage.all, &stage.all, since, SOON)?;
    Ok(())
}

#[test]
fn two_daemons_on_one_machine() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = built::cluster(&Scale::short().conf(3))?;
    // Node 2 lives on the machine of node 1, with an address of its own.
    let second = "10.77.0.102";
    let namespace = cluster.lab().namespace(1);
    run("ip", &["-n", &namespace, "addr", "add", &format!("{second}/24"), "dev", "eth0"])?;
    let (one, three) = (Lab::address(1), Lab::address(3));
    for number in [1, 3] {
        let hosts = format!("127.0.0.1 localhost\n{one} n1\n{second} n2\n{three} n3\n");
        cluster.lab().write_hosts(number, &hosts)?;
    }
    let mut daemons = Vec::new();
    for (machine, number) in [(1, 1), (1, 2), (3, 3)] {
        let node = cluster.node(number)?;
        let mut daemon = cluster.lab().command(machine, built::programs()?.cmand);
        daemon.args(["--foreground", "--name", &Lab::name(number), "--config"]).arg(node.config());
        daemon.arg("--keyfile").arg(node.keyfile()).arg("--run-dir").arg(node.run_dir());
        daemon.arg("--state-dir").arg(node.state_dir());
        daemons.push(daemon.stderr(File::create(node.log_file())?).spawn()?);
    }
    let formed = cluster.wait_formed(&[1, 2, 3], SOON);
    sleep(Duration::from_secs(4));
    let views = cluster.statuses(&[1, 2, 3]).into_iter().map(|status| Ok(status?.view));
    let views: Result<Vec<_>> = views.collect();
    for daemon in &mut daemons {
        daemon.kill()?;
        daemon.wait()?;
    }
    formed?;
    for view in views? {
        let members = view.map(|view| view.members);
        ensure!(members == Some(vec![1, 2, 3]), "they fell apart: {members:?}");
    }
    Ok(())
}

/// What happens in half a minute and more elsewhere: an address is doubted after a second or less,
/// asked for again a second later, and given up after three more.
const FORGETFUL: &str = "cd /proc/sys/net/ipv4/neigh/eth0 &&
    echo 500 > base_reachable_time_ms && echo 1 > delay_first_probe_time";

#[test]
fn hardware_addresses_that_must_be_asked_for() -> Result<()> {
    let _turn = turn::shared()?;
    let scale = Scale::short();
    let mut cluster = built::cluster(&scale.conf(3))?;
    for number in 1..=3 {
        let namespace = cluster.lab().namespace(number);
        run("ip", &["-n", &namespace, "neigh", "flush", "dev", "eth0", "nud", "permanent"])?;
        let known = run("ip", &["-n", &namespace, "neigh", "show", "nud", "permanent"])?;
        ensure!(known.is_empty(), "node {number} still knows\n{known}");
        run("ip", &["netns", "exec", &namespace, "sh", "-c", FORGETFUL])?;
    }
    cluster.start_all()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    let mut stage = Stage::adopt(cluster, &[1, 2, 3])?;
    stage.watch.expect_quiet(&stage.all, scale.tokens(6.0))?;

    let lost = stage.ordinary()?.last().copied().unwrap_or(3);
    let others = stage.others(&[lost]);
    let since = now_ns();
    stage.cluster.lab_mut().partition(&[&[lost], &others])?;
    stage.watch.wait_formed(&others, &others, since, SOON)?;
    sleep(Duration::from_secs(6));
    let since = now_ns();
    stage.cluster.lab_mut().heal()?;
    stage.watch.wait_formed(&stage.all, &stage.all, since, SOON)?;
    stage.watch.expect_quiet(&stage.all, scale.tokens(3.0))?;
    ensure!(stage.watch.most_changes(&others, since)?.quorum == 0, "quorum changed on healing");
    Ok(())
}
