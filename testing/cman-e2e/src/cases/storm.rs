//! Faults of every kind at random, and after them one cluster again; whatever the daemons told
//! meanwhile is held against what must always be true.

use super::{Scale, coordinator_as_seen_by};
use crate::{
    built,
    cluster::{Cluster, now_ns},
    events::EventStream,
    figure::Figure,
    history::{self, Life},
    random::Random,
    watch::ms_between,
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

/// A daemon that was started answers within this.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// A life that is being watched.
struct Watched {
    life: Life,
    stream: EventStream,
}

/// The cluster in the storm.
struct Storm {
    cluster: Cluster,
    random: Random,
    token: Duration,
    /// All lives so far, the running ones last of their node.
    lives: Vec<Watched>,
    faults: usize,
}

/// `length` of faults drawn from `seed`, then healing.
pub fn storm(scale: &Scale, seed: u64, length: Duration) -> Result<Vec<Figure>> {
    let all: Vec<_> = (1..=NODES).collect();
    let mut cluster = built::cluster(&scale.conf(NODES))?;
    cluster.start_all()?;
    cluster.wait_formed(&all, WHOLE_MAX)?;
    let random = Random::new(seed);
    let token = Duration::from_millis(scale.token());
    let mut storm = Storm { cluster, random, token, lives: Vec::new(), faults: 0 };
    for &number in &all {
        storm.watch(number)?;
    }
    let end = Instant::now() + length;
    while Instant::now() < end {
        storm.fault()?;
        let pause = storm.random.below(u64::try_from(token.as_millis())?);
        sleep(Duration::from_millis(pause));
    }

    let healing = now_ns();
    storm.cluster.lab_mut().heal()?;
    for &number in &all {
        storm.start(number)?;
    }
    let formed = storm.cluster.wait_formed(&all, WHOLE_MAX);
    let lives = storm.lives()?;
    // A broken promise explains a cluster that does not form, not the reverse.
    history::check(&lives, u64::try_from((token * 3 / 4).as_nanos())?)
        .with_context(|| format!("seed {seed}\n{}", storm.cluster.log_tails()))?;
    formed.with_context(|| format!("seed {seed}"))?;
    let views = lives.iter().flat_map(|life| &life.events).filter(|e| e.members().is_some());
    Ok(vec![
        Figure::information("storm: faults", storm.faults as f64, "faults"),
        Figure::information("storm: lives", lives.len() as f64, "lives"),
        Figure::information("storm: views told", views.count() as f64, "views"),
        Figure::information("storm: whole after", ms_between(healing, now_ns()) / 1e3, "s"),
    ])
}

impl Storm {
    fn fault(&mut self) -> Result<()> {
        self.faults += 1;
        let (a, b) = (self.any(), self.any());
        match self.random.below(10) {
            0 => self.kill(a),
            1 => self.kill(coordinator_as_seen_by(&self.cluster, a).unwrap_or(b)),
            2 | 3 => self.start(a),
            4 => self.stop_for_a_while(a),
            5 if a != b => self.cluster.lab_mut().one_way(a, b),
            6 if a != b => self.cluster.lab_mut().cut(a, b),
            7 => self.partition(),
            8 => {
                let percent = self.random.below(40) as f64;
                self.cluster.lab_mut().loss_all(percent)
            }
            _ => self.cluster.lab_mut().heal(),
        }
    }

    fn any(&mut self) -> usize {
        self.random.place(NODES) + 1
    }

    fn partition(&mut self) -> Result<()> {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for number in 1..=NODES {
            let side = if self.random.below(2) == 0 { &mut here } else { &mut there };
            side.push(number);
        }
        self.cluster.lab_mut().partition(&[&here, &there])
    }

    fn running(&mut self, number: usize) -> Option<&mut Watched> {
        let node = u32::try_from(number).ok()?;
        self.lives.iter_mut().rfind(|w| w.life.node == node && w.life.ended.is_none())
    }

    fn kill(&mut self, number: usize) -> Result<()> {
        if self.running(number).is_none() {
            return Ok(());
        }
        self.cluster.node_mut(number)?.kill()?;
        if let Some(watched) = self.running(number) {
            watched.life.ended = Some(now_ns());
        }
        Ok(())
    }

    fn start(&mut self, number: usize) -> Result<()> {
        if self.running(number).is_some() {
            return Ok(());
        }
        self.cluster.node_mut(number)?.start()?;
        self.watch(number)
    }

    fn watch(&mut self, number: usize) -> Result<()> {
        self.cluster.wait_until(&format!("an answer of node {number}"), ANSWER_MAX, |cluster| {
            Ok(cluster.node(number)?.status().is_ok())
        })?;
        let stream = self.cluster.node(number)?.events()?;
        let life = Life { node: u32::try_from(number)?, ..Life::default() };
        self.lives.push(Watched { life, stream });
        Ok(())
    }

    fn stop_for_a_while(&mut self, number: usize) -> Result<()> {
        if self.running(number).is_none() {
            return Ok(());
        }
        let length = self.token.mul_f64(self.random.below(20) as f64 / 10.0);
        self.cluster.node(number)?.pause()?;
        let stopped = now_ns();
        sleep(length);
        self.cluster.node(number)?.resume()?;
        let woken = now_ns();
        if let Some(watched) = self.running(number) {
            watched.life.stops.push((stopped, woken));
        }
        Ok(())
    }

    /// What all lives told.
    fn lives(&self) -> Result<Vec<Life>> {
        let told = self
            .lives
            .iter()
            .map(|watched| Ok(Life { events: watched.stream.events()?, ..watched.life.clone() }));
        told.collect()
    }
}
