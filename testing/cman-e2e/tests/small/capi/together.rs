//! Programs on several nodes.

use super::*;
use anyhow::ensure;
use cman_e2e::turn;

/// The same program on all nodes, at once. Returns what each printed.
fn on_all(cluster: &Cluster, program: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let program = Program::compile(cluster, &format!("tests/{program}"), Watched::No)?;
    let started: Result<Vec<_>> =
        cluster.nodes().map(|node| program.start(node, arguments)).collect();
    started?.into_iter().map(|running| running.finish(BOUND)).collect()
}

fn alike(printed: &[String]) -> Result<()> {
    let same = printed.windows(2).all(|pair| pair[0] == pair[1]);
    ensure!(same && printed.iter().all(|text| !text.is_empty()), "not in one order: {printed:?}");
    Ok(())
}

#[test]
fn messages_come_in_one_order_everywhere() -> Result<()> {
    let _turn = turn::shared()?;
    alike(&on_all(&formed(3)?, "peers", &["3", "2000"])?)
}

#[test]
fn messages_come_in_one_order_over_bad_paths() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed(3)?;
    cluster.lab_mut().loss_all(5.0)?;
    alike(&on_all(&cluster, "peers", &["3", "500"])?)
}

/// Whoever has bound a port hears of others that bind it and let go of it, also by dying; of a node
/// that dies only the members are told.
#[test]
fn ports_are_told_to_those_who_have_them() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed(3)?;
    let ports = Program::compile(&cluster, "tests/ports", Watched::No)?;
    let mut watching = ports.start(cluster.node(1)?, &["watch"])?;
    watching.wait_for("ready")?;
    let mut binding = Vec::new();
    for number in [2, 3] {
        let mut running = ports.start(cluster.node(number)?, &["bind"])?;
        running.wait_for("ready")?;
        watching.wait_for(&format!("opened {number}"))?;
        binding.push(running);
    }
    binding.remove(0).finish(BOUND)?;
    watching.wait_for("closed 2")?;
    cluster.kill_together(&[3])?;
    cluster.wait_formed(&[1, 2], Duration::from_secs(20))?;
    let mut again = ports.start(cluster.node(2)?, &["bind"])?;
    again.wait_for("ready")?;
    // The very next line: nothing was said of node 3.
    let next = watching.wait_for("")?;
    ensure!(next == "opened 2\n", "{next}");
    // Whoever is killed lets go, too.
    drop(again);
    watching.wait_for("closed 2").map(drop)
}

#[test]
fn all_nodes_pass_a_barrier_when_the_last_has_come() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed(3)?;
    let printed = on_all(&cluster, "barriers", &["all", "3"])?;
    ensure!(printed.iter().all(|text| text == "registered\n0 \n"), "{printed:?}");

    // One of those who must come is lost: the others are told, with a number of their own.
    let program = Program::compile(&cluster, "tests/barriers", Watched::No)?;
    let mut waiting = Vec::new();
    for number in [1, 2] {
        let mut running = program.start(cluster.node(number)?, &["lost", "3"])?;
        running.wait_for("registered")?;
        waiting.push(running);
    }
    cluster.kill_together(&[3])?;
    for running in waiting {
        let printed = running.finish(BOUND)?;
        ensure!(printed == "3 \n", "{printed:?}");
    }
    Ok(())
}
