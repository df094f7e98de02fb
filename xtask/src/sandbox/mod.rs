//! `sandbox`: a cluster on this machine to look at, to talk to and to hurt.
//!
//! Everything is made in network namespaces of its own and removed at the end, whatever the end
//! is: Ctrl-C, a second Ctrl-C, a termination signal, or an error.
//!
//! | module | what |
//! |---|---|
//! | [`guide`] | how to talk to a node, and how to hurt it |
//! | [`screen`] | what is drawn |
//! | [`watched`] | a node as it is watched: state, events, restart |

mod guide;
mod screen;
mod watched;

use crate::{packages, repository};
use anyhow::{Context, Result, ensure};
use cman_e2e::{
    cluster::Cluster,
    lab::{Lab, NODES_MAX},
    node::Programs,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag::register,
};
use std::{
    io::{IsTerminal, stdout},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
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
    let programs = build()?;
    // Only from here on is there anything to clean up; before, a signal simply ends us.
    let interrupted = catch_signals()?;
    let mut cluster = create(options, &programs)?;
    cluster.start_all()?;
    if options.once {
        return once(&mut cluster);
    }
    let shown = show(&mut cluster, &interrupted);
    println!("\nremoving the sandbox");
    shown
}

/// Builds the programs, unless `CMAN_BIN_DIR` says where to take them from.
fn build() -> Result<Programs> {
    if std::env::var_os("CMAN_BIN_DIR").is_some() {
        return Programs::find();
    }
    println!("building cmand and cman_tool");
    let mut cargo = repository::cargo();
    cargo.args(["build", "--release", "--package", "cmand", "--package", "cman_tool"]);
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(status.success(), "the build failed");
    Programs::in_directory(&repository::target().join("release"))
}

/// A flag that SIGINT, SIGTERM and SIGHUP raise, as often as they come, instead of ending us.
fn catch_signals() -> Result<Arc<AtomicBool>> {
    let raised = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        register(signal, Arc::clone(&raised)).context("cannot handle signals")?;
    }
    Ok(raised)
}

fn create(options: &Options, programs: &Programs) -> Result<Cluster> {
    let count = usize::from(options.nodes);
    ensure!(count <= NODES_MAX, "a sandbox has at most {NODES_MAX} nodes");
    let names: Vec<_> = (1..=count).map(Lab::name).collect();
    let nodes: Vec<_> = (1_u32..).zip(names.iter().map(String::as_str)).collect();
    let conf = cman_config::template("sandbox", &nodes, options.token);
    let lab = Lab::named(&format!("cman-sandbox-{}", std::process::id()), count)?;
    guide::prepare(&lab)?;
    let mut cluster = Cluster::in_lab(lab, &conf, programs)?;
    for node in cluster.nodes_mut() {
        // Ctrl-C ends the sandbox, and the sandbox its daemons.
        node.own_process_group = true;
    }
    Ok(cluster)
}

fn once(cluster: &mut Cluster) -> Result<()> {
    let all: Vec<_> = cluster.nodes().map(cman_e2e::node::Node::number).collect();
    let count = u32::try_from(all.len())?;
    let took = wait_formed(cluster, &all, FORMED_MAX + FORMED_MAX_PER_NODE * count)?;
    println!("all {count} nodes are members and quorate after {:.2} s", took.as_secs_f64());
    print!("{}", cluster.node(1)?.tool_prints(&["nodes"])?);
    Ok(())
}

/// Waits until all are members and quorate, but not for a daemon that has ended.
fn wait_formed(cluster: &mut Cluster, all: &[usize], bound: Duration) -> Result<Duration> {
    let start = Instant::now();
    loop {
        let outcome = cluster.wait_formed(all, REFRESH);
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

fn show(cluster: &mut Cluster, interrupted: &AtomicBool) -> Result<()> {
    let live = stdout().is_terminal();
    if !live {
        println!("{}", guide::text(cluster)?);
    }
    let start = Instant::now();
    let mut watched: Vec<_> = cluster.nodes().map(|_| Watched::default()).collect();
    while !interrupted.load(Ordering::Relaxed) {
        for (node, watched) in cluster.nodes_mut().zip(&mut watched) {
            watched.look(node)?;
        }
        if live {
            // Anew each time: a daemon that was started again has another pid.
            screen::draw(&watched, &guide::text(cluster)?, start.elapsed());
        } else {
            screen::print_news(&mut watched);
        }
        wait(REFRESH, interrupted);
    }
    Ok(())
}

/// Waits, but not longer than until the flag is raised.
fn wait(time: Duration, interrupted: &AtomicBool) {
    let end = Instant::now() + time;
    while Instant::now() < end && !interrupted.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(20));
    }
}
