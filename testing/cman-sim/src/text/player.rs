//! Carries out the commands of a text scenario and says what happened.

use cman_node::Command as Order;
use cman_types::{NodeId, ViewId};
use core::time::Duration;
use std::{collections::BTreeMap, rc::Rc};

use super::{command::Command, words};
use crate::{
    checkers::messages::Phase,
    cluster::Cluster,
    host::Host,
    scenarios::stage,
    violation::Check,
    world::{Options, World, script::Script},
};

/// Frames that are written down from the start: those of view changes.
const TRACED: [&str; 13] = [
    "Propose",
    "Flush",
    "Nack",
    "Commit",
    "Recover",
    "Recovered",
    "Install",
    "Moved",
    "Leave",
    "Gone",
    "Kill",
    "PutOut",
    "Amend",
];

/// Most nodes of a scenario: more cannot be read.
const NODES_MAX: usize = 9;

/// How long it may take until all nodes are in one view.
const WHOLE_WITHIN: Duration = Duration::from_secs(30);

/// A cluster, once there is one.
#[derive(Debug, Default)]
pub(super) struct Player {
    world: Option<World>,
}

impl Player {
    /// Carries out a command; what it wrote.
    ///
    /// # Errors
    /// A sentence: the command makes no sense here.
    pub(super) fn play(&mut self, command: &Command) -> Result<Vec<String>, String> {
        if let Command::Begin { count, started, seed } = command {
            return self.begin(*count, *started, *seed);
        }
        let world = self.world.as_mut().ok_or("`nodes N` or `hosts N` comes first")?;
        let count = world.hosts.len();
        if hosts(command).iter().any(|host| *host >= count) {
            return Err(format!("there are {count} nodes"));
        }
        match command {
            Command::ShowViews => return Ok(views(world)),
            Command::ShowDelivered => return Ok(delivered(world)),
            command => {
                if let Err(violation) = act(world, command) {
                    return Err(format!("broken: {violation}"));
                }
            }
        }
        Ok(taken(world))
    }

    fn begin(&mut self, count: usize, started: bool, seed: u64) -> Result<Vec<String>, String> {
        if !(1..=NODES_MAX).contains(&count) {
            return Err(format!("1 to {NODES_MAX} nodes are possible"));
        }
        let mut world = World::new(Cluster::plain(count), Options::quiet(seed));
        world.script = Some(Script::default());
        if started {
            form(&mut world).map_err(|violation| format!("broken: {violation}"))?;
        }
        if let Some(script) = &mut world.script {
            script.traced.extend(TRACED.into_iter().map(str::to_owned));
            script.lines.clear();
        }
        world.listen();
        let views = views(&world);
        self.world = Some(world);
        Ok(views)
    }
}

/// Starts all nodes, the first one first: so it coordinates.
fn form(world: &mut World) -> Check {
    let all: Vec<usize> = (0..world.hosts.len()).collect();
    world.start(0);
    stage::wait_together(world, WHOLE_WITHIN, &[0])?;
    all.iter().for_each(|&host| world.start(host));
    stage::wait_together(world, WHOLE_WITHIN, &all)?;
    world.run_for(stage::token(world) * 2)
}

/// The hosts that a command names.
fn hosts(command: &Command) -> Vec<usize> {
    match command {
        Command::Start(hosts)
        | Command::Crash(hosts)
        | Command::Dirty(hosts)
        | Command::Await { hosts, .. } => hosts.clone(),
        Command::Newer(host)
        | Command::Config { host, .. }
        | Command::Stall(host, _)
        | Command::Leave { host, .. }
        | Command::Send { host, .. } => {
            vec![*host]
        }
        Command::Kill { host, target } => vec![*host, *target],
        Command::Drop(losses) => {
            losses.iter().flat_map(|loss| [loss.from, loss.to]).flatten().collect()
        }
        _ => Vec::new(),
    }
}

fn act(world: &mut World, command: &Command) -> Check {
    match command {
        Command::Newer(host) => configure(world, *host, |cluster, node| cluster.newer.push(node)),
        Command::Config { host, version } => {
            configure(world, *host, |cluster, _| cluster.config_version = *version);
            // The checkers do not look at who does not belong here.
            world.hosts[*host].observed = false;
        }
        Command::Start(hosts) => hosts.iter().for_each(|&host| world.start(host)),
        Command::Crash(hosts) => world.crash_together(hosts),
        Command::Stall(host, span) => world.stall(*host, *span),
        Command::Leave { host, remove } => order(world, *host, Order::Leave { remove: *remove }),
        Command::Kill { host, target } => {
            let node = world.hosts[*target].node;
            order(world, *host, Order::Kill { node });
        }
        Command::Dirty(hosts) => hosts.iter().for_each(|&host| order(world, host, Order::SetDirty)),
        Command::Send { host, count, size, safe } => {
            for _ in 0..*count {
                if world.say(*host, *size, *safe).is_none() {
                    note(world, format!("{:?} takes no message", world.hosts[*host].node));
                }
            }
        }
        Command::Strike(blow, point) => world.arm(*point, *blow, 1),
        Command::Pass => world.release(),
        Command::Run(span) => world.run_for(*span)?,
        Command::Await { hosts, within } => {
            let begin = world.now;
            stage::wait_together(world, *within, hosts)?;
            let tenths = (world.now - begin + 50_000_000) / 100_000_000;
            note(world, format!("after {}.{} s", tenths / 10, tenths % 10));
        }
        command => script(world, command),
    }
    world.failure()
}

/// From its next life on a host has another configuration.
fn configure(world: &mut World, host: usize, change: impl FnOnce(&mut Cluster, NodeId)) {
    let host = &mut world.hosts[host];
    change(Rc::make_mut(&mut host.cluster), host.node);
}

fn order(world: &mut World, host: usize, order: Order) {
    if let Err(refusal) = world.command(host, order) {
        note(world, format!("{:?} refuses: {refusal}", world.hosts[host].node));
    }
}

/// Changes what is lost and what is written down.
fn script(world: &mut World, command: &Command) {
    let Some(script) = &mut world.script else { return };
    match command {
        Command::Drop(losses) => script.losses.extend(losses.iter().cloned()),
        Command::Trace(kinds) => script.traced.extend(kinds.iter().cloned()),
        Command::Ignore(kinds) => script.traced.retain(|kind| !kinds.contains(kind)),
        _ => {}
    }
}

fn note(world: &mut World, line: String) {
    if let Some(script) = &mut world.script {
        script.lines.push(line);
    }
}

/// What was written since the last time. Frames that are sent again are counted where they were
/// sent first.
fn taken(world: &mut World) -> Vec<String> {
    let lines = world.script.as_mut().map(|script| core::mem::take(&mut script.lines));
    let mut counted: Vec<(String, usize)> = Vec::new();
    for line in lines.unwrap_or_default() {
        let again = |(known, _): &&mut (String, usize)| *known == line && line.contains(" -> ");
        match counted.iter_mut().find(again) {
            Some((_, count)) => *count += 1,
            None => counted.push((line, 1)),
        }
    }
    let shown = |(line, count)| match count {
        1 => line,
        count => format!("{line} ({count} times)"),
    };
    counted.into_iter().map(shown).collect()
}

/// Which nodes are in which view; those of whom the same holds in one line.
fn views(world: &World) -> Vec<String> {
    let mut states: Vec<(String, Vec<NodeId>)> = Vec::new();
    for host in &world.hosts {
        let state = state(world, host);
        match states.iter_mut().find(|(known, _)| *known == state) {
            Some((_, nodes)) => nodes.push(host.node),
            None => states.push((state, vec![host.node])),
        }
    }
    let shown = |(state, nodes): (String, Vec<NodeId>)| format!("{} {state}", words::nodes(nodes));
    states.into_iter().map(shown).collect()
}

fn state(world: &World, host: &Host) -> String {
    let Some(life) = &host.life else { return "off".to_owned() };
    let Some(view) = &life.view else { return "in no view".to_owned() };
    let frozen = !life.node.status(host.clock.local(world.now)).working;
    let frozen = if frozen { ", frozen or lost" } else { "" };
    let quorate = if host.claims(world.now) { "quorate" } else { "not quorate" };
    format!("in {} {}, {quorate}{frozen}", words::view(view.id), words::nodes(view.nodes()))
}

/// What each node delivered in each view: the place and the message; a dash for no place.
fn delivered(world: &mut World) -> Vec<String> {
    let mut lines: BTreeMap<(usize, ViewId), String> = BTreeMap::new();
    let mut phases: BTreeMap<(usize, ViewId), Phase> = BTreeMap::new();
    for heard in world.heard() {
        let at = (heard.host, heard.view);
        let line = lines.entry(at).or_default();
        if phases.insert(at, heard.phase).unwrap_or(Phase::Working) != heard.phase {
            line.push_str(match heard.phase {
                Phase::Working => "",
                Phase::Closing => " | at the end:",
                Phase::Transitional => " | transitional:",
            });
        }
        let place = match heard.number {
            0 => "-".to_owned(),
            place => place.to_string(),
        };
        line.push_str(&format!(" {place}:{:?}#{}", heard.key.sender.node, heard.key.number));
    }
    world.listen();
    let node = |host: usize| world.hosts[host].node;
    let lines = lines.into_iter();
    let shown = |((host, view), line)| format!("{:?} in {}:{line}", node(host), words::view(view));
    let lines: Vec<_> = lines.map(shown).collect();
    if lines.is_empty() { vec!["nothing".to_owned()] } else { lines }
}
