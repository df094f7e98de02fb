//! `bench peer`: cman beside corosync, in one run, in equal namespaces, with what the network can
//! do by itself.
//!
//! Both get a lab of their own with a daemon on each node and the same loads; while one is
//! measured, the other does not run. Who comes first changes with each repetition. What was made
//! is removed at the end, whatever the end is, Ctrl-C included.
//!
//! | module | what |
//! |---|---|
//! | [`plan`] | what is asked for |
//! | [`figure`] | what can be measured, its unit, and what is wanted of it |
//! | [`programs`] | what is built and installed first |
//! | [`task`] | programs that run, and what they print |
//! | [`side`] | a cluster under load, of either kind |
//! | [`ours`], [`corosync`] | the two kinds |
//! | [`wire`] | the network by itself |
//! | [`course`] | everything in turn |
//! | [`machine`] | what it is measured on, and how quiet that was |
//! | [`results`] | medians, ratios, the table, JSON |

mod corosync;
mod course;
mod figure;
mod machine;
mod ours;
mod plan;
mod programs;
mod results;
mod side;
mod task;
mod wire;

use crate::{packages, sandbox::interrupt::Interrupt};
use anyhow::{Context, Result};

/// What `cargo xtask bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Measure cman and corosync alternately in network namespaces and compare them
    Peer(plan::Plan),
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<()> {
    let What::Peer(plan) = &options.what;
    packages::ensure_root("bench peer", "run it with sudo")?;
    packages::ensure(packages::LAB)?;
    packages::ensure(programs::NEEDS)?;
    let interrupt = Interrupt::catch()?;
    let programs = programs::build(&interrupt)?;
    let machine = machine::Machine::now();
    let results = course::measure(plan, &programs, &interrupt)?;
    print!("\n{}{}", machine.text(), results.table());
    if let Some(file) = &plan.json {
        let text = serde_json::to_string_pretty(&results.json(plan, &machine))?;
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
