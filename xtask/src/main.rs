//! Everything CI runs, the sandbox, and what releases need: `cargo xtask --help`.
//!
//! | module | what |
//! |---|---|
//! | [`stages`] | `test`: the stages, in the order CI runs them |
//! | [`runner`] | running a stage: heading, duration, counting, how to repeat it |
//! | [`tally`] | counting passed and failed tests in what test runners print |
//! | [`tidy`] | rules of the house that no compiler checks |
//! | [`spec`] | `spec`: who obeys which rule of the specification, and who shows it |
//! | [`simulation`] | `sim`: the simulator, built as it has to be |
//! | [`promises`] | `promises`: what is promised of simulated clusters, before a release |
//! | [`model`] | `model`: all interleavings of one view change |
//! | [`mutants`] | `mutants`: does each deliberate fault get caught? |
//! | [`sandbox`] | `sandbox`: a cluster to look at |
//! | [`capi`] | `capi`: the C libraries |
//! | [`dist`] | `dist`: the Debian package |
//! | [`mod@bench`] | `bench`: cman beside corosync |
//! | [`packages`] | installing what a task needs |
//! | [`repository`] | where things are |
#![forbid(unsafe_code)]

mod bench;
mod capi;
mod dist;
mod model;
mod mutants;
mod packages;
mod promises;
mod repository;
mod runner;
mod sandbox;
mod simulation;
mod spec;
mod stages;
mod tally;
mod tidy;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Development tasks of cman.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run everything that CI runs
    Test(stages::Options),
    /// Check the rules of the house that no compiler checks
    Tidy,
    /// Run the simulator; without arguments, say what it can do
    Sim(simulation::Options),
    /// Try all interleavings of one view change, from fixed starts
    Model(model::Options),
    /// Start a cluster in network namespaces on this machine and show it live
    Sandbox(sandbox::Options),
    /// Apply each deliberate fault and see that the simulator catches it
    Mutants(mutants::Options),
    /// Simulate everything that is promised, at the length a release needs: hours
    Promises,
    /// List the rules of the specification with the code and the tests that cite them
    Spec(spec::Options),
    /// Build the C libraries, and check what they export and need
    Capi,
    /// Build the Debian package
    Dist(dist::Options),
    /// Measure cman beside its peer
    Bench(bench::Options),
}

fn main() -> ExitCode {
    match run(&Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<ExitCode> {
    match task {
        // Has said what failed already, so that its last line is the count.
        Task::Test(options) => return Ok(stages::run(options)),
        Task::Tidy => tidy::run(),
        Task::Sim(options) => simulation::run(options),
        Task::Model(options) => model::run(options),
        Task::Sandbox(options) => sandbox::run(options),
        Task::Mutants(options) => mutants::run(options),
        Task::Promises => promises::run(),
        Task::Spec(options) => spec::run(options),
        Task::Capi => capi::run(),
        Task::Dist(options) => dist::run(options),
        Task::Bench(options) => bench::run(options),
    }?;
    Ok(ExitCode::SUCCESS)
}
