//! What goes wrong: kinds of faults, and how one of a kind is drawn and done.

use cman_node::Command;
use cman_types::{Amendment, Epoch, Prng};
use core::time::Duration;

use crate::{
    clock::{ERROR_MAX, PERFECT, nanos},
    disk::{Content, Mood, USUAL_LATENCY},
    host::Host,
    network::Quality,
    reach::Place,
    triggers::{Blow, Point},
    world::{World, deed::Deed},
};

macro_rules! kinds {
    ($($kind:ident, $name:literal, $text:literal;)+) => {
        /// A kind of fault.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Kind {
            $(#[doc = $text] $kind,)+
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// What it is called on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }

            /// What it does, for people.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$kind => $text),+ }
            }
        }
    };
}

kinds! {
    Crash, "crash", "a node dies and comes back, soon or late, with its state or without";
    CrashTogether, "crash-together", "the coordinator dies together with other nodes";
    CrashHalf, "crash-half", "half of the cluster dies at once";
    Lonely, "lonely", "a node restarts alone, its wall clock stepped back";
    Stall, "stall", "a node processes nothing for a while";
    OneWay, "one-way", "one direction of a path is cut";
    TwoWay, "two-way", "both directions of a path are cut";
    Node, "node", "a node hears nobody, is heard by nobody, or both";
    Partition, "partition", "the cluster falls into parts";
    Loss, "loss", "datagrams are lost";
    Duplicate, "duplicate", "datagrams arrive twice";
    Late, "late", "datagrams are late and overtaken";
    Multicast, "multicast", "multicast dies while unicast lives";
    Disk, "disk", "a disk is slow, fails or hangs";
    Leave, "leave", "a node leaves in good order";
    Remove, "remove", "a node leaves and gives up its votes";
    Kill, "kill", "an administrator puts a node out";
    Votes, "votes", "an administrator changes the votes of a node";
    Expected, "expected", "an administrator changes what is expected";
    Proposer, "proposer", "a proposer is struck in the middle of a view change";
    TwiceInARow, "twice", "a proposer is struck, and the next one as well";
    Replay, "replay", "old datagrams are replayed";
    Garbage, "garbage", "datagrams of garbage";
    Drift, "drift", "a clock changes its rate";
}

impl Kind {
    /// Whether it changes what votes are: such a kind is drawn by itself, because not all of them
    /// go together.
    #[must_use]
    pub const fn is_of_votes(self) -> bool {
        matches!(self, Self::Votes | Self::Expected)
    }

    /// The kind with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// Draws and does faults.
#[derive(Debug)]
pub struct Faults {
    prng: Prng,
    token: Duration,
}

impl Faults {
    /// Faults whose lengths go with the token.
    #[must_use]
    pub fn new(seed: u64, token: Duration) -> Self {
        Self { prng: Prng::new(seed), token }
    }

    /// Between `from` and `to` hundredths of the token.
    fn span(&mut self, from: u64, to: u64) -> Duration {
        let hundredths = from + self.prng.below(to - from);
        let fine = self.prng.below(nanos(self.token) / 100);
        Duration::from_nanos(nanos(self.token) / 100 * hundredths + fine)
    }

    /// One in `of`.
    fn one_in(&mut self, of: u64) -> bool {
        self.prng.below(of) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let at = usize::try_from(self.prng.below(from.len() as u64)).ok()?;
        from.get(at).copied()
    }

    /// A living node: the coordinator of the largest view, the next in line, or any.
    fn victim(&mut self, world: &World) -> Option<usize> {
        match self.prng.below(10) {
            0..=3 => coordinator(world).or_else(|| self.pick(&world.living())),
            4..=5 => deputy(world).or_else(|| self.pick(&world.living())),
            _ => self.pick(&world.living()),
        }
    }

    fn any_two(&mut self, world: &World) -> Option<(usize, usize)> {
        let all: Vec<usize> = (0..world.hosts.len()).collect();
        let first = self.victim(world)?;
        let others: Vec<usize> = all.into_iter().filter(|&host| host != first).collect();
        let second = self.pick(&others)?;
        Some(if self.one_in(2) { (first, second) } else { (second, first) })
    }

    /// Does one fault of the kind. False if there is nobody to do it to.
    pub fn strike(&mut self, world: &mut World, kind: Kind) -> bool {
        self.try_strike(world, kind).is_some()
    }

    fn try_strike(&mut self, world: &mut World, kind: Kind) -> Option<()> {
        match kind {
            Kind::Crash => {
                let victim = self.victim(world)?;
                world.crash(victim);
                self.bring_back(world, victim);
            }
            Kind::CrashTogether => self.crash_together(world)?,
            Kind::CrashHalf => self.crash_half(world)?,
            Kind::Lonely => self.lonely(world)?,
            Kind::Stall => {
                let victim = self.victim(world)?;
                let span = self.span(20, 400);
                world.stall(victim, span);
            }
            Kind::OneWay => {
                let path = self.any_two(world)?;
                let span = self.span(20, 600);
                world.cut_for(span, vec![path]);
            }
            Kind::TwoWay => {
                let (a, b) = self.any_two(world)?;
                let span = self.span(20, 600);
                world.cut_for(span, vec![(a, b), (b, a)]);
            }
            Kind::Node => {
                let victim = self.victim(world)?;
                let (out, into) = self.pick(&[(true, false), (false, true), (true, true)])?;
                let paths = world.paths_of(victim, out, into);
                let span = self.span(20, 500);
                world.cut_for(span, paths);
            }
            Kind::Partition => self.partition(world),
            Kind::Loss => self.loss(world)?,
            Kind::Duplicate | Kind::Late | Kind::Multicast => self.disturb(world, kind)?,
            Kind::Disk => self.disk(world)?,
            Kind::Leave | Kind::Remove => {
                let victim = self.victim(world)?;
                world.command(victim, Command::Leave { remove: kind == Kind::Remove }).ok()?;
                let after = self.span(100, 1000);
                world.later(after, Deed::Start(victim));
            }
            Kind::Kill => self.kill(world)?,
            Kind::Votes | Kind::Expected => self.amend(world, kind)?,
            Kind::Proposer => self.proposer(world, 1)?,
            Kind::TwiceInARow => self.proposer(world, 2)?,
            Kind::Replay => {
                let count = 5 + self.prng.below(60);
                world.replay(count);
            }
            Kind::Garbage => {
                let count = 5 + self.prng.below(60);
                world.garbage(count);
            }
            Kind::Drift => {
                let victim = self.victim(world)?;
                let rate = PERFECT - ERROR_MAX + self.prng.below(2 * ERROR_MAX);
                world.act(Deed::Rate(victim, rate));
            }
        }
        world.reach.hit(Place::Faults);
        Some(())
    }

    /// Weather and multicast: what happens to datagrams on their way.
    fn disturb(&mut self, world: &mut World, kind: Kind) -> Option<()> {
        let base = world.options.quality;
        match kind {
            Kind::Duplicate => {
                let duplicate = 50_000 + self.prng.below(250_000);
                self.weather(world, Quality { duplicate, ..base });
            }
            Kind::Late => {
                let late = 20_000 + self.prng.below(60_000);
                let late_max = self.token * 6 / 10;
                let jitter = Duration::from_micros(self.prng.below(40_000));
                self.weather(world, Quality { late, late_max, jitter, ..base });
            }
            _ => {
                let one = self.victim(world)?;
                let all: Vec<usize> = (0..world.hosts.len()).collect();
                let span = self.span(50, 800);
                world.cut_multicast_for(span, if self.one_in(2) { all } else { vec![one] });
            }
        }
        Some(())
    }

    /// A dead node will start again; until then its disk and wall clock may suffer.
    fn bring_back(&mut self, world: &mut World, dead: usize) {
        let host = &mut world.hosts[dead];
        // A node that left with remove keeps its state: forgetting that it gave up its votes is
        // outside of the promise.
        // So does one that knows of more votes than the configuration gives.
        let keeps = |content: Content| content.removed || content.raised != Epoch(0);
        let keeps = host.disk.content().is_some_and(keeps);
        match self.prng.below(8) {
            _ if keeps => {}
            0 => host.disk.lose(),
            1 => host.disk.roll_back(1 + usize::try_from(self.prng.below(12)).unwrap_or(0)),
            2 => host.disk.roll_back(1),
            _ => {}
        }
        match self.prng.below(8) {
            0 => host.wall_behind_ms += 1 + self.prng.below(3_600_000),
            1 => host.wall_behind_ms = 0,
            _ => {}
        }
        let after = match self.prng.below(4) {
            0 => {
                world.reach.hit(Place::FastRestarts);
                self.span(0, 8)
            }
            1 | 2 => self.span(8, 200),
            _ => self.span(200, 600),
        };
        world.later(after, Deed::Start(dead));
    }

    fn crash_together(&mut self, world: &mut World) -> Option<()> {
        let first = coordinator(world)?;
        let mut others: Vec<usize> = world.living();
        others.retain(|&host| host != first);
        let second = if self.one_in(2) { deputy(world)? } else { self.pick(&others)? };
        let victims = [first, second];
        world.crash_together(&victims);
        victims.into_iter().for_each(|dead| self.bring_back(world, dead));
        Some(())
    }

    fn crash_half(&mut self, world: &mut World) -> Option<()> {
        let mut living = world.living();
        let mut victims = Vec::new();
        while victims.len() < living.len() {
            let victim = self.pick(&living)?;
            living.retain(|&host| host != victim);
            victims.push(victim);
        }
        world.crash_together(&victims);
        victims.into_iter().for_each(|dead| self.bring_back(world, dead));
        Some(())
    }

    /// Epochs must grow even for a node that can ask nobody and whose wall clock lies.
    fn lonely(&mut self, world: &mut World) -> Option<()> {
        let victim = self.victim(world)?;
        let span = self.span(300, 500);
        let paths = world.paths_of(victim, true, true);
        world.cut_for(span, paths);
        world.crash(victim);
        world.hosts[victim].wall_behind_ms += 3_600_000 + self.prng.below(3_600_000);
        let after = self.span(5, 60);
        world.later(after, Deed::Start(victim));
        Some(())
    }

    fn partition(&mut self, world: &mut World) {
        let hosts = world.hosts.len();
        let parts = if self.one_in(4) { 3 } else { 2 };
        let sides: Vec<usize> =
            (0..hosts).map(|_| usize::try_from(self.prng.below(parts)).unwrap_or(0)).collect();
        let mut paths = world.paths_between(&sides);
        match self.prng.below(6) {
            // One way only: one side is heard by the other, but does not hear it.
            0 => paths.retain(|&(from, to)| sides.get(from) < sides.get(to)),
            // One host still reaches both sides.
            1 => {
                let bridge = world.draw_host();
                paths.retain(|&(from, to)| from != bridge && to != bridge);
            }
            // Not quite everything is cut.
            2 => paths.retain(|_| !self.one_in(4)),
            _ => {}
        }
        world.reach.hit(Place::Partitions);
        let span = self.span(50, 600);
        world.cut_for(span, paths);
    }

    fn loss(&mut self, world: &mut World) -> Option<()> {
        let per_million = 50_000 + self.prng.below(350_000);
        if self.one_in(2) {
            let base = world.options.quality;
            self.weather(world, Quality { loss: per_million, ..base });
        } else {
            let victim = self.victim(world)?;
            let paths = world.paths_of(victim, self.one_in(2), true);
            let span = self.span(50, 800);
            world.lose_for(span, paths, u32::try_from(per_million).unwrap_or(0));
        }
        Some(())
    }

    /// The whole network changes for a time.
    fn weather(&mut self, world: &mut World, quality: Quality) {
        world.log_world(&format!("network: {quality:?}"));
        let span = self.span(50, 800);
        world.act(Deed::Quality(quality));
        world.later(span, Deed::Quality(world.options.quality));
    }

    fn disk(&mut self, world: &mut World) -> Option<()> {
        if world.votes.are_raised(&world.cluster()) {
            return None; // Those who forget that are outside of the promise (decision 16).
        }
        let victim = self.victim(world)?;
        let slow = self.span(50, 1500);
        let mood = self.pick(&[Mood::Works(slow), Mood::Fails, Mood::Hangs])?;
        let span = self.span(100, 1000);
        world.trouble_disk(span, victim, mood);
        Some(())
    }

    fn kill(&mut self, world: &mut World) -> Option<()> {
        let victim = self.victim(world)?;
        let node = world.hosts[victim].node;
        let mut others = world.living();
        others.retain(|&host| host != victim);
        let by = self.pick(&others)?;
        world.command(by, Command::Kill { node }).ok()?;
        let after = self.span(300, 800);
        world.later(after, Deed::Start(victim));
        Some(())
    }

    /// Where quorum is, and one at a time, so that what is asked for fits what is counted. Expected
    /// votes are never lowered below all that there are: then nothing would be promised.
    fn amend(&mut self, world: &mut World, kind: Kind) -> Option<()> {
        let mut acting = world.living();
        acting.retain(|&host| world.hosts[host].claims(world.now));
        let by = self.pick(&acting)?;
        let cluster = world.cluster();
        let troubled = |host: &Host| host.disk.mood() != Mood::Works(USUAL_LATENCY);
        if !world.amending.is_empty() || world.hosts.iter().any(troubled) {
            return None;
        }
        let small = |votes: u64| u32::try_from(votes).unwrap_or(0);
        let amendment = if kind == Kind::Votes {
            let &(node, votes) = cluster.votes.get(self.pick(&acting)?)?;
            let more = 1 + small(self.prng.below(u64::from(cluster.expected_votes())));
            let votes = if self.one_in(3) { votes.max(1) } else { votes + more };
            Amendment::Votes { node, votes }
        } else {
            let more = small(self.prng.below(3));
            Amendment::Expected { votes: cluster.expected_votes() + more }
        };
        world.command(by, Command::Amend { ticket: 1, amendment }).ok()
    }

    /// Arms a trigger, and makes a view change happen.
    fn proposer(&mut self, world: &mut World, times: u8) -> Option<()> {
        let point = self.pick(Point::ALL.as_slice())?;
        let span = self.span(20, 400);
        let back_after = if self.one_in(4) { None } else { Some(self.span(4, 500)) };
        let blow = self.pick(&[
            Blow::Crash { back_after },
            Blow::Crash { back_after },
            Blow::Stall(span),
            Blow::CutOff(span),
            Blow::Mute(span),
            Blow::Deafen(span),
        ])?;
        world.arm(point, blow, times);
        let kind = self.pick(&[Kind::Crash, Kind::Crash, Kind::Leave, Kind::Partition])?;
        self.try_strike(world, kind)
    }
}

/// The coordinator of the largest view that a living node has installed, if it lives.
#[must_use]
pub fn coordinator(world: &World) -> Option<usize> {
    let living = world.living().into_iter().filter(|&host| world.hosts[host].coordinates());
    living.max_by_key(|&host| world.hosts[host].view().map_or(0, |view| view.members.len()))
}

/// The living node with the lowest id besides the coordinator: next in line among equals.
#[must_use]
pub fn deputy(world: &World) -> Option<usize> {
    let first = coordinator(world)?;
    world.living().into_iter().find(|&host| host != first)
}
