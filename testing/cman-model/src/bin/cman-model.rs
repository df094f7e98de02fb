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
    #[arg(long, default_value_t = 150_000)]
    most: usize,
    /// Only the starts whose name contains this
    #[arg(default_value = "")]
    start: String,
}

/// What may go wrong where a start is explored to the end. Where a node has died, somebody must
/// notice first. A node that joins says too much for that.
const fn modest(start: Start) -> Option<Budget> {
    match start {
        Start::MemberDead | Start::CoordinatorDead => {
            Some(Budget { losses: 1, crashes: 1, passes: 1 })
        }
        Start::MemberLeaves | Start::CoordinatorLeaves | Start::MemberPutOut => {
            Some(Budget { losses: 0, crashes: 1, passes: 0 })
        }
        Start::NodeJoins => None,
    }
}

fn main() -> ExitCode {
    let Arguments { losses, crashes, passes, most, start } = Arguments::parse();
    let rough = Budget { losses, crashes, passes };
    let (mut states, mut broken) = (0, 0);
    for start in Start::ALL.into_iter().filter(|name| name.to_string().contains(&start)) {
        // First few things go wrong, but up to the end; then many, as far as it may go.
        let whole = modest(start).map(|budget| (budget, None));
        let bounded = (rough, Some(most).filter(|&most| most > 0));
        let mut largest = 0;
        for (budget, most) in whole.into_iter().chain([bounded]) {
            let report = explore(ViewChange { start, budget, fault: Fault::None }, most);
            println!("{start:<20} {report}");
            largest = largest.max(report.states);
            broken += report.broken.len();
        }
        states += largest;
    }
    println!("{states} distinct states, {broken} properties broken");
    if broken == 0 && states > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
