//! Faults that never end: architecture, invariant 7. At most 4 view changes in the first minute,
//! then at most 2 a minute; none as long as every pair has a path through one other node.

use cman_types::Prng;
use core::time::Duration;

use crate::{
    clock::{Real, nanos},
    cluster::Cluster,
    faults,
    network::Quality,
    reach::Reach,
    swarm::{self, Order, Outcome},
    violation::{Check, Violation},
    world::{
        Options, World,
        deed::{Deed, Paths},
    },
};

/// A fault that never ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lasting {
    /// Nearly a third of all datagrams is lost.
    Loss30,
    /// One direction of one path is cut.
    OneWay,
    /// A pair is cut both ways.
    TwoWay,
    /// A quarter of all directions is cut.
    QuarterCut,
    /// A node hears nobody.
    Deaf,
    /// A node is heard by nobody.
    Mute,
    /// A node stalls 1.2 T in each 1.8 T.
    Stalling,
    /// A node stalls 1.9 T in each 2.8 T.
    Sleeping,
    /// A path comes and goes.
    FlappingPath,
    /// A node dies and comes back, over and over.
    FlappingNode,
    /// A node is cut both ways from half of the others.
    HalfCut,
    /// Each node hears only its neighbours.
    Chain,
}

impl Lasting {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Loss30,
        Self::OneWay,
        Self::TwoWay,
        Self::QuarterCut,
        Self::Deaf,
        Self::Mute,
        Self::Stalling,
        Self::Sleeping,
        Self::FlappingPath,
        Self::FlappingNode,
        Self::HalfCut,
        Self::Chain,
    ];
}

/// How long a lasting fault is watched.
pub const WATCH: Duration = Duration::from_secs(240);

/// View changes in the first minute, at most.
pub const FIRST_MINUTE_MAX: usize = 4;

/// View changes in each further minute, at most.
pub const MINUTE_MAX: usize = 2;

/// Runs one seed with a fault that never ends.
#[must_use]
pub fn run(order: &Order) -> Outcome {
    let nodes = order.nodes.unwrap_or_else(|| swarm::draw_nodes(order.seed).max(3));
    let mut prng = Prng::new(order.seed.wrapping_mul(64) + nodes as u64);
    let mut options = Options::quiet(prng.next_u64());
    options.drift = prng.below(2) == 0;
    options.log = order.log;
    options.live = order.live;
    options.frames = order.frames;
    let mut world = World::new(Cluster::plain(nodes), options);
    let at = usize::try_from(prng.below(Lasting::ALL.len() as u64)).unwrap_or(0);
    let lasting = Lasting::ALL.get(at).copied().unwrap_or(Lasting::OneWay);
    let check = form(&mut world).and_then(|()| {
        let victim = draw_victim(&world, &mut prng);
        watch(&mut world, &mut prng, lasting, victim)
    });
    Outcome {
        nodes,
        reach: Reach::default(),
        check,
        tail: world.columns.tail(),
        simulated: world.now,
    }
}

/// All nodes start at once and become whole.
///
/// # Errors
/// They do not.
pub fn form(world: &mut World) -> Check {
    for host in 0..world.hosts.len() {
        world.start(host);
    }
    let token = world.cluster().token;
    swarm::become_whole(world, token * 3 + Duration::from_secs(2))?;
    world.run_for(token)
}

/// The coordinator, the next in line, or anybody.
fn draw_victim(world: &World, prng: &mut Prng) -> usize {
    match prng.below(3) {
        0 => faults::coordinator(world).unwrap_or(0),
        1 => faults::deputy(world).unwrap_or(0),
        _ => usize::try_from(prng.below(world.hosts.len() as u64)).unwrap_or(0),
    }
}

/// Lets a fault of one host last, and counts the views.
///
/// # Errors
/// Too many, or an invariant was broken.
pub fn watch(world: &mut World, prng: &mut Prng, lasting: Lasting, victim: usize) -> Check {
    world.installed.clear();
    world.lost_quorum.clear();
    let began = world.now;
    let none_expected = begin(world, prng, lasting, victim);
    world.log_world(&format!("from now on: {lasting:?}, views expected: {}", !none_expected));
    world.run_for(WATCH)?;
    if matches!(lasting, Lasting::Deaf | Lasting::Mute) {
        others_keep_quorum(world, victim, lasting);
    }
    count(world, began, none_expected, &format!("{lasting:?}"))
}

/// One node of three or more that hears nobody, or is heard by nobody, costs the others nothing, no
/// more than its death would..
fn others_keep_quorum(world: &mut World, victim: usize, lasting: Lasting) {
    let others = world.lost_quorum.iter().filter(|(_, host)| *host != victim);
    let lost: Vec<_> = others.copied().collect();
    if !lost.is_empty() {
        let what = format!("{lasting:?}: quorum lost at others than {victim}: {lost:?}");
        world.fail(Violation::new("majority keeps quorum", &[], what));
    }
}

/// Starts the fault; returns whether it must not change any view.
fn begin(world: &mut World, prng: &mut Prng, lasting: Lasting, victim: usize) -> bool {
    let hosts = world.hosts.len();
    let other = (victim + 1 + usize::try_from(prng.below(hosts as u64 - 1)).unwrap_or(0)) % hosts;
    let token = world.cluster().token;
    match lasting {
        Lasting::Loss30 => {
            let base = world.options.quality;
            world.act(Deed::Quality(Quality { loss: 300_000, ..base }));
            true
        }
        Lasting::OneWay => cut(world, vec![(victim, other)]),
        Lasting::TwoWay => cut(world, vec![(victim, other), (other, victim)]),
        Lasting::QuarterCut => {
            let all = world.paths_between(&(0..hosts).collect::<Vec<_>>());
            let some = all.into_iter().filter(|_| prng.below(4) == 0).collect();
            cut(world, some)
        }
        Lasting::Deaf => cut(world, world.paths_of(victim, false, true)),
        Lasting::Mute => cut(world, world.paths_of(victim, true, false)),
        Lasting::Stalling => every(world, token * 18 / 10, |_| {
            vec![(Duration::ZERO, Deed::Stall(victim, token * 12 / 10))]
        }),
        Lasting::Sleeping => every(world, token * 28 / 10, |_| {
            vec![(Duration::ZERO, Deed::Stall(victim, token * 19 / 10))]
        }),
        Lasting::FlappingPath => every(world, token * 3, |_| {
            let path = vec![(victim, other), (other, victim)];
            vec![(Duration::ZERO, Deed::Cut(path.clone())), (token * 3 / 2, Deed::Mend(path))]
        }),
        Lasting::FlappingNode => every(world, token * 4, |_| {
            vec![(Duration::ZERO, Deed::Crash(victim)), (token * 2, Deed::Start(victim))]
        }),
        Lasting::HalfCut => {
            let half: Paths = (1..=hosts / 2)
                .map(|step| (victim + step) % hosts)
                .flat_map(|far| [(victim, far), (far, victim)])
                .collect();
            cut(world, half)
        }
        Lasting::Chain => {
            let far = world.paths_between(&(0..hosts).collect::<Vec<_>>());
            cut(world, far.into_iter().filter(|(from, to)| from.abs_diff(*to) > 1).collect())
        }
    }
}

/// Cuts paths for good; returns whether every pair still has a path through one other node.
fn cut(world: &mut World, paths: Paths) -> bool {
    world.cut(&paths);
    every_pair_has_a_path(world)
}

/// Plans deeds over and over; returns false, because views may change.
fn every(
    world: &mut World,
    period: Duration,
    deeds: impl Fn(u32) -> Vec<(Duration, Deed)>,
) -> bool {
    let times = u32::try_from(nanos(WATCH) / nanos(period)).unwrap_or(u32::MAX);
    for time in 0..times {
        for (after, deed) in deeds(time) {
            world.later(period * time + after, deed);
        }
    }
    false
}

/// Whether every pair has a path, both ways, through at most one other node.
#[must_use]
pub fn every_pair_has_a_path(world: &World) -> bool {
    let hosts = world.hosts.len();
    let both = |a: usize, b: usize| world.network.connects(a, b) && world.network.connects(b, a);
    (0..hosts)
        .all(|a| (0..a).all(|b| both(a, b) || (0..hosts).any(|via| both(a, via) && both(via, b))))
}

/// Counts the views that any single node installed in each minute since `began`.
///
/// # Errors
/// Too many.
pub fn count(world: &mut World, began: Real, none_expected: bool, name: &str) -> Check {
    let minute = nanos(Duration::from_secs(60));
    let minutes = (world.now - began).div_ceil(minute);
    let mut worst = Vec::new();
    for number in 0..minutes {
        let window = began + number * minute..began + (number + 1) * minute;
        let views_of = |host: usize| {
            world.installed.iter().filter(|(at, who)| *who == host && window.contains(at)).count()
        };
        worst.push((0..world.hosts.len()).map(views_of).max().unwrap_or(0));
    }
    let bound = |number: usize| match (none_expected, number) {
        (true, _) => 0,
        (false, 0) => FIRST_MINUTE_MAX,
        (false, _) => MINUTE_MAX,
    };
    world.log_world(&format!("{name}: views per minute at the worst node: {worst:?}"));
    if worst.iter().enumerate().any(|(number, views)| *views > bound(number)) {
        let what =
            format!("{name}: {worst:?} views in the minutes, expected none: {none_expected}");
        world.fail(Violation::new("stability", &[], what));
    }
    if none_expected && !world.lost_quorum.is_empty() {
        let what = format!("{name}: quorum lost {} times", world.lost_quorum.len());
        world.fail(Violation::new("stability", &[], what));
    }
    world.failure()
}
