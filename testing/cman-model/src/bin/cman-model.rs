//! Explores view changes: `cargo xtask model`.
#![forbid(unsafe_code)]

use clap::Parser;
use cman_model::{
    fault::Fault,
    model::{Budget, ViewChange},
    report::explore,
    start::Start,
};
use std::process::ExitCode;

/// Tries all interleavings of one view change from fixed starts with two messages on their way
#[derive(Debug, Parser)]
struct Arguments {
    /// How many frames may be lost
    #[arg(long, default_value_t = 1)]
    losses: u8,
    /// How many members may die
    #[arg(long, default_value_t = 1)]
    crashes: u8,
    /// How often time may pass
    #[arg(long, default_value_t = 2)]
    passes: u8,
    /// Stop a start after about so many states, counting those reached again; 0: never
    #[arg(long, default_value_t = 1_000_000)]
    most: usize,
    /// Only the starts whose name contains this
    #[arg(default_value = "")]
    start: String,
}

fn main() -> ExitCode {
    let Arguments { losses, crashes, passes, most, start } = Arguments::parse();
    let budget = Budget { losses, crashes, passes };
    let (mut states, mut broken) = (0, 0);
    for start in Start::ALL.into_iter().filter(|name| name.to_string().contains(&start)) {
        let model = ViewChange { start, budget, fault: Fault::None };
        let report = explore(model, Some(most).filter(|&most| most > 0));
        println!("{start:<20} {report}");
        states += report.states;
        broken += report.broken.len();
    }
    println!("{states} distinct states, {broken} properties broken");
    if broken == 0 && states > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
