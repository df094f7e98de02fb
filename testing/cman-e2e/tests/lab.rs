//! The lab itself: a test on a broken laboratory proves nothing.

use anyhow::Result;
use cman_e2e::{command::run, lab::Lab};

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
