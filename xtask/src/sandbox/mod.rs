//! `sandbox`: a cluster on this machine to look at, to talk to and to hurt.
//!
//! Everything is made in network namespaces of its own and removed at the end, whatever the end
//! is: Ctrl-C at any moment, a second Ctrl-C, a termination signal, or an error. What a sandbox
//! that was killed (`kill -9`) leaves is removed when the next lab is made.
//!
//! | module | what |
//! |---|---|
//! | [`guide`] | how to talk to a node, and how to hurt it |
//! | [`interrupt`] | Ctrl-C and its relatives |
//! | [`screen`] | what is drawn |
//! | [`watched`] | a node as it is watched: state, events, restart |

mod guide;
pub(crate) mod interrupt;
mod screen;
mod watched;

use crate::{packages, repository};
use anyhow::{Context, Result, ensure};
use cman_e2e::{
    cluster::Cluster,
    lab::{Lab, NODES_MAX},
    node::Programs,
};
use interrupt::Interrupt;
use std::{
    io::{IsTerminal, stdout},
    time::{Duration, Instant},
};
use watched::Watched;

/// How often the cluster is looked at.
const REFRESH: Duration = Duration::from_secs(1);

/// How long `--once` waits for the cluster, and per node on top, for slow machines.
const FORMED_MAX: Duration = Duration::from_secs(30);
const FORMED_MAX_PER_NODE: Duration = Duration::from_secs(1);

/// Log lines that are shown of a daemon that ended.
const TAIL_LINES: usize = 15;

/// What `cargo xtask sandbox` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=250))]
    nodes: u16,
    /// Wait until all nodes are members, print `cman_tool nodes` of node 1, and end
    #[arg(long)]
    once: bool,
    /// Milliseconds of silence after which a node is dead, if not the default (200 to 300000)
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(200..=300_000))]
    token: Option<u64>,
}

/// Starts the cluster and shows it until interrupted.
pub(crate) fn run(options: &Options) -> Result<()> {
    packages::ensure_root("the sandbox", "run it with sudo")?;
    packages::ensure(packages::LAB)?;
    let interrupt = Interrupt::catch()?;
    let programs = build(&interrupt)?;
    let mut cluster = create(options, &programs, &interrupt)?;
    for node in cluster.nodes_mut() {
        interrupt.check()?;
        node.start()?;
    }
    if options.once {
        return once(&mut cluster, &interrupt);
    }
    let shown = show(&mut cluster, &interrupt);
    println!("\nremoving the sandbox");
    // A program that the same Ctrl-C ended is no failure.
    if interrupt.raised() { Ok(()) } else { shown }
}

/// Builds the programs, unless `CMAN_BIN_DIR` says where to take them from.
fn build(interrupt: &Interrupt) -> Result<Programs> {
    if std::env::var_os("CMAN_BIN_DIR").is_some() {
        return Programs::find();
    }
    let directory = repository::target().join("release");
    let first = !directory.join("cmand").exists();
    let patience = if first { ", which takes some minutes the first time" } else { "" };
    println!("building cmand and cman_tool{patience}");
    let mut cargo = repository::cargo();
    cargo.args(["build", "--release", "--package", "cmand", "--package", "cman_tool"]);
    ensure!(interrupt.run(&mut cargo)?.success(), "the build failed");
    Programs::in_directory(&directory)
}

fn create(options: &Options, programs: &Programs, interrupt: &Interrupt) -> Result<Cluster> {
    let count = usize::from(options.nodes);
    ensure!(count <= NODES_MAX, "a sandbox has at most {NODES_MAX} nodes");
    let names: Vec<_> = (1..=count).map(Lab::name).collect();
    let nodes: Vec<_> = (1_u32..).zip(names.iter().map(String::as_str)).collect();
    let conf = cman_config::template("sandbox", &nodes, options.token);
    println!("making a network of {count} nodes");
    let prefix = format!("cman-sandbox-{}", std::process::id());
    let lab = Lab::named(&prefix, count, || interrupt.check())?;
    guide::prepare(&lab)?;
    let mut cluster = Cluster::in_lab(lab, &conf, programs)?;
    for node in cluster.nodes_mut() {
        // Ctrl-C ends the sandbox, and the sandbox its daemons.
        node.own_process_group = true;
    }
    Ok(cluster)
}

fn once(cluster: &mut Cluster, interrupt: &Interrupt) -> Result<()> {
    let all: Vec<_> = cluster.nodes().map(cman_e2e::node::Node::number).collect();
    let count = u32::try_from(all.len())?;
    println!("waiting until all are members");
    let bound = FORMED_MAX + FORMED_MAX_PER_NODE * count;
    let took = wait_formed(cluster, &all, bound, interrupt)?;
    println!("all {count} nodes are members and quorate after {:.2} s", took.as_secs_f64());
    print!("{}", cluster.node(1)?.tool_prints(&["nodes"])?);
    Ok(())
}

/// Waits until all are members and quorate, but not for a daemon that has ended.
fn wait_formed(
    cluster: &mut Cluster,
    all: &[usize],
    bound: Duration,
    interrupt: &Interrupt,
) -> Result<Duration> {
    let start = Instant::now();
    loop {
        let outcome = cluster.wait_formed(all, REFRESH);
        // Before anything else: the same Ctrl-C may have ended the tool that was asking.
        interrupt.check()?;
        if outcome.is_ok() {
            return Ok(start.elapsed());
        }
        for node in cluster.nodes_mut() {
            let (number, ended) = (node.number(), !node.is_running());
            ensure!(!ended, "the daemon of node {number} has ended\n{}", node.log_tail(TAIL_LINES));
        }
        if start.elapsed() > bound {
            return outcome.with_context(|| format!("waited for {bound:?}"));
        }
    }
}

fn show(cluster: &mut Cluster, interrupt: &Interrupt) -> Result<()> {
    let live = stdout().is_terminal();
    if !live {
        println!("{}", guide::text(cluster)?);
    }
    let start = Instant::now();
    let mut watched: Vec<_> = cluster.nodes().map(|_| Watched::default()).collect();
    while !interrupt.raised() {
        for (node, watched) in cluster.nodes_mut().zip(&mut watched) {
            // A daemon that somebody stopped lets each question wait.
            interrupt.check()?;
            watched.look(node)?;
        }
        if live {
            // Anew each time: a daemon that was started again has another pid.
            screen::draw(&watched, &guide::text(cluster)?, start.elapsed());
        } else {
            screen::print_news(&mut watched);
        }
        interrupt.wait(REFRESH);
    }
    Ok(())
}
