//! Everything in turn.

use super::{
    corosync::Theirs,
    figure::Figure,
    ours::Ours,
    plan::{Plan, Row},
    programs::Programs,
    results::{Results, Who},
    side::{self, Side},
    wire,
};
use crate::sandbox::interrupt::Interrupt;
use anyhow::Result;
use std::time::Duration;

/// How long a new cluster is left alone.
const REST: Duration = Duration::from_secs(1);

/// Measures all that the plan says. What fails is a result; what interrupts is an error.
pub(crate) fn measure(plan: &Plan, programs: &Programs, interrupt: &Interrupt) -> Result<Results> {
    let mut course = Course { plan, programs, interrupt, results: Results::default(), groups: 0 };
    for run in 1..=plan.repeat {
        for &nodes in &plan.nodes {
            eprintln!("run {run} of {}, {nodes} nodes", plan.repeat);
            if plan.wants(Row::Wire) {
                course.wire(nodes)?;
            }
            // Each is first as often as the other.
            if run % 2 == 1 {
                course.side::<Ours>(Who::Cman, nodes)?;
                course.side::<Theirs>(Who::Corosync, nodes)?;
            } else {
                course.side::<Theirs>(Who::Corosync, nodes)?;
                course.side::<Ours>(Who::Cman, nodes)?;
            }
        }
    }
    Ok(course.results)
}

struct Course<'a> {
    plan: &'a Plan,
    programs: &'a Programs,
    interrupt: &'a Interrupt,
    results: Results,
    /// Groups used so far: each load has one of its own.
    groups: u32,
}

impl Course<'_> {
    fn wire(&mut self, nodes: usize) -> Result<()> {
        let measured = wire::measure(nodes, self.plan.seconds, self.programs, self.interrupt);
        let figures = [
            Figure::Multicast { nodes },
            Figure::RoundTrip { nodes, percent: 50 },
            Figure::RoundTrip { nodes, percent: 99 },
        ];
        let values = measured.map(|wire| vec![wire.multicast, wire.p50_us, wire.p99_us]);
        self.note(&figures, Who::Wire, &values)
    }

    /// All of one side. A load that fails may leave a sick cluster, so the next one gets a new
    /// one.
    fn side<S: Side>(&mut self, who: Who, nodes: usize) -> Result<()> {
        let mut cluster = None;
        for load in self.plan.loads() {
            self.groups += 1;
            let group = format!("load{}", self.groups);
            let outcome = match self.formed::<S>(cluster.take(), nodes) {
                Ok(formed) => {
                    let values = side::load(&formed, &group, load, self.interrupt);
                    cluster = values.is_ok().then_some(formed);
                    values
                }
                Err(error) => Err(error),
            };
            self.note(&Figure::of_load(nodes, load), who, &outcome)?;
        }
        if self.plan.wants(Row::Failover) {
            let formed = self.formed::<S>(cluster, nodes);
            let outcome = formed.and_then(|mut formed| formed.kill_last(self.interrupt));
            self.note(&[Figure::Failover { nodes }], who, &outcome.map(|ms| vec![ms]))?;
        }
        Ok(())
    }

    fn formed<S: Side>(&self, cluster: Option<S>, nodes: usize) -> Result<S> {
        if let Some(cluster) = cluster {
            return Ok(cluster);
        }
        let formed = S::form(nodes, self.programs, self.interrupt)?;
        self.interrupt.wait(REST);
        Ok(formed)
    }

    fn note(&mut self, figures: &[Figure], who: Who, outcome: &Result<Vec<f64>>) -> Result<()> {
        // What was interrupted has failed for no reason that counts.
        self.interrupt.check()?;
        match outcome {
            Ok(values) => {
                for (&figure, &value) in figures.iter().zip(values) {
                    eprintln!("  {who}: {figure}: {value:.1} {}", figure.unit());
                    self.results.value(figure, who, value);
                }
            }
            Err(error) => {
                let why = format!("{error:#}");
                for &figure in figures {
                    eprintln!("  {who}: {figure}: failed: {why}");
                    self.results.failure(figure, who, &why);
                }
            }
        }
        Ok(())
    }
}
