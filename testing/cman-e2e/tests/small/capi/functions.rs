//! Each function, with success and with each documented error.

use super::*;
use cman_e2e::turn;

/// On one node alone.
fn alone(watched: Watched) -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = formed(1)?;
    for program in ["handles", "data", "device", "barriers", "threads"] {
        at_first(&cluster, watched, program, &[])?;
    }
    Ok(())
}

/// On three nodes, of which one goes.
fn with_others(watched: Watched) -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed(3)?;
    at_first(&cluster, watched, "queries", &["3"])?;
    at_first(&cluster, watched, "events", &[])?;
    let next = Conf { version: 2, ..Conf::new(3) };
    cluster.nodes().try_for_each(|node| node.configure(&next))?;
    at_first(&cluster, watched, "administration", &["reload"])?;
    cluster.kill_together(&[3])?;
    cluster.wait_formed(&[1, 2], Duration::from_secs(20))?;
    at_first(&cluster, watched, "queries", &["2", "2"])?;
    for topic in ["votes", "version", "fencing", "debugging", "killing", "dirt"] {
        at_first(&cluster, watched, "administration", &[topic])?;
    }
    Ok(())
}

/// Daemons that end in every way there is.
fn endings(watched: Watched) -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed(1)?;
    let ways: [(&str, &[&str]); 3] =
        [("shutdown", &[]), ("ended", &["leave"]), ("ended", &["kill", "1"])];
    for (program, arguments) in ways {
        at_first(&cluster, watched, program, arguments)?;
        cluster.node_mut(1)?.wait_exit(Duration::from_secs(10))?;
        cluster.node_mut(1)?.start()?;
        cluster.wait_formed(&[1], Duration::from_secs(20))?;
    }
    let program = Program::compile(&cluster, "tests/ended", watched)?;
    let mut running = program.start(cluster.node(1)?, &["wait"])?;
    running.wait_for("ready")?;
    cluster.kill_together(&[1])?;
    running.finish(BOUND).map(drop)
}

#[test]
fn each_function_does_what_it_says_alone() -> Result<()> {
    alone(Watched::No)
}

#[test]
fn each_function_does_what_it_says_with_others() -> Result<()> {
    with_others(Watched::No)
}

#[test]
fn each_function_knows_when_the_daemon_has_ended() -> Result<()> {
    endings(Watched::No)
}

#[test]
fn the_sanitizer_finds_nothing_alone() -> Result<()> {
    alone(Watched::Sanitized)
}

#[test]
fn the_sanitizer_finds_nothing_with_others() -> Result<()> {
    with_others(Watched::Sanitized)
}

#[test]
fn the_sanitizer_finds_nothing_at_the_end() -> Result<()> {
    endings(Watched::Sanitized)
}

#[test]
fn valgrind_finds_nothing_alone() -> Result<()> {
    alone(Watched::Valgrind)
}

#[test]
fn valgrind_finds_nothing_with_others() -> Result<()> {
    with_others(Watched::Valgrind)
}

#[test]
fn valgrind_finds_nothing_at_the_end() -> Result<()> {
    endings(Watched::Valgrind)
}

#[test]
fn programs_of_both_generations_run() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = formed(3)?;
    for library in ["libcman.so.2", "libcman.so.3"] {
        let program = Program::compile_for(&cluster, "tests/queries", Watched::No, library)?;
        program.succeeds(cluster.node(1)?, &["3"], BOUND)?;
    }
    Ok(())
}
