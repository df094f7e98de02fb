//! Explores a start, and says how far that went.

use core::fmt;
use stateright::{Checker, Expectation, HasDiscoveries, Model};
use std::{
    thread,
    time::{Duration, Instant},
};

use crate::model::ViewChange;

/// What exploring found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Distinct states.
    pub states: usize,
    /// Steps from the start to the state farthest from it.
    pub depth: usize,
    /// Whether all states within the budget were visited.
    pub complete: bool,
    /// Properties that do not hold, each with the steps that lead there, and how it looks there.
    pub broken: Vec<Broken>,
    /// How long it took.
    pub took: Duration,
}

/// A property that does not hold.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Which.
    pub property: &'static str,
    /// What happens until then, one step each; empty if something was expected to happen somewhere
    /// and never does.
    pub steps: Vec<String>,
    /// What clients of each node saw by then.
    pub histories: Vec<String>,
}

/// Visits all states, or about so many as `most` says, nearest first.
#[must_use]
pub fn explore(model: ViewChange, most: Option<usize>) -> Report {
    let begun = Instant::now();
    // As many threads as there are processors for them.
    let threads = thread::available_parallelism().map_or(1, usize::from);
    // To the end, or to the first property that does not hold.
    let builder = model.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures);
    let builder = match most {
        Some(most) => builder.target_state_count(most),
        None => builder,
    };
    let checker = builder.spawn_bfs().join();
    let failed = checker.discoveries().keys().any(|name| {
        let found = model.property(name);
        found.expectation != Expectation::Sometimes
    });
    let complete = !failed && most.is_none_or(|most| checker.state_count() < most);
    let mut broken = Vec::new();
    for property in model.properties() {
        let discovery = checker.discovery(property.name);
        let wanted = property.expectation == Expectation::Sometimes;
        // What was not reached yet may be reached beyond the bound.
        if wanted == discovery.is_some() || (wanted && !complete) {
            continue;
        }
        let (mut steps, mut histories) = (Vec::new(), Vec::new());
        if let Some(path) = discovery {
            let nodes = &path.last_state().world.nodes;
            histories = nodes.iter().map(|node| format!("{:?}", node.history)).collect();
            steps = path.into_actions().iter().map(|action| format!("{action:?}")).collect();
        }
        broken.push(Broken { property: property.name, steps, histories });
    }
    Report {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        complete,
        broken,
        took: begun.elapsed(),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = if self.complete { "to the end" } else { "not to the end" };
        let seconds = self.took.as_secs_f64();
        write!(f, "{:>9} states, depth {:>3}, {all}, {seconds:.1} s", self.states, self.depth)?;
        for Broken { property, steps, histories } in &self.broken {
            write!(f, "\n  BROKEN: {property}, after {} steps", steps.len())?;
            steps.iter().try_for_each(|step| write!(f, "\n    {step}"))?;
            histories.iter().try_for_each(|history| write!(f, "\n    saw: {history}"))?;
        }
        Ok(())
    }
}
