//! `cman-sim`: whole clusters in simulated time, from the command line.

use clap::{Parser, Subcommand};
use cman_sim::{
    columns::print_line,
    faults::Kind,
    reach::Place,
    replay,
    runner::{self, Batch, Run, Summary},
    scale, scenarios,
    swarm::Order,
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
};

/// A seed takes a million small allocations: this allocator makes them in half the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A formatted line on standard output.
macro_rules! say {
    ($($text:tt)*) => { print_line(&format!($($text)*)) };
}

/// Deterministic simulation of whole clusters.
#[derive(Debug, Parser)]
#[command(name = "cman-sim", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lives of clusters drawn from seeds, with faults; stops at the first broken invariant.
    Run(RunArgs),
    /// One scenario by its name.
    Scenario {
        /// The name; see `list`.
        name: String,
        /// Print the column log.
        #[arg(long)]
        verbose: bool,
        /// The seed that decides chance.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// One JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Names of scenarios and kinds of faults.
    List,
    /// Run a recording of `cmand --record` again and compare every output with the recorded one.
    Replay {
        /// The recording.
        file: PathBuf,
        /// Only print the records, one a line.
        #[arg(long, conflicts_with = "json")]
        list: bool,
        /// One JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Large clusters: work per second of an ordinary member and of the coordinator.
    Scale {
        /// Numbers of nodes.
        #[arg(long, value_delimiter = ',', default_values_t = [100, 1000])]
        nodes: Vec<usize>,
        /// One JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Number of nodes; drawn from each seed if not given (2 to 9).
    #[arg(long)]
    nodes: Option<usize>,
    /// Only faults of this kind, or `permanent` for faults that never end; see `list`.
    #[arg(long)]
    only: Option<String>,
    /// Nodes send no messages: views and quorum alone, eight times as fast.
    #[arg(long)]
    silent: bool,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Go on after a failure.
    #[arg(long)]
    keep_going: bool,
    /// Print the column log of every event (use it with one seed).
    #[arg(long)]
    verbose: bool,
    /// Name all frames in that log, beats included.
    #[arg(long, requires = "verbose")]
    frames: bool,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::Run(args) => run(&args),
        Command::Scenario { name, verbose, seed, json } => scenario(&name, verbose, seed, json),
        Command::List => {
            list();
            Ok(true)
        }
        Command::Replay { file, list: true, .. } => replay::list(&file),
        Command::Replay { file, json, .. } => replay::report(&file, json),
        Command::Scale { nodes, json } => scale::report(&nodes, json).map_err(|v| v.to_string()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(sentence) => {
            eprintln!("cman-sim: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn kind_of(only: Option<&str>) -> Result<Run, String> {
    match only {
        None => Ok(Run::Swarm(None)),
        Some("permanent") => Ok(Run::Permanent),
        Some(name) => Kind::named(name)
            .map(|kind| Run::Swarm(Some(kind)))
            .ok_or_else(|| format!("no kind of fault is called {name}; try: cman-sim list")),
    }
}

fn run(args: &RunArgs) -> Result<bool, String> {
    let run = kind_of(args.only.as_deref())?;
    if args.nodes.is_some_and(|nodes| !(1..=64).contains(&nodes)) {
        return Err("--nodes takes 1 to 64; for more see: cman-sim scale".to_owned());
    }
    if args.verbose {
        return verbose(args, run);
    }
    let batch = Batch {
        from: args.from,
        seeds: args.seeds,
        nodes: args.nodes,
        silent: args.silent,
        run,
        jobs: args.jobs,
        keep_going: args.keep_going,
        progress: !args.json && io::stderr().is_terminal(),
    };
    let summary = runner::run(&batch);
    let missed = missed(args, run, &summary);
    if args.json {
        print_line(&as_json(args, &summary).to_string());
    } else {
        print_summary(args, &summary);
        for (place, count, minimum) in &missed {
            say!("NOT REACHED: {}: {count}, at least {minimum} expected", place.text());
        }
    }
    Ok(summary.failures.is_empty() && missed.is_empty())
}

/// Places that were reached too seldom, where enough was run of everything to judge that.
fn missed(args: &RunArgs, run: Run, summary: &Summary) -> Vec<(Place, u64, u64)> {
    let judged = run == Run::Swarm(None) && args.seeds >= 1000 && args.nodes.is_none();
    if judged { summary.reach.missed(summary.seeds, args.silent) } else { Vec::new() }
}

fn verbose(args: &RunArgs, run: Run) -> Result<bool, String> {
    let mut good = true;
    for seed in args.from..args.from + args.seeds {
        let order = Order {
            seed,
            nodes: args.nodes,
            live: true,
            log: true,
            frames: args.frames,
            silent: args.silent,
            ..Order::default()
        };
        let outcome = runner::run_seed(run, &order);
        match outcome.check {
            Ok(()) => say!("seed {seed}: nothing broken"),
            Err(violation) => {
                say!("seed {seed}: BROKEN {violation}");
                good = false;
            }
        }
    }
    Ok(good)
}

fn replay_command(args: &RunArgs, seed: u64, nodes: usize) -> String {
    let only = args.only.as_ref().map_or(String::new(), |only| format!(" --only {only}"));
    let silent = if args.silent { " --silent" } else { "" };
    format!("cargo xtask sim --seeds 1 --from {seed} --nodes {nodes}{only}{silent} --verbose")
}

fn print_summary(args: &RunArgs, summary: &Summary) {
    if let Some(first) = summary.failures.first() {
        for line in &first.tail {
            print_line(line);
        }
        print_line("");
    }
    for failure in &summary.failures {
        say!("seed {}: BROKEN {}", failure.seed, failure.violation);
        say!("    again: {}", replay_command(args, failure.seed, failure.nodes));
    }
    print_line(summary.reach.to_string().trim_end());
    for (invariant, count) in by_invariant(summary) {
        say!("{count:>12}  BROKEN {invariant}");
    }
    say!(
        "{} seeds, {} failed, {} simulated hours in {:.1} s",
        summary.seeds,
        summary.failures.len(),
        summary.simulated.as_secs() / 3600,
        summary.took.as_secs_f64()
    );
}

fn by_invariant(summary: &Summary) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for failure in &summary.failures {
        *counts.entry(failure.violation.invariant).or_insert(0) += 1;
    }
    counts
}

fn as_json(args: &RunArgs, summary: &Summary) -> serde_json::Value {
    let failures: Vec<_> = summary
        .failures
        .iter()
        .map(|failure| {
            json!({
                "seed": failure.seed,
                "nodes": failure.nodes,
                "invariant": failure.violation.invariant,
                "at_ns": failure.violation.at,
                "concerned": failure.violation.nodes.iter().map(|n| n.get()).collect::<Vec<_>>(),
                "what": failure.violation.what,
                "replay": replay_command(args, failure.seed, failure.nodes),
            })
        })
        .collect();
    let reach: serde_json::Map<_, _> = Place::ALL
        .iter()
        .map(|place| (place.text().to_owned(), json!(summary.reach.count(*place))))
        .collect();
    json!({
        "seeds": summary.seeds,
        "failures": failures,
        "reach": reach,
        "simulated_seconds": summary.simulated.as_secs(),
        "seconds": summary.took.as_secs_f64(),
    })
}

fn scenario(name: &str, verbose: bool, seed: u64, json: bool) -> Result<bool, String> {
    let Some(scenario) = scenarios::named(name) else {
        return Err(format!("no scenario is called {name}; try: cman-sim list"));
    };
    let outcome = scenarios::run(&scenario, seed, verbose);
    if json {
        let broken = outcome.check.as_ref().err().map(ToString::to_string);
        say!("{}", json!({ "scenario": name, "seed": seed, "broken": broken }));
        return Ok(broken.is_none());
    }
    match outcome.check {
        Ok(()) => {
            say!("{name}: nothing broken");
            Ok(true)
        }
        Err(violation) => {
            for line in &outcome.tail {
                print_line(line);
            }
            say!("{name}: BROKEN {violation}");
            Ok(false)
        }
    }
}

fn list() {
    print_line("scenarios:");
    for scenario in scenarios::all() {
        say!("  {:<40} {}", scenario.name, scenario.text);
    }
    print_line("kinds of faults (--only):");
    for kind in Kind::ALL {
        say!("  {:<40} {}", kind.name(), kind.text());
    }
    say!("  {:<40} faults that never end, to count views", "permanent");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_args(more: &[&str]) -> RunArgs {
        let line = [&["cman-sim", "run"], more].concat();
        match Args::parse_from(line).command {
            Command::Run(args) => args,
            other => panic!("not `run`: {other:?}"),
        }
    }

    /// Which places a summary without anything in it misses.
    fn missed_by(more: &[&str]) -> Vec<Place> {
        let args = run_args(more);
        let summary = Summary { seeds: args.seeds, ..Summary::default() };
        let run = kind_of(args.only.as_deref()).unwrap();
        missed(&args, run, &summary).into_iter().map(|(place, ..)| place).collect()
    }

    #[test]
    fn silent_runs_are_asked_for_everything_but_messages() {
        let silent = missed_by(&["--silent", "--seeds", "20000"]);
        assert!(silent.contains(&Place::Commits) && !silent.contains(&Place::Messages));
        assert!(missed_by(&["--seeds", "1000"]).contains(&Place::Messages));
    }

    #[test]
    fn few_seeds_and_seeds_of_one_kind_are_not_judged() {
        for more in [&["--seeds", "30"][..], &["--nodes", "3"], &["--only", "permanent"]] {
            assert_eq!(missed_by(more), [], "{more:?}");
        }
    }
}
