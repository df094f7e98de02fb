//! Messages to groups, through real daemons.

use anyhow::{Context, Result, ensure};
use cman_e2e::{
    built,
    cluster::Cluster,
    conf::Conf,
    load::{finish_alike, start},
    turn,
};
use rustix::process::{Pid, Signal, kill_process};
use std::{thread::sleep, time::Duration};

const BOUND: Duration = Duration::from_secs(60);

fn formed(nodes: usize) -> Result<Cluster> {
    let mut cluster = built::cluster(&Conf::new(nodes))?;
    cluster.start_all()?;
    let all: Vec<_> = (1..=nodes).collect();
    cluster.wait_formed(&all, Duration::from_secs(20))?;
    Ok(cluster)
}

#[test]
fn all_members_see_the_same_messages_of_all_sizes_in_the_same_order() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = formed(3)?;
    for (size, count) in [(0, 100), (64, 20_000), (1024, 5000), (65_536, 100), (4 << 20, 3)] {
        let mut running = Vec::new();
        for node in cluster.nodes() {
            // Everybody sends, and counts what all have sent.
            let words = format!("receive --group g{size} --count {} --members 6", 3 * count);
            running.push(start(node, &words)?);
        }
        let mut senders = Vec::new();
        for node in cluster.nodes() {
            let words = format!("send --group g{size} --size {size} --count {count} --members 6");
            senders.push(start(node, &words)?);
        }
        let loads = finish_alike(running, BOUND).with_context(|| format!("{size} bytes"))?;
        ensure!(loads.iter().all(|load| load.delivered == 3 * count), "{loads:?}");
        for sender in senders {
            ensure!(sender.finish(BOUND)?.sent == Some(count), "not all were sent");
        }
    }
    Ok(())
}

#[test]
fn a_stopped_client_holds_up_nobody() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = formed(3)?;
    let stopped = start(cluster.node(2)?, "receive --group g --count 1 --members 3")?;
    let pid = stopped.process().and_then(|process| Pid::from_raw(process.id().cast_signed()));
    let receiver = start(cluster.node(3)?, "receive --group g --count 3000 --members 3")?;
    // It is a member when the sender has begun, at the latest.
    sleep(Duration::from_secs(1));
    kill_process(pid.context("no such process")?, Signal::STOP)?;
    let words = "send --group g --size 65536 --count 3000 --members 3";
    let sender = start(cluster.node(1)?, words)?.finish(BOUND)?;
    ensure!(sender.delivered == 3000, "{sender:?}");
    ensure!(receiver.finish(BOUND)?.delivered == 3000, "the other receiver missed something");
    // It was told of 200 MB and has read nothing: its daemon has let it go, and lives.
    cluster.wait_until("a client let go", BOUND, |cluster| {
        Ok(cluster.node(2)?.log().contains("a client was let go"))
    })?;
    ensure!(!cluster.node(3)?.log().contains("let go"), "the wrong one was let go");
    ensure!(cluster.statuses(&[2]).pop().context("no answer")??.quorum.quorate, "node 2 is ill");
    Ok(())
}

#[test]
fn a_client_or_a_daemon_that_is_killed_leaves_its_groups_at_once() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed(3)?;
    let words = "receive --group g --count 1000000 --members 3";
    let killed = start(cluster.node(2)?, words)?;
    let _orphan = start(cluster.node(3)?, words)?;
    let words = "send --group g --size 64 --seconds 6 --rate 50 --members 3";
    let sender = start(cluster.node(1)?, words)?;
    sleep(Duration::from_secs(1));
    killed.kill()?;
    sleep(Duration::from_secs(1));
    cluster.node_mut(3)?.kill()?;
    let sender = sender.finish(BOUND)?;
    ensure!(sender.sent == Some(sender.delivered), "own messages are missing: {sender:?}");
    ensure!(sender.changes == 3, "all three, one that died, one whose node did: {sender:?}");
    Ok(())
}
