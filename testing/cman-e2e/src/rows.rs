//! The table of promises: each row with its name and what measures it.

use crate::{
    cases::{
        Scale, failure, formation, hold_back, idle, leave, partition, paths, restart, restless,
        slow, stalls, storm, strangers,
    },
    corosync,
    figure::Figure,
};
use anyhow::{Result, anyhow};

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What is promised, in words.
    pub promise: &'static str,
    /// Measures it once.
    pub run: fn(&Scale) -> Result<Vec<Figure>>,
    /// Whether times are measured that other work on the machine would lengthen. Such rows run
    /// alone and several times; the others run side by side, once, and count what must not happen.
    pub timed: bool,
}

/// All rows.
pub const ROWS: [Row; 19] = [
    Row {
        name: "formation",
        promise: "3, 16, 32 daemons started together: one quorate view within 2, 4, 8 s, at most \
                  4 views on the way",
        run: formation_row,
        timed: true,
    },
    Row {
        name: "failure",
        promise: "kill -9: one new view within token + 300 ms (+ 500 ms for several), no quorum \
                  event where a majority stays, the same at 3 and 16 nodes",
        run: failure_row,
        timed: true,
    },
    Row {
        name: "leave",
        promise: "clean leave: new view within 200 ms; expected votes lowered with `remove`",
        run: leave_row,
        timed: true,
    },
    Row {
        name: "restart",
        promise: "kill -9 and restart within 200 ms: back within 1 s",
        run: restart_row,
        timed: true,
    },
    Row {
        name: "idle",
        promise: "16 idle nodes, ordinary member: 6 datagrams/s, 16 MiB, 0.3 % of one core",
        run: |scale| idle::idle(scale, 16),
        timed: true,
    },
    Row {
        name: "partition",
        promise: "3 to 2 and heal, three times: the minority knows it first, one view within 3 s \
                  of healing",
        run: partition::three_to_two,
        timed: false,
    },
    Row {
        name: "cuts",
        promise: "paths cut one way and both ways for 60 s each: nothing changes",
        run: paths::cuts,
        timed: false,
    },
    Row {
        name: "loss",
        promise: "30 % loss on each path for 60 s: nothing changes",
        run: paths::loss,
        timed: false,
    },
    Row {
        name: "half",
        promise: "one of five cut from half of the others: nothing changes",
        run: paths::half_cut_off,
        timed: false,
    },
    Row {
        name: "chain",
        promise: "a chain of five: at most 4 views in the first minute, then 2 a minute",
        run: paths::chain,
        timed: false,
    },
    Row {
        name: "stalls",
        promise: "stopped for half a token: nothing; for 10 s: out once, back once, honest first",
        run: stalls_row,
        timed: false,
    },
    Row {
        name: "asleep",
        promise: "member or coordinator stopped for half a token while all send: no view change, \
                  messages flow within 100 ms of its waking, nothing lost",
        run: asleep_row,
        timed: true,
    },
    Row {
        name: "held-back",
        promise: "20 MB/s; a member's daemon stopped for half a token, one for longer than the \
                  repair buffer lasts, a client stopped: others keep 80 % of their rate after a \
                  second, memory bounded, who falls behind goes alone and for that reason",
        run: held_back_row,
        timed: true,
    },
    Row {
        name: "restless",
        promise: "one node that keeps falling asleep or losing its network: at most 4 views in \
                  the first minute, then 2 a minute",
        run: restless_row,
        timed: false,
    },
    Row {
        name: "strangers",
        promise: "another name, another key, no encryption: nothing changes, counted, a log line \
                  in 10 s that says what it is",
        run: strangers::foreigners,
        timed: false,
    },
    Row {
        name: "nonsense",
        promise: "10,000 random datagrams to each node: nothing changes, counted, a log line in \
                  10 s that says what it is",
        run: strangers::nonsense,
        // Not timed, but no neighbour for others.
        timed: true,
    },
    Row {
        name: "refusals",
        promise: "same id, not configured, other config_version: refused, nothing changes",
        run: strangers::refusals,
        timed: false,
    },
    Row {
        name: "storm",
        promise: "faults of every kind at random for a minute, four times: no invariant broken, \
                  one cluster afterwards",
        run: storm_row,
        timed: false,
    },
    Row {
        name: "corosync",
        promise: "corosync with its defaults, knet aes256/sha256, beside ours",
        run: corosync_row,
        timed: true,
    },
];

fn formation_row(scale: &Scale) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (nodes, limit_s) in [(3, 2.0), (16, 4.0), (32, 8.0)] {
        figures.extend(formation::together(scale, nodes, limit_s)?);
    }
    Ok(figures)
}

fn failure_row(scale: &Scale) -> Result<Vec<Figure>> {
    let mut figures = failure::kill_each(scale, 3, &failure::OF_THREE)?;
    figures.extend(failure::kill_each(scale, 16, &failure::ALL)?);
    Ok(figures)
}

fn leave_row(scale: &Scale) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (coordinator, remove) in [(false, false), (true, false), (false, true), (true, true)] {
        figures.extend(leave::leave(scale, 4, coordinator, remove)?);
    }
    Ok(figures)
}

fn restart_row(scale: &Scale) -> Result<Vec<Figure>> {
    let mut figures = restart::at_once(scale, 3, false)?;
    figures.extend(restart::at_once(scale, 3, true)?);
    Ok(figures)
}

fn stalls_row(scale: &Scale) -> Result<Vec<Figure>> {
    let mut figures = stalls::short(scale)?;
    figures.extend(stalls::long(scale, false)?);
    figures.extend(stalls::long(scale, true)?);
    Ok(figures)
}

fn asleep_row(scale: &Scale) -> Result<Vec<Figure>> {
    let mut figures = slow::member_stopped(scale)?;
    figures.extend(slow::coordinator_stopped(scale)?);
    Ok(figures)
}

fn held_back_row(scale: &Scale) -> Result<Vec<Figure>> {
    let mut figures = hold_back::member_stopped(scale, hold_back::FAST)?;
    figures.extend(hold_back::member_left_behind(scale, hold_back::FAST)?);
    figures.extend(hold_back::client_stopped(scale, hold_back::FAST)?);
    Ok(figures)
}

fn restless_row(scale: &Scale) -> Result<Vec<Figure>> {
    side_by_side(&[
        &|| restless::sleepy(scale, false, 3),
        &|| restless::sleepy(scale, true, 3),
        &|| restless::flapping(scale, false, 3),
        &|| restless::flapping(scale, true, 3),
    ])
}

/// Measures things that do not disturb each other at the same time.
fn side_by_side(measures: &[&(dyn Fn() -> Result<Vec<Figure>> + Sync)]) -> Result<Vec<Figure>> {
    std::thread::scope(|scope| {
        let started: Vec<_> = measures.iter().map(|measure| scope.spawn(*measure)).collect();
        let mut figures = Vec::new();
        for one in started {
            let measured = one.join().unwrap_or_else(|_| Err(anyhow!("a measurement panicked")));
            figures.extend(measured?);
        }
        Ok(figures)
    })
}

/// Four storms.
fn storm_row(scale: &Scale) -> Result<Vec<Figure>> {
    side_by_side(&[
        &|| storm::storm(scale, 11, scale.fault),
        &|| storm::storm(scale, 12, scale.fault),
        &|| storm::storm(scale, 13, scale.fault),
        &|| storm::storm(scale, 14, scale.fault),
    ])
}

fn corosync_row(scale: &Scale) -> Result<Vec<Figure>> {
    let mut figures = corosync::measure(3, scale.idle)?;
    figures.extend(corosync::measure(16, scale.idle)?);
    Ok(figures)
}
