//! `test`: the stages, in the order CI runs them.

use crate::{
    capi, model, packages,
    repository::{self, cargo},
    runner::{Counting, Runner},
    simulation,
    tally::Tally,
    tidy,
};
use anyhow::Result;
use std::{
    process::{Command, ExitCode, Stdio},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// Seeds that every run simulates.
const SEEDS_FIXED: &str = "1000";

/// Seeds that this run alone simulates, in the hope of something new.
const SEEDS_FRESH: &str = "30";

/// Seeds with a fault that never ends.
const SEEDS_PERMANENT: &str = "60";

/// States up to which each start of the model is explored, counting those reached again: half a
/// minute in all on two processors, and half a million distinct ones. To the end it takes minutes:
/// `cargo xtask model`.
const STATES: &str = "250000";

/// End-to-end tests that may run at a time: more than there are processors, because they mostly
/// wait. Those that measure take care themselves that nobody disturbs them.
const END_TO_END_THREADS: &str = "6";

/// What `cargo xtask test` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Leave out the end-to-end tests, which need root and several minutes
    #[arg(long)]
    quick: bool,
}

/// Runs all stages up to the first that fails. The last line tells how many tests passed and
/// failed; a check without tests of its own counts as one.
pub(crate) fn run(options: &Options) -> ExitCode {
    let start = Instant::now();
    let mut runner = Runner::default();
    let outcome = all(&mut runner, options);
    let minutes = start.elapsed().as_secs_f64() / 60.0;
    if let Err(error) = &outcome {
        println!("\n{error:#}");
    }
    println!("\nall stages took {minutes:.1} minutes");
    let tally = runner.tally();
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn all(runner: &mut Runner, options: &Options) -> Result<()> {
    if !options.quick {
        // Before the long stages: who is not root should learn it now.
        packages::ensure_root("`cargo xtask test`", "run it with sudo, or with --quick")?;
        packages::ensure(packages::END_TO_END)?;
    }
    checks(runner)?;
    tests(runner)?;
    simulate(runner)?;
    if options.quick { Ok(()) } else { end_to_end(runner) }
}

fn checks(runner: &mut Runner) -> Result<()> {
    runner.command("formatting", Counting::One, with(&["fmt", "--all", "--check"]))?;
    runner.stage("tidy", "cargo xtask tidy", tidy::tally)?;
    let lints = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    runner.command("lints", Counting::One, with(&lints))?;
    let private = "--document-private-items";
    let mut documentation = with(&["doc", "--quiet", "--workspace", "--no-deps", private]);
    // The documentation is for those who change the code: private items are part of it.
    let flags = "--deny warnings --allow rustdoc::private_intra_doc_links";
    documentation.env("RUSTDOCFLAGS", flags);
    runner.command("documentation", Counting::One, documentation)?;
    if answers(&["deny", "--version"]) {
        let supply = ["deny", "--offline", "check", "bans", "licenses", "sources"];
        return runner.command("dependencies", Counting::One, with(&supply));
    }
    println!("\n=== dependencies: skipped, cargo-deny is not installed");
    Ok(())
}

fn tests(runner: &mut Runner) -> Result<()> {
    let apart = ["--exclude", "cman-e2e", "--exclude", "cman-sim"];
    let unit = [&["--workspace"], &apart[..], &["--lib", "--bins", "--tests"]].concat();
    runner.command("unit and property tests", Counting::Tests, test_runner(&unit))?;
    let examples = ["test", "--quiet", "--workspace", "--doc"];
    runner.command("examples in the documentation", Counting::Tests, with(&examples))
}

fn simulate(runner: &mut Runner) -> Result<()> {
    let mut scenarios = test_runner(&["--package", "cman-sim"]);
    scenarios.arg(if nextest() { "--cargo-profile" } else { "--profile" }).arg("sim");
    runner.command("checkers and scenarios of the simulator", Counting::Tests, scenarios)?;
    // A thousand take minutes: `cargo xtask sim scale`, and the scenarios `thousand-nodes-...`.
    let large = simulation::command(&["scale", "--nodes", "100,400"]);
    runner.command("work in large clusters", Counting::One, large)?;
    let fixed = simulation::command(&["run", "--seeds", SEEDS_FIXED]);
    runner.command("simulation", Counting::One, fixed)?;
    let permanent = ["run", "--only", "permanent", "--seeds", SEEDS_PERMANENT];
    let permanent = simulation::command(&permanent);
    runner.command("simulation of faults that do not end", Counting::One, permanent)?;
    let from = fresh_seed().to_string();
    let fresh = simulation::command(&["run", "--seeds", SEEDS_FRESH, "--from", &from]);
    runner.command(&format!("simulation of fresh seeds from {from}"), Counting::One, fresh)?;
    let interleavings = model::command(&["--only-more", "--most", STATES]);
    runner.command("interleavings of a view change", Counting::One, interleavings)
}

/// Real daemons, with release speed and the assertions on: the profile that the simulator has
/// just been built with, so that nearly everything is there.
fn end_to_end(runner: &mut Runner) -> Result<()> {
    let programs = ["build", "--quiet", "--profile", "sim", "--package", "cmand"];
    let others = ["--package", "cman_tool", "--package", "cman_bench", "--package", "cman-sim"];
    let programs = [&programs[..], &others].concat();
    runner.command("programs under test", Counting::One, with(&programs))?;
    runner.stage("C libraries", "cargo xtask capi", || {
        capi::build().map(|_| Tally { passed: 1, failed: 0 })
    })?;
    let mut tests = test_runner(&["--package", "cman-e2e"]);
    // Known to both test runners, unlike the option, which each wants in another place.
    tests.env("NEXTEST_TEST_THREADS", END_TO_END_THREADS);
    tests.env("RUST_TEST_THREADS", END_TO_END_THREADS);
    tests.env("CMAN_BIN_DIR", repository::target().join("sim"));
    tests.env("CMAN_CAPI_DIR", repository::target().join("capi"));
    if nextest() {
        // Many measure, on machines that others use as well: once may be chance, and is shown as
        // flaky. Twice is not.
        tests.args(["--retries", "1"]);
    }
    runner.command("end-to-end tests", Counting::Tests, tests)
}

/// Nextest where it is installed, else what cargo brings.
fn test_runner(arguments: &[&str]) -> Command {
    let mut command = if nextest() {
        with(&["nextest", "run", "--cargo-quiet", "--no-fail-fast", "--status-level", "slow"])
    } else {
        with(&["test", "--quiet", "--no-fail-fast"])
    };
    command.args(arguments);
    command
}

fn nextest() -> bool {
    answers(&["nextest", "--version"])
}

/// Whether cargo has this subcommand.
fn answers(arguments: &[&str]) -> bool {
    let mut command = with(arguments);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn with(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args(arguments);
    command
}

/// A first seed that no run before this one had, as good as surely.
fn fresh_seed() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_secs().wrapping_mul(1000)
}
