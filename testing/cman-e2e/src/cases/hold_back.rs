//! Who does not keep up holds nobody back: a daemon or a client that stops while much is said.

use super::{Scale, Stage};
use crate::{
    cluster::{ids, now_ns},
    cost::resident_mib,
    figure::Figure,
    load,
    ordered::{Life, Load, Residents, check},
    watch::{Changes, ms_between},
};
use anyhow::{Context, Result, ensure};
use cman_client::groups::Reason;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::BTreeSet,
    thread::sleep,
    time::{Duration, Instant},
};

/// How many nodes are in it.
const NODES: usize = 5;
/// What is said, in messages of this size.
const SIZE: usize = 64 << 10;
/// How long what needs no time may take.
const SETTLED_MAX: Duration = Duration::from_secs(60);
/// The rate is taken over so long.
const WINDOW: Duration = Duration::from_secs(1);
/// How much of their rate the others may lose, in percent.
const LOST_MAX: f64 = 20.0;
/// What a daemon keeps for a member that does not keep up, and the same for a client, in MiB.
const KEPT_MIB: f64 = 64.0;
/// What it may grow by besides: windows of all senders, what waits for clients, allocations.
const BESIDES_MIB: f64 = 64.0;
/// Memory is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// 20 MB/s of five nodes together.
pub const FAST: Load = Load { rate: 61, size: Some(SIZE) };
/// A fifth of that, for machines that do something else besides.
pub const SLOW: Load = Load { rate: 12, size: Some(SIZE) };

/// The daemon of an ordinary member stops for half a token; the others go on.
pub fn member_stopped(scale: &Scale, load: Load) -> Result<Vec<Figure>> {
    // Half a token is one window that does not count and one that does.
    let scale = Scale { token_ms: Some(4000), ..*scale };
    let stage = Stage::new(&scale, NODES)?;
    let sleeper = *stage.ordinary()?.last().context("no member")?;
    let others = stage.others(&[sleeper]);
    let residents = Residents::start(&stage.cluster, load, 0, SETTLED_MAX)?;
    sleep(WINDOW * 2);
    let mut memory = Memory::of(&stage, &others)?;
    let stopped = now_ns();
    stage.cluster.node(sleeper)?.pause()?;
    memory.watch_for(scale.tokens(0.5))?;
    stage.cluster.node(sleeper)?.resume()?;
    memory.watch_for(WINDOW)?;
    let lives = residents.settle(&stage.cluster, SETTLED_MAX)?;
    check(&lives)?;
    let changes = stage.watch.most_changes(&stage.all, stopped)?;
    ensure!(changes == Changes::default(), "the view changed: {changes:?}");
    let what = "a member stopped for half a token";
    Ok(vec![
        lost(&lives, &others, stopped, WINDOW).of(what),
        memory.figure("daemons of the others").of(what),
    ])
}

/// The daemon of an ordinary member stops until more is kept for it than there is room for: it is
/// put out, for that reason, before it counts as dead.
pub fn member_left_behind(scale: &Scale, load: Load) -> Result<Vec<Figure>> {
    let scale = Scale { token_ms: Some(20_000), ..*scale };
    let stage = Stage::new(&scale, NODES)?;
    let sleeper = *stage.ordinary()?.last().context("no member")?;
    let others = stage.others(&[sleeper]);
    let residents = Residents::start(&stage.cluster, load, 0, SETTLED_MAX)?;
    sleep(WINDOW * 2);
    let mut memory = Memory::of(&stage, &others)?;
    let stopped = now_ns();
    stage.cluster.node(sleeper)?.pause()?;
    let expected = ids(&others);
    let until = Instant::now() + scale.tokens(0.9);
    let is_out = || stage.watch.when_in_view(others[0], &expected, stopped);
    while is_out()?.is_none() && Instant::now() < until {
        memory.look()?;
        sleep(LOOK_EVERY);
    }
    let out = is_out()?.context("it was not put out")?;
    stage.watch.wait(scale.tokens(1.0), "quorum of the others", |watch| {
        let acts = |&number: &usize| Ok(watch.state_of(number)?.is_some_and(|(_, acts)| acts));
        others.iter().map(acts).try_fold(true, |all, acts: Result<bool>| Ok(all && acts?))
    })?;
    let waited = without_quorum(&stage, others[0], out)?;
    memory.look()?;
    // From here on they need not keep anything for it.
    residents.send(false);
    stage.cluster.node(sleeper)?.resume()?;
    for &number in &others {
        why_out(&stage, number, sleeper, stopped)?;
    }
    let lives = residents.settle(&stage.cluster, SETTLED_MAX)?;
    check(&lives)?;
    let what = "a member that falls behind the repair buffer";
    // A stopped daemon keeps its lease, and whoever puts it out early waits for that (decision 5).
    Ok(vec![
        Figure::information("put out after", ms_between(stopped, out), "ms").of(what),
        Figure::information("others without quorum for", waited, "ms").of(what),
        lost(&lives, &others, stopped, WINDOW).of(what),
        memory.figure("daemons of the others").of(what),
    ])
}

/// For how long a node was not quorate since then, in milliseconds.
fn without_quorum(stage: &Stage, number: usize, since: u64) -> Result<f64> {
    let (mut total, mut lost) = (0.0, None);
    for event in stage.watch.events(number)?.iter().filter(|event| event.monotonic_ns >= since) {
        match (event.quorate(), lost) {
            (Some(false), None) => lost = Some(event.monotonic_ns),
            (Some(true), Some(at)) => {
                total += ms_between(at, event.monotonic_ns);
                lost = None;
            }
            _ => {}
        }
    }
    Ok(total)
}

/// The node says, in its events and in its log, that `lost` was put out because it fell behind.
fn why_out(stage: &Stage, number: usize, lost: usize, since: u64) -> Result<()> {
    let node = u32::try_from(lost)?;
    let views = stage.watch.views(number, since)?;
    // It may have come back since.
    let reason = views.iter().find_map(|view| view.reason_of(node));
    ensure!(reason == Some("lagging"), "node {number} says of node {lost}: {reason:?}");
    let log = stage.cluster.node(number)?.log();
    ensure!(log.contains("fell behind"), "node {number} does not log why node {lost} is out");
    Ok(())
}

/// A client that stops reading: it alone is let go, and nobody else notices.
pub fn client_stopped(scale: &Scale, load: Load) -> Result<Vec<Figure>> {
    let stage = Stage::new(scale, NODES)?;
    let number = *stage.ordinary()?.last().context("no member")?;
    let residents = Residents::start(&stage.cluster, load, 0, SETTLED_MAX)?;
    let words = format!("receive --group ordered --count 1000000 --members {}", NODES + 1);
    let client = load::start(stage.cluster.node(number)?, &words)?;
    let members = |count: usize| move |one: &crate::ordered::Resident| one.members() == count;
    residents.wait(&stage.cluster, "the client in the group", SETTLED_MAX, members(NODES + 1))?;
    sleep(WINDOW * 2);
    let mut memory = Memory::of(&stage, &[number])?;
    let stopped = now_ns();
    let process = client.process().context("the client has ended")?;
    kill_process(Pid::from_child(process), Signal::STOP)?;
    memory.watch_for(WINDOW * 3)?;
    residents.wait(&stage.cluster, "the client let go", SETTLED_MAX, members(NODES))?;
    memory.look()?;
    let lives = residents.settle(&stage.cluster, SETTLED_MAX)?;
    check(&lives)?;
    let changes = stage.watch.most_changes(&stage.all, stopped)?;
    ensure!(changes == Changes::default(), "the view changed: {changes:?}");
    for life in &lives {
        let left: Vec<_> = life.left().map(|(who, why)| (who.node.get(), why)).collect();
        let alone = [(u32::try_from(number)?, Reason::ProcessDown)];
        ensure!(left == alone, "{} saw others go than the client: {left:?}", life.me);
    }
    let what = "a client that stops reading";
    Ok(vec![
        lost(&lives, &stage.all, stopped, WINDOW).of(what),
        memory.figure("its daemon").of(what),
    ])
}

/// How much less the members on these nodes saw of each other a second after something stopped
/// than before it did, in percent, at the one that lost most.
fn lost(lives: &[Life], nodes: &[usize], stopped: u64, window: Duration) -> Figure {
    let on_them = |life: &&Life| ids(nodes).contains(&life.me.node.get());
    let senders: BTreeSet<u64> = lives.iter().filter(on_them).map(|life| life.number).collect();
    let window = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
    let mut most = 0.0_f64;
    for life in lives.iter().filter(on_them) {
        let between = |from: u64| {
            let heard = life.heard().filter(|(_, heard)| senders.contains(&heard.life));
            heard.filter(|(at, _)| (from..from + window).contains(at)).count() as f64
        };
        let (before, after) = (between(stopped - window), between(stopped + window));
        most = most.max((1.0 - after / before.max(1.0)) * 100.0);
    }
    Figure::amount("rate that others lose", most, "%", LOST_MAX)
}

/// What daemons grow to.
struct Memory {
    /// Processes, and what they had at the beginning, in MiB.
    daemons: Vec<(u32, f64)>,
    /// The most that one of them has grown by.
    most: f64,
}

impl Memory {
    fn of(stage: &Stage, numbers: &[usize]) -> Result<Self> {
        let mut daemons = Vec::new();
        for &number in numbers {
            let pid = stage.cluster.node(number)?.pid().context("no daemon")?;
            daemons.push((pid, resident_mib(pid)?));
        }
        Ok(Self { daemons, most: 0.0 })
    }

    fn look(&mut self) -> Result<()> {
        for &(pid, before) in &self.daemons {
            self.most = self.most.max(resident_mib(pid)? - before);
        }
        Ok(())
    }

    fn watch_for(&mut self, length: Duration) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.look()?;
            sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Strict: memory does not depend on what else the machine does.
    fn figure(&self, whose: &str) -> Figure {
        let what = format!("{whose} grow by");
        Figure::strict(what, self.most, "MiB", KEPT_MIB + BESIDES_MIB)
    }
}
