//! The lab itself: a test on a broken laboratory proves nothing.

use anyhow::Result;
use cman_e2e::{
    command::{run, system_command},
    lab::Lab,
};
use std::fs;

/// How many frames reach `to` while `from` sends five to a multicast group.
fn multicast_received(lab: &Lab, from: usize, to: usize) -> Result<u64> {
    let before = lab.traffic(to)?.packets_received;
    let mut command = lab.command(from, "ping");
    // Nobody answers; only the counter tells.
    command.args(["-c", "5", "-i", "0.01", "-W", "0.1", "-I", "eth0", "239.192.7.7"]).output()?;
    Ok(lab.traffic(to)?.packets_received - before)
}

/// Whether `from` gets an answer from `to`.
fn pings(lab: &Lab, from: usize, to: usize) -> Result<bool> {
    let mut command = lab.command(from, "ping");
    command.args(["-c", "1", "-W", "1", &Lab::address(to)]);
    Ok(command.output()?.status.success())
}

#[test]
fn faults_take_effect_and_heal() -> Result<()> {
    let mut lab = Lab::new(3)?;
    assert!(pings(&lab, 1, 2)? && pings(&lab, 2, 3)?);
    lab.partition(&[&[1], &[2, 3]])?;
    assert!(!pings(&lab, 1, 2)? && pings(&lab, 2, 3)?);
    lab.heal()?;
    lab.one_way(1, 2)?;
    assert!(!pings(&lab, 2, 1)? && pings(&lab, 1, 3)?);
    lab.heal()?;
    lab.loss(1, 2, 100.0)?;
    assert!(!pings(&lab, 1, 2)? && pings(&lab, 1, 3)?);
    lab.heal()?;
    assert!(multicast_received(&lab, 1, 2)? >= 5);
    lab.block_multicast(2)?;
    assert!(multicast_received(&lab, 1, 2)? < 5 && multicast_received(&lab, 1, 3)? >= 5);
    assert!(pings(&lab, 1, 2)?, "unicast passes where multicast is blocked");
    assert!(lab.traffic(1)?.packets_sent > 0);
    Ok(())
}

#[test]
fn labs_stand_side_by_side_and_leave_nothing() -> Result<()> {
    let first = Lab::new(2)?;
    let second = Lab::new(2)?;
    let (a, b) = (first.namespace(1), second.namespace(1));
    assert_ne!(a, b);
    // A program that would outlive the test.
    let mut sleeper = first.command(1, "sleep").arg("1000").spawn()?;
    let directory = first.directory().to_owned();
    drop(first);
    assert!(!sleeper.wait()?.success(), "the lab ends what runs in it");
    assert!(!directory.exists());
    let left = run("ip", &["netns", "list"])?;
    assert!(!left.contains(&a) && left.contains(&b));
    Ok(())
}

/// The entries of a node's table of neighbours that are in this state.
fn neighbours(lab: &Lab, node: usize, state: &str) -> Result<Vec<String>> {
    let shown = run("ip", &["-n", &lab.namespace(node), "neigh", "show", "nud", state])?;
    Ok(shown.lines().map(str::to_owned).collect())
}

#[test]
fn nobody_has_to_ask_for_a_hardware_address() -> Result<()> {
    let lab = Lab::new(3)?;
    for node in 1..=3 {
        for other in (1..=3).filter(|other| *other != node) {
            assert!(pings(&lab, node, other)?, "{other} is not where {node} looks for it");
        }
        assert_eq!(neighbours(&lab, node, "permanent")?.len(), 4, "two each by IPv4 and IPv6");
        // What the machine's table of neighbours counts, and drops packets for when it is full.
        for state in ["reachable", "stale", "delay", "probe", "incomplete", "failed"] {
            let counted = neighbours(&lab, node, state)?;
            assert!(counted.is_empty(), "node {node} had to ask: {counted:?}");
        }
    }
    Ok(())
}

/// Higher than any pid that Linux allows.
const NO_PID: u32 = 4_194_305;

#[test]
fn what_a_killed_owner_left_is_swept_and_nothing_else() -> Result<()> {
    let own = std::process::id();
    let left_by_dead =
        [format!("cman-lab-{NO_PID}-{own}-node1"), format!("cman-sandbox-{NO_PID}-{own}-node1")];
    let of_others = [format!("cman-lab-{own}-x-node1"), format!("cman-other-{NO_PID}-{own}")];
    for namespace in left_by_dead.iter().chain(&of_others) {
        run("ip", &["netns", "add", namespace])?;
    }
    let [left, _] = &left_by_dead;
    let mut orphan = system_command("ip").args(["netns", "exec", left, "sleep", "1000"]).spawn()?;
    let directory = std::env::temp_dir().join(left);
    fs::create_dir(&directory)?;

    let made = Lab::new(1);
    let listed = run("ip", &["netns", "list"])?;
    let ended = orphan.try_wait()?;
    orphan.kill()?;
    orphan.wait()?;
    for namespace in &of_others {
        run("ip", &["netns", "delete", namespace])?;
    }
    made?;
    for namespace in &left_by_dead {
        assert!(!listed.contains(namespace), "{namespace} is still there");
    }
    for namespace in &of_others {
        assert!(listed.contains(namespace), "{namespace} was somebody else's");
    }
    assert!(ended.is_some(), "what ran there still runs");
    assert!(!directory.exists(), "{} is still there", directory.display());
    Ok(())
}
