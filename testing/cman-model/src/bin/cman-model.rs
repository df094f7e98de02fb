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
///
/// Each start is explored twice: with little going wrong, up to the end, and with more, as far as
/// --most says.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many frames may be lost, at the second time
    #[arg(long, default_value_t = 2)]
    losses: u8,
    /// How many members may die then
    #[arg(long, default_value_t = 2)]
    crashes: u8,
    /// How often time may pass then
    #[arg(long, default_value_t = 3)]
    passes: u8,
    /// Stop then after about so many states, counting those reached again; 0: never
    #[arg(long, default_value_t = 50_000)]
    most: usize,
    /// Leave out the first time
    #[arg(long)]
    only_more: bool,
    /// Only the starts whose name contains this
    #[arg(default_value = "")]
    start: String,
}

/// What may go wrong where a start is explored to the end: what takes a minute or less.
const fn to_the_end(start: Start) -> Budget {
    match start {
        // Where a node has died already, time has to pass until somebody notices.
        Start::CoordinatorDead => Budget { losses: 2, crashes: 1, passes: 2 },
        Start::MemberDead => Budget { losses: 1, crashes: 1, passes: 2 },
        Start::MemberPutOut | Start::NodeJoins => Budget { losses: 1, crashes: 1, passes: 1 },
        Start::MemberLeaves | Start::CoordinatorLeaves => {
            Budget { losses: 1, crashes: 1, passes: 0 }
        }
    }
}

fn main() -> ExitCode {
    let Arguments { losses, crashes, passes, most, only_more, start } = Arguments::parse();
    let more = (Budget { losses, crashes, passes }, Some(most).filter(|&most| most > 0));
    let (mut states, mut broken) = (0, 0);
    for start in Start::ALL.into_iter().filter(|name| name.to_string().contains(&start)) {
        let whole = Some((to_the_end(start), None)).filter(|_| !only_more);
        let mut largest = 0;
        for (budget, most) in whole.into_iter().chain([more]) {
            let report = explore(ViewChange { start, budget, fault: Fault::None }, most);
            println!("{start:<18}  {budget}: {report}");
            largest = largest.max(report.states);
            broken += report.broken.len();
        }
        states += largest;
    }
    println!("{states} distinct states, {broken} properties broken");
    if broken == 0 && states > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
