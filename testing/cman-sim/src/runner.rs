//! Many seeds, on several cores, with a progress line and a table at the end.

use core::{
    any::Any,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
    time::Instant,
};

use crate::{
    faults::Kind,
    permanent,
    reach::Reach,
    swarm::{self, Order, Outcome},
    violation::Violation,
};

/// What a seed is run as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Run {
    /// Faults that come and go: [`swarm`].
    Swarm(Option<Kind>),
    /// A fault that never ends: [`permanent`].
    Permanent,
}

/// Which seeds to run, and how.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// The number of nodes, if it is not to be drawn.
    pub nodes: Option<usize>,
    /// Whether nodes send no messages.
    pub silent: bool,
    /// What to do with each.
    pub run: Run,
    /// How many threads.
    pub jobs: usize,
    /// Whether to go on after a failure.
    pub keep_going: bool,
    /// Whether to print a progress line.
    pub progress: bool,
}

/// A seed that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which.
    pub seed: u64,
    /// How many nodes it has.
    pub nodes: usize,
    /// What was broken.
    pub violation: Violation,
    /// The end of the column log.
    pub tail: Vec<String>,
}

/// How a batch went.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds that were run.
    pub seeds: u64,
    /// What they reached.
    pub reach: Reach,
    /// Seeds that failed, the lowest first.
    pub failures: Vec<Failure>,
    /// Simulated time of all of them.
    pub simulated: Duration,
    /// How long it took.
    pub took: Duration,
}

/// Runs one seed; a panic counts as a broken invariant.
#[must_use]
pub fn run_seed(run: Run, order: &Order) -> Outcome {
    let only = if let Run::Swarm(only) = run { only } else { None };
    let order = Order { only, ..*order };
    let outcome = catch_unwind(AssertUnwindSafe(|| match run {
        Run::Swarm(_) => swarm::run(&order),
        Run::Permanent => permanent::run(&order),
    }));
    outcome.unwrap_or_else(|panic| Outcome {
        nodes: order.nodes.unwrap_or_else(|| swarm::draw_nodes(order.seed)),
        reach: Reach::default(),
        check: Err(Violation::new("no panic", &[], panic_text(panic.as_ref()))),
        tail: Vec::new(),
        simulated: 0,
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

/// Runs a batch.
#[must_use]
pub fn run(batch: &Batch) -> Summary {
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let mut summary = Summary::default();
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..batch.jobs.max(1) {
            let sender = sender.clone();
            let (next, stop) = (&next, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= batch.seeds {
                        return;
                    }
                    let seed = batch.from + number;
                    let order = Order {
                        seed,
                        nodes: batch.nodes,
                        silent: batch.silent,
                        ..Order::default()
                    };
                    if sender.send((seed, run_seed(batch.run, &order))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (seed, outcome) in receiver {
            take(&mut summary, seed, outcome);
            if !summary.failures.is_empty() && !batch.keep_going {
                stop.store(true, Ordering::Relaxed);
            }
            if batch.progress && summary.seeds.is_multiple_of(20) {
                progress(&summary, batch, began);
            }
        }
    });
    if batch.progress {
        eprint!("\r{:70}\r", "");
    }
    summary.took = began.elapsed();
    summary.failures.sort_by_key(|failure| failure.seed);
    if let Some(failure) = summary.failures.first_mut() {
        failure.tail = tail_of(batch, failure);
    }
    summary
}

fn take(summary: &mut Summary, seed: u64, outcome: Outcome) {
    summary.seeds += 1;
    summary.reach.add_run(&outcome.reach);
    summary.simulated += Duration::from_nanos(outcome.simulated);
    if let Err(violation) = outcome.check {
        let (nodes, tail) = (outcome.nodes, outcome.tail);
        summary.failures.push(Failure { seed, nodes, violation, tail });
    }
}

/// The same seed again, this time with the column log.
fn tail_of(batch: &Batch, failure: &Failure) -> Vec<String> {
    let nodes = Some(failure.nodes);
    let silent = batch.silent;
    let order = Order { seed: failure.seed, nodes, silent, log: true, ..Order::default() };
    run_seed(batch.run, &order).tail
}

fn progress(summary: &Summary, batch: &Batch, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = summary.seeds as f64 / seconds.max(0.001);
    eprint!(
        "\r{} of {} seeds, {rate:.0} a second, {} failed   ",
        summary.seeds,
        batch.seeds,
        summary.failures.len()
    );
}
