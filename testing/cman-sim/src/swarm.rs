//! One seed, one life of a cluster: everything is drawn from the seed, the size of the cluster,
//! its configuration, the network, the kinds of faults and their times.
//!
//! 1. The nodes start, together or one by one.
//! 2. Most seeds tell a [story](stories): a schedule that chance alone would hardly find.
//! 3. *Safety*: at least 20 faults of at least 4 kinds in at least 60 s, invariants checked at
//!    every step.
//! 4. *Liveness*: everything is healed; in bounded time all living nodes are in one view, and have
//!    been for a token.
//! 5. The cluster is quiet, and stays so.
//! 6. Nodes die in the quiet cluster: the survivors know within token + 300 ms (several: 500 ms),
//!    and a majority never loses quorum.

use cman_types::{MemberId, NodeId, Prng};
use core::time::Duration;

use crate::{
    carrying::Carrying,
    clock::{Real, nanos},
    cluster::Cluster,
    faults::{self, Faults, Kind},
    host::End,
    network::Quality,
    reach::{Place, Reach},
    stories,
    violation::{Check, Violation},
    world::{
        Options, World,
        deed::Deed,
        speech::{BURST_MEAN, Talk},
    },
};

/// What to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Order {
    /// The seed.
    pub seed: u64,
    /// The number of nodes; drawn from the seed if not given.
    pub nodes: Option<usize>,
    /// Only faults of this kind.
    pub only: Option<Kind>,
    /// Keep the column log.
    pub log: bool,
    /// Print the column log at once.
    pub live: bool,
    /// Name all frames in it, beats included.
    pub frames: bool,
    /// Nodes send no messages.
    pub silent: bool,
}

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    /// How many nodes there were.
    pub nodes: usize,
    /// What it reached.
    pub reach: Reach,
    /// What was broken.
    pub check: Check,
    /// The end of the column log.
    pub tail: Vec<String>,
    /// How much time was simulated.
    pub simulated: Real,
}

/// Least number of faults of a run.
const FAULTS_MIN: u32 = 20;

/// Attempts at faults after which a run is given up.
const ATTEMPTS_MAX: usize = 1000;

/// Attempts after which a run that has seen too few kinds gets one more.
const PATIENCE: usize = 40;

/// Most faults of a run whose token is short.
const FAULTS_MAX: u32 = 90;

/// Least time of a run.
const SPAN_MIN: Duration = Duration::from_secs(60);

/// Least number of messages of a run whose nodes talk.
const MESSAGES_MIN: u64 = 1_000;

/// The time between two messages of a host that makes up for what was not said.
const HURRY: Duration = Duration::from_millis(10);

/// How long the longest hold-down lasts; see [`liveness_bound`].
const HOLD_MAX: Duration = Duration::from_secs(60);

/// How long it may take until a healed cluster is whole: the longest hold-down by a slow clock,
/// and ten attempts of a token and a half besides.
#[must_use]
pub fn liveness_bound(token: Duration) -> Duration {
    HOLD_MAX * 101 / 100 + token * 15
}

/// The number of nodes that a seed draws.
#[must_use]
pub fn draw_nodes(seed: u64) -> usize {
    let mut prng = Prng::new(seed ^ 0x006e_6f64_6573);
    match prng.below(20) {
        0 => 2,
        _ => 3 + usize::try_from(prng.below(7)).unwrap_or(0),
    }
}

/// Draws a configuration.
fn draw_cluster(prng: &mut Prng, nodes: usize) -> Cluster {
    let mut cluster = Cluster::plain(nodes);
    let ms = match prng.below(20) {
        0 => 200,
        1 => 300 + prng.below(400),
        2..=5 => 1000,
        6 => 3000 + prng.below(3000),
        _ => 2000,
    };
    cluster.token = Duration::from_millis(ms);
    if prng.below(4) == 0 {
        for (_, votes) in &mut cluster.votes {
            *votes = u32::try_from(prng.below(4)).unwrap_or(1);
        }
        if let Some((_, votes)) = cluster.votes.first_mut() {
            *votes += 1;
        }
    }
    if nodes > 2 && prng.below(10) == 0 {
        // One of them outweighs all others.
        let at = usize::try_from(prng.below(nodes as u64)).unwrap_or(0);
        let others: u32 = cluster.votes.iter().map(|(_, votes)| votes).sum();
        if let Some((_, votes)) = cluster.votes.get_mut(at) {
            *votes = others + 1;
        }
    }
    if prng.below(4) == 0 {
        let mut id = 0;
        for (node, _) in &mut cluster.votes {
            id += 1 + u32::try_from(prng.below(50)).unwrap_or(0);
            *node = NodeId::new(id).unwrap_or(*node);
        }
    }
    if nodes == 2 {
        cluster.two_node = prng.below(4) != 0;
        cluster.votes.iter_mut().for_each(|(_, votes)| *votes = 1);
    }
    cluster.wait_for_all = cluster.two_node || prng.below(8) == 0;
    cluster.multicast = prng.below(6) != 0;
    if cluster.multicast && prng.below(8) == 0 {
        let at = usize::try_from(prng.below(nodes as u64)).unwrap_or(0);
        cluster.unresolved.extend(cluster.votes.get(at).map(|(node, _)| *node));
    }
    cluster
}

fn draw_options(prng: &mut Prng, order: &Order, cluster: &Cluster) -> Options {
    let (nodes, token) = (cluster.votes.len(), cluster.token);
    let micros = |prng: &mut Prng, most| Duration::from_micros(prng.below(most));
    let mut quality = Quality::QUIET;
    if prng.below(4) == 0 {
        // A deputy has handed out leases before the old ones end only where a round trip is short
        // against the token.
        quality.latency = micros(prng, 2_000).min(token / 100);
        quality.jitter = micros(prng, 10_000).min(token / 40);
    }
    let beat = token / 12;
    let timer_lateness = match prng.below(6) {
        0 => beat / 4,
        1 => Duration::ZERO,
        _ => Duration::from_micros(50),
    };
    Options {
        seed: prng.next_u64(),
        quality,
        drift: prng.below(3) != 0,
        timer_lateness,
        loopback: prng.below(4) == 0,
        look: true,
        log: order.log,
        live: order.live,
        frames: order.frames,
        talk: Some(draw_talk(prng, nodes)).filter(|_| !order.silent),
    }
}

/// How much is said: in most runs not much more than [`MESSAGES_MIN`], because many short
/// histories find more than a few long ones; in some, enough for full windows.
fn draw_talk(prng: &mut Prng, nodes: usize) -> Talk {
    let mut talk = Talk::plain();
    let wanted = if prng.below(8) == 0 { 6_000 } else { MESSAGES_MIN } + prng.below(MESSAGES_MIN);
    let host_time = SPAN_MIN * u32::try_from(nodes).unwrap_or(1);
    talk.gap = Duration::from_nanos(nanos(host_time) * BURST_MEAN / wanted);
    if prng.below(4) == 0 {
        talk.small = 3000;
    }
    if prng.below(8) == 0 {
        talk.large = 300_000;
    }
    talk
}

/// The kinds of faults of a run: at least four, unless told which.
fn draw_kinds(prng: &mut Prng, only: Option<Kind>) -> Vec<Kind> {
    if let Some(only) = only {
        return vec![only];
    }
    let mut left = Kind::ALL.to_vec();
    left.retain(|kind| !kind.is_of_votes());
    let wanted = 4 + prng.below(left.len() as u64 - 4);
    let mut kinds = Vec::new();
    while (kinds.len() as u64) < wanted && !left.is_empty() {
        let at = usize::try_from(prng.below(left.len() as u64)).unwrap_or(0);
        kinds.push(left.swap_remove(at));
    }
    // One of both in a run: expected votes are not lowered below what nodes were given.
    match prng.clone().below(8) {
        0 => kinds.push(Kind::Votes),
        1 => kinds.push(Kind::Expected),
        _ => {}
    }
    kinds
}

/// Runs one seed.
#[must_use]
pub fn run(order: &Order) -> Outcome {
    let nodes = order.nodes.unwrap_or_else(|| draw_nodes(order.seed));
    let mut prng = Prng::new(order.seed.wrapping_mul(64) + nodes as u64);
    let cluster = draw_cluster(&mut prng, nodes);
    let options = draw_options(&mut prng, order, &cluster);
    let mut world = World::new(cluster, options);
    let check = live(&mut world, &mut prng, order);
    Outcome {
        nodes,
        reach: world.reach.clone(),
        check,
        tail: world.columns.tail(),
        simulated: world.now,
    }
}

fn live(world: &mut World, prng: &mut Prng, order: &Order) -> Check {
    let only = order.only;
    start_all(world, prng);
    let token = world.cluster().token;
    if prng.below(2) == 0 {
        become_whole(world, token * 4 + Duration::from_secs(2))?;
    }
    if only.is_none() && prng.below(4) != 0 {
        stories::tell_one(world, prng)?;
    }
    let mut carrying = Carrying::draw(order.seed);
    suffer(world, prng, &mut carrying, only)?;
    heal(world, prng);
    carrying.decide(world, liveness_bound(token))?;
    remain_whole(world, liveness_bound(token))?;
    world.reach.hit(Place::LiveAfterHeal);
    stay_quiet(world, token * 3)?;
    speak_enough(world)?;
    die_quietly(world, prng)?;
    come_to_rest(world)
}

/// Where few nodes lived to talk, those that do now say the rest.
fn speak_enough(world: &mut World) -> Check {
    let Some(usual) = world.talking() else { return Ok(()) };
    world.talk(Some(Talk { gap: HURRY, ..usual }));
    while world.messages.accepted < MESSAGES_MIN {
        world.run_for(HURRY * 10)?;
    }
    world.talk(Some(usual));
    Ok(())
}

/// Nobody says anything any more: everything that was accepted has arrived everywhere.
fn come_to_rest(world: &mut World) -> Check {
    world.talk(None);
    world.run_for(world.cluster().token)?;
    let (accepted, delivered) = (world.messages.accepted, world.messages.delivered);
    world.reach.add(Place::Messages, accepted);
    world.reach.add(Place::Deliveries, delivered);
    world.reach.add(Place::GroupEvents, world.groups.events);
    world.reach.add(Place::PortEvents, world.ports.events);
    match world.living().first() {
        Some(&host) => world.check_at_rest(host),
        None => Ok(()),
    }
}

fn start_all(world: &mut World, prng: &mut Prng) {
    let token = nanos(world.cluster().token);
    let within = match prng.below(3) {
        0 => 0,
        1 => token / 10,
        _ => token * 2,
    };
    for host in 0..world.hosts.len() {
        let after = Duration::from_nanos(prng.below(within + 1));
        world.later(after, Deed::Start(host));
    }
}

/// The safety phase.
fn suffer(
    world: &mut World,
    prng: &mut Prng,
    carrying: &mut Carrying,
    only: Option<Kind>,
) -> Check {
    let token = world.cluster().token;
    let mut kinds = draw_kinds(prng, only);
    world.log_world(&format!("faults: {kinds:?}"));
    let mut faults = Faults::new(prng.next_u64(), token);
    let until = world.now + nanos(SPAN_MIN);
    let shortest = nanos(SPAN_MIN) / u64::from(FAULTS_MAX);
    let gap = (nanos(token) / 100 * (30 + prng.below(90))).max(shortest);
    let (mut attempts, mut done) = (0, 0);
    let mut seen = Vec::new();
    while world.now < until || done < FAULTS_MIN || (seen.len() < 4 && only.is_none()) {
        if attempts > ATTEMPTS_MAX {
            let what = format!("{done} faults of kinds {seen:?} in {attempts} attempts");
            world.fail(Violation::new("a run has its faults", &[], what));
            return world.failure();
        }
        world.run_for(Duration::from_nanos(gap / 2 + prng.below(gap)))?;
        // The first faults go through the kinds in turn, so that each of them is tried.
        let at = if attempts < 2 * kinds.len() {
            attempts % kinds.len()
        } else {
            usize::try_from(prng.below(kinds.len() as u64)).unwrap_or(0)
        };
        attempts += 1;
        carrying.go_on(world);
        if attempts % PATIENCE == 0 && seen.len() < 4 && only.is_none() {
            // Some kinds find nobody in this cluster: another one joins.
            let others: Vec<Kind> =
                Kind::ALL.iter().copied().filter(|kind| !kind.is_of_votes()).collect();
            let at = usize::try_from(prng.below(others.len() as u64)).unwrap_or(0);
            kinds.extend(others.get(at));
        }
        if world.living().is_empty() {
            // All are dead and nobody is told to come back: an administrator does something.
            let host = world.draw_host();
            world.start(host);
        }
        let kind = kinds.get(at).copied().unwrap_or(Kind::Crash);
        if faults.strike(world, kind) {
            done += 1;
            if !seen.contains(&kind) {
                seen.push(kind);
            }
        }
        world.failure()?;
    }
    Ok(())
}

/// All faults end; whoever died is started, whoever left stays away or comes back.
fn heal(world: &mut World, prng: &mut Prng) {
    world.heal();
    for host in 0..world.hosts.len() {
        let stays_away = world.hosts[host].ended == Some(End::Left) && prng.below(2) == 0;
        if !stays_away {
            world.start(host);
        }
    }
    if world.living().is_empty() {
        world.start(0);
    }
}

/// All living nodes are in one view that holds nobody else, and quorate if votes suffice.
#[must_use]
pub fn is_whole(world: &World) -> bool {
    let living = world.living();
    let Some(view) = living.first().and_then(|&host| world.hosts[host].view()) else {
        return false;
    };
    let cluster = &world.hosts[0].cluster;
    let must_act = world.votes.must_suffice(cluster, view);
    view.members.len() == living.len()
        && living.iter().all(|&index| {
            let host = &world.hosts[index];
            host.view().is_some_and(|other| other.id == view.id)
                && host.me().is_some_and(|me| view.contains(&me))
                && (!must_act || host.claims(world.now))
                && host.life.as_ref().is_some_and(|life| {
                    !life.leaving && life.node.status(host.clock.local(world.now)).working
                })
        })
}

/// Waits until the cluster is whole.
///
/// # Errors
/// It is not whole in time, or an invariant was broken.
pub fn become_whole(world: &mut World, within: Duration) -> Check {
    let until = world.now + nanos(within);
    while world.now < until {
        world.run_for(Duration::from_millis(20))?;
        if is_whole(world) {
            return Ok(());
        }
    }
    Err(not_whole(world, within))
}

/// Waits until the cluster is whole and has been for a token: nodes that have just started grant
/// nothing for a while, and who was silent for almost a token when all was healed may still be put
/// out, although it was whole at that moment. It is taken in again.
///
/// # Errors
/// It is not whole in time, or an invariant was broken.
pub fn remain_whole(world: &mut World, within: Duration) -> Check {
    let (until, token) = (world.now + nanos(within), world.cluster().token);
    while world.now < until {
        become_whole(world, Duration::from_nanos(until - world.now))?;
        world.installed.clear();
        world.run_for(token)?;
        if world.installed.is_empty() {
            return Ok(());
        }
    }
    Err(not_whole(world, within))
}

fn not_whole(world: &mut World, within: Duration) -> Violation {
    let describe = |&index: &usize| {
        let host = &world.hosts[index];
        let view = host.view().map(|view| {
            let nodes: Vec<NodeId> = view.nodes().collect();
            (view.id.epoch, nodes)
        });
        let votes = host.life.as_ref().map(|life| {
            let status = life.node.status(host.clock.local(world.now));
            (status.votes, status.needed, status.expected_votes)
        });
        format!(
            "{:?} quorate {} in {view:?} (votes, needed, expected) {votes:?}",
            host.node,
            host.claims(world.now)
        )
    };
    let states: Vec<String> = world.living().iter().map(describe).collect();
    let nodes: Vec<NodeId> = world.living().iter().map(|&host| world.hosts[host].node).collect();
    let what = format!("not whole within {} ms: {}", within.as_millis(), states.join("; "));
    let violation = Violation::new("liveness after healing", &nodes, what);
    world.fail(violation.clone());
    Violation { at: world.now, ..violation }
}

/// A whole cluster without faults installs no view and loses no quorum.
///
/// # Errors
/// It does.
pub fn stay_quiet(world: &mut World, span: Duration) -> Check {
    world.installed.clear();
    world.lost_quorum.clear();
    world.run_for(span)?;
    let Some(&(at, host)) = world.installed.first().or(world.lost_quorum.first()) else {
        return Ok(());
    };
    let what = format!(
        "although nothing happened: views {:?}, losses of quorum {:?} (when, host)",
        world.installed, world.lost_quorum
    );
    let node = world.hosts[host].node;
    world.now = world.now.max(at);
    world.fail(Violation::new("quiet stays quiet", &[node], what));
    world.failure()
}

/// Nodes die in a quiet cluster.
fn die_quietly(world: &mut World, prng: &mut Prng) -> Check {
    let living = world.living();
    let Some(coordinator) = faults::coordinator(world).filter(|_| living.len() >= 2) else {
        return Ok(());
    };
    let members: Vec<usize> = living.iter().copied().filter(|&host| host != coordinator).collect();
    let any = |prng: &mut Prng| {
        let at = usize::try_from(prng.below(members.len() as u64)).unwrap_or(0);
        members.get(at).copied().unwrap_or(coordinator)
    };
    let victims = match prng.below(4) {
        0 => vec![any(prng)],
        1 => vec![coordinator],
        2 => vec![coordinator, faults::deputy(world).unwrap_or(coordinator)],
        _ => vec![coordinator, any(prng)],
    };
    if victims.len() >= living.len() {
        return Ok(());
    }
    world.reach.hit(Place::TimedCrashes);
    crash_and_time(world, &victims)
}

/// The lives that run on these hosts.
fn survivors_of(world: &World, hosts: &[usize]) -> Vec<MemberId> {
    hosts.iter().filter_map(|&host| world.hosts[host].me()).collect()
}

/// Kills these hosts of a quiet cluster; the survivors must know in time, with one view each.
///
/// # Errors
/// They do not, or a majority lost quorum, or an invariant was broken.
pub fn crash_and_time(world: &mut World, victims: &[usize]) -> Check {
    let cluster = world.cluster();
    world.installed.clear();
    world.lost_quorum.clear();
    let claimed = world.living().iter().any(|&host| world.hosts[host].claims(world.now));
    world.crash_together(victims);
    let survivors = world.living();
    let more = if victims.len() > 1 { 500 } else { 300 };
    let bound = cluster.token * 101 / 100 + Duration::from_millis(more);
    world.run_for(bound)?;
    let nodes: Vec<NodeId> = survivors.iter().map(|&host| world.hosts[host].node).collect();
    let know = survivors.iter().all(|&host| {
        world.hosts[host].view().is_some_and(|view| view.nodes().eq(nodes.iter().copied()))
    });
    if !know {
        let what = format!("survivors are not in one view of their own after {bound:?}");
        world.fail(Violation::new("detection time", &nodes, what));
    }
    world.run_for(cluster.token)?;
    if world.installed.len() != survivors.len() {
        let what = format!("{} views for {} survivors", world.installed.len(), survivors.len());
        world.fail(Violation::new("one view for a death", &nodes, what));
    }
    let majority = world.votes.suffice(&cluster, &survivors_of(world, &survivors));
    let majority = majority && !cluster.two_node;
    if majority && claimed && !world.lost_quorum.is_empty() {
        let what = format!("quorum lost at {:?}", world.lost_quorum);
        world.fail(Violation::new("a majority keeps quorum", &nodes, what));
    }
    world.failure()
}
