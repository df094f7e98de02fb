//! Messages from all nodes through faults of every kind, drawn from a seed: nothing is lost,
//! doubled, invented, or taken and dropped, and who stayed together has seen the same.

use super::{Scale, coordinator_as_seen_by};
use crate::{
    built,
    cluster::Cluster,
    figure::Figure,
    ordered::{Load, Residents, check, check::percentile_us},
    random::Random,
};
use anyhow::{Context, Result};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// How many nodes are in it.
const NODES: usize = 5;

/// How long forming may take: a node that came and went too often is held off for a minute, and
/// two that hold each other off need a little more.
const WHOLE_MAX: Duration = Duration::from_secs(150);

/// What a member sends: enough that there is always something on its way.
const LOAD: Load = Load { rate: 50, size: None };

struct Soak {
    cluster: Cluster,
    random: Random,
    token: Duration,
    /// What was done, with the time since the beginning.
    diary: Vec<String>,
    began: Instant,
}

/// `length` of faults drawn from `seed`, then healing.
pub fn soak(scale: &Scale, seed: u64, length: Duration) -> Result<Vec<Figure>> {
    let all: Vec<_> = (1..=NODES).collect();
    let mut cluster = built::cluster(&scale.conf(NODES))?;
    cluster.start_all()?;
    cluster.wait_formed(&all, WHOLE_MAX)?;
    let residents = Residents::start(&cluster, LOAD, seed, WHOLE_MAX)?;
    let (random, token) = (Random::new(seed), Duration::from_millis(scale.token()));
    let mut soak = Soak { cluster, random, token, diary: Vec::new(), began: Instant::now() };
    while soak.began.elapsed() < length {
        soak.fault()?;
    }
    soak.heal(&all)?;
    let faults = soak.diary.len();
    let outcome = soak.cluster.wait_formed(&all, WHOLE_MAX).map(drop);
    let outcome = outcome.and_then(|()| residents.wait_together(&soak.cluster, WHOLE_MAX));
    let lives = outcome.and_then(|_| residents.settle(&soak.cluster, WHOLE_MAX));
    let diary = soak.diary.join("\n");
    let lives = lives.with_context(|| format!("after\n{diary}"))?;
    let checked = check(&lives).with_context(|| format!("after\n{diary}"))?;
    Ok(vec![
        Figure::information("soak: faults", faults as f64, "faults"),
        Figure::information("soak: lives of members", checked.lives as f64, "lives"),
        Figure::information("soak: messages sent", checked.sent as f64, "messages"),
        Figure::information("soak: messages seen", checked.heard as f64, "messages"),
        Figure::information("soak: went together", checked.pairs as f64, "pairs"),
        Figure::information("soak: p50", percentile_us(&lives, 500) as f64 / 1e3, "ms"),
    ])
}

impl Soak {
    /// One fault: it begins, lasts, and is over.
    fn fault(&mut self) -> Result<()> {
        let (a, b) = (self.any(), self.any());
        let length = self.token.mul_f64(0.2 + self.random.below(40) as f64 / 10.0);
        match self.random.below(9) {
            0 => self.broken("loss 10 %", length, |cluster| cluster.lab_mut().loss_all(10.0)),
            1 => self.broken("loss 30 %", length, |cluster| cluster.lab_mut().loss_all(30.0)),
            2 | 3 if a != b => {
                let what = format!("{b} does not hear {a}");
                self.broken(&what, length, |cluster| cluster.lab_mut().one_way(a, b))
            }
            4 => {
                let (here, there) = self.sides();
                let what = format!("{here:?} apart from {there:?}");
                self.broken(&what, length, |c| c.lab_mut().partition(&[&here, &there]))
            }
            5 => self.killed(a, length),
            6 => {
                let coordinator = coordinator_as_seen_by(&self.cluster, a).unwrap_or(b);
                self.killed(coordinator, length)
            }
            7 => {
                self.note(&format!("{a} stopped for {length:?}"));
                self.cluster.node(a)?.pause()?;
                sleep(length);
                self.cluster.node(a)?.resume()
            }
            _ => {
                self.note(&format!("link of {a} down for {length:?}"));
                self.cluster.lab().plug(a, false)?;
                sleep(length);
                self.cluster.lab().plug(a, true)
            }
        }?;
        // Sometimes the next one comes at once, sometimes all is well before it does.
        let pause = self.random.below(3) as f64;
        sleep(self.token.mul_f64(pause));
        Ok(())
    }

    fn broken(
        &mut self,
        what: &str,
        length: Duration,
        change: impl FnOnce(&mut Cluster) -> Result<()>,
    ) -> Result<()> {
        self.note(&format!("{what} for {length:?}"));
        change(&mut self.cluster)?;
        sleep(length);
        self.cluster.lab_mut().heal()
    }

    fn killed(&mut self, number: usize, length: Duration) -> Result<()> {
        self.note(&format!("{number} killed, started after {length:?}"));
        self.cluster.node_mut(number)?.kill()?;
        sleep(length);
        self.cluster.node_mut(number)?.start()
    }

    fn heal(&mut self, all: &[usize]) -> Result<()> {
        self.note("healed");
        self.cluster.lab_mut().heal()?;
        for &number in all {
            let node = self.cluster.node_mut(number)?;
            if !node.is_running() {
                node.start()?;
            }
        }
        Ok(())
    }

    fn note(&mut self, what: &str) {
        self.diary.push(format!("{:8.3} s: {what}", self.began.elapsed().as_secs_f64()));
    }

    fn any(&mut self) -> usize {
        self.random.place(NODES) + 1
    }

    /// Two sides, by a coin for each node.
    fn sides(&mut self) -> (Vec<usize>, Vec<usize>) {
        (1..=NODES).partition(|_| self.random.below(2) == 0)
    }
}
