//! A world: hosts, a network between them, one queue of events in simulated real time.
//!
//! | file | what |
//! |---|---|
//! | this one | time, lives, stalls, wake-ups: what the daemon's loop and the machine do |
//! | [`traffic`] | datagrams on their way, old ones replayed |
//! | [`observe`] | what nodes say, handed to the checkers |
//! | [`speech`] | nodes send messages |
//! | [`script`] | what a text scenario loses and writes down |
//! | [`witness`] | what is delivered, written down one by one |
//! | [`clients`] | their clients join groups, send in them, leave them, die |
//! | [`storage`] | what nodes write on their disks |
//! | `letters` | their clients bind ports, and send to ports |
//! | [`deed`] | what is done to the world: faults and their ends |

pub mod clients;
pub mod deed;
pub(crate) mod letters;
mod observe;
pub mod script;
pub mod speech;
mod storage;
#[cfg(test)]
mod tests;
mod traffic;
pub mod witness;

use cman_node::{Command, Node, Store, Stored};
use cman_types::{Epoch, Incarnation, Instant, MemberId, NodeId, Prng, Salt};
use core::time::Duration;
use std::{
    collections::BTreeSet,
    rc::Rc,
    sync::{Arc, Mutex},
};

use crate::{
    checkers::{
        barriers::Barriers, epochs::Epochs, groups::Groups, messages::Messages, ports::Ports,
        sleepers::Sleepers, votes::Votes, work::Work,
    },
    cipher::{Ledger, SimCipher},
    clock::{Clock, ERROR_MAX, PERFECT, Real, nanos},
    cluster::{Birth, Cluster, address},
    columns::Columns,
    disk::{Memory, Mood, USUAL_LATENCY},
    endings::Endings,
    history::History,
    host::{Claim, Datagram, End, Host, Life, Stage},
    network::{Network, Quality},
    queue::{Due, Queue},
    reach::{Place, Reach},
    triggers::Triggers,
    violation::{Check, Violation},
};
use clients::Clients;
use deed::Deed;
use script::Script;
use speech::Talk;
use storage::Written;
use traffic::Recorder;
use witness::Heard;

/// Milliseconds of the wall clock when the world begins.
const WALL_BEGIN_MS: u64 = 1_764_000_000_000;

/// How often the state of a host is compared with what it said.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What will happen.
#[derive(Debug)]
enum Happening {
    /// A datagram reaches a host.
    Arrive { host: usize, datagram: Rc<Datagram> },
    /// A stall may be over.
    Awake { host: usize },
    /// A disk has written, or failed to.
    Written(Box<Written>),
    /// Something is done to the world.
    Deed { generation: u32, deed: Box<Deed> },
    /// Somebody's state is looked at.
    Look { host: usize },
    /// A host has something to say.
    Speak { host: usize },
}

impl Happening {
    /// Where it happens, if that is one host.
    const fn host(&self) -> Option<usize> {
        match self {
            Self::Arrive { host, .. }
            | Self::Awake { host }
            | Self::Look { host }
            | Self::Speak { host } => Some(*host),
            Self::Written(written) => Some(written.host),
            Self::Deed { .. } => None,
        }
    }
}

/// How a world is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides everything.
    pub seed: u64,
    /// The network when no fault disturbs it.
    pub quality: Quality,
    /// Whether clocks run at different rates.
    pub drift: bool,
    /// How much later than it should a timer fires at most.
    pub timer_lateness: Duration,
    /// Whether a host hears its own multicasts.
    pub loopback: bool,
    /// Whether states are compared with what was said, all the time.
    pub look: bool,
    /// Whether every event is written to the column log.
    pub log: bool,
    /// Whether the column log goes to standard output at once.
    pub live: bool,
    /// Whether the log names all frames, beats included.
    pub frames: bool,
    /// How much nodes say to each other, if anything.
    pub talk: Option<Talk>,
}

impl Options {
    /// Perfect clocks, a quiet network.
    #[must_use]
    pub const fn quiet(seed: u64) -> Self {
        Self {
            seed,
            quality: Quality::QUIET,
            drift: false,
            timer_lateness: Duration::from_micros(50),
            loopback: false,
            look: true,
            log: false,
            live: false,
            frames: false,
            talk: None,
        }
    }
}

/// Hosts, network and time.
#[derive(Debug)]
pub struct World {
    /// Simulated real time.
    pub now: Real,
    /// All machines.
    pub hosts: Vec<Host>,
    /// What is between them.
    pub network: Network,
    /// Chance, decided by the seed.
    pub prng: Prng,
    /// What happened so far.
    pub history: History,
    /// The truth about votes.
    pub votes: Votes,
    /// Hosts on which an administrator waits for votes to be changed.
    pub amending: BTreeSet<usize>,
    /// The truth about messages.
    pub messages: Messages,
    /// What clients were told of groups.
    pub groups: Groups,
    /// What clients asked of barriers, and what came of it.
    pub barriers: Barriers,
    /// What clients were told of ports.
    pub ports: Ports,
    /// What this run reached.
    pub reach: Reach,
    /// Faults that wait for a frame.
    pub triggers: Triggers,
    /// What a text scenario loses and writes down.
    pub script: Option<Script>,
    /// How the world was set up.
    pub options: Options,
    /// The log.
    pub columns: Columns,
    queue: Queue<Happening>,
    epochs: Epochs,
    sleepers: Sleepers,
    work: Work,
    ledger: Arc<Mutex<Ledger>>,
    recorder: Recorder,
    /// What members told of their last views' messages.
    endings: Endings,
    /// What was delivered, if anybody listens.
    heard: Option<Vec<Heard>>,
    /// Deeds of older generations are not done any more: their faults were healed.
    generation: u32,
    failure: Option<Violation>,
    scratch: Vec<u8>,
    /// When a coordinator crashed last, to tell deaths together.
    coordinator_died_at: Real,
    /// A host half of whose hellos are late, and by how much at most.
    pub late_hellos: Option<(usize, Duration)>,
    /// Who installed a view, and when.
    pub installed: Vec<(Real, usize)>,
    /// Who lost quorum, and when.
    pub lost_quorum: Vec<(Real, usize)>,
}

impl World {
    /// One host for each node of the cluster, all switched on, no node running.
    #[must_use]
    pub fn new(cluster: Cluster, options: Options) -> Self {
        let mut prng = Prng::new(options.seed);
        let cluster = Rc::new(cluster);
        let nodes: Vec<NodeId> = cluster.votes.iter().map(|(node, _)| *node).collect();
        let hosts = nodes.into_iter().enumerate().map(|(index, node)| {
            let clock = draw_clock(&mut prng, options.drift);
            Host::new(node, Rc::clone(&cluster), address(index), clock)
        });
        let hosts: Vec<Host> = hosts.collect();
        Self::with_hosts(hosts, prng, options)
    }

    /// These hosts, in this order of addresses; for clusters that share a network.
    #[must_use]
    pub fn with_hosts(hosts: Vec<Host>, mut prng: Prng, options: Options) -> Self {
        let count = hosts.len();
        let network = Network::new(count, options.quality, Prng::new(prng.next_u64()));
        let mut world = Self {
            now: 0,
            network,
            prng,
            history: History::default(),
            votes: Votes::default(),
            amending: BTreeSet::new(),
            messages: Messages::default(),
            groups: Groups::default(),
            barriers: Barriers::default(),
            ports: Ports::default(),
            reach: Reach::default(),
            triggers: Triggers::default(),
            script: None,
            columns: Columns::new(options.log, options.live),
            queue: Queue::default(),
            epochs: Epochs::default(),
            sleepers: Sleepers::default(),
            work: Work::new(count),
            ledger: Arc::default(),
            recorder: Recorder::default(),
            endings: Endings::default(),
            heard: None,
            generation: 0,
            failure: None,
            scratch: Vec::with_capacity(2048),
            coordinator_died_at: 0,
            late_hellos: None,
            installed: Vec::new(),
            lost_quorum: Vec::new(),
            hosts,
            options,
        };
        if world.options.look {
            for host in 0..count {
                let first = nanos(LOOK_EVERY) * (host as u64 + 1) / count as u64;
                world.queue.push(first, Happening::Look { host });
            }
        }
        for host in 0..count {
            world.speak_later(host);
        }
        world.columns.head(&world.hosts);
        world
    }

    /// One more machine on the same network, before anything is wrong with it. Unobserved ones
    /// are of another cluster: the checkers do not look at them.
    pub fn add_host(&mut self, cluster: Cluster, node: NodeId, observed: bool) -> usize {
        let index = self.hosts.len();
        let clock = draw_clock(&mut self.prng, self.options.drift);
        let mut host = Host::new(node, Rc::new(cluster), address(index), clock);
        host.observed = observed;
        self.hosts.push(host);
        let prng = Prng::new(self.prng.next_u64());
        self.network = Network::new(index + 1, self.options.quality, prng);
        self.work = Work::new(index + 1);
        self.columns.head(&self.hosts);
        index
    }

    /// Takes away the machine that was added last, while nothing is wrong with the network.
    pub fn remove_last_host(&mut self) {
        self.end(self.hosts.len() - 1, End::Crashed);
        self.hosts.pop();
        let count = self.hosts.len();
        let prng = Prng::new(self.prng.next_u64());
        self.network = Network::new(count, self.options.quality, prng);
        self.work = Work::new(count);
        self.columns.head(&self.hosts);
    }

    /// The configuration of the first host.
    #[must_use]
    pub fn cluster(&self) -> Rc<Cluster> {
        Rc::clone(&self.hosts[0].cluster)
    }

    /// The invariant that was broken, if one was.
    pub fn failure(&self) -> Check {
        self.failure.clone().map_or(Ok(()), Err)
    }

    /// Notes a broken invariant; the first one stays.
    pub fn fail(&mut self, mut violation: Violation) {
        violation.at = self.now;
        if self.failure.is_none() {
            self.log_world(&format!("BROKEN {violation}"));
            self.failure = Some(violation);
        }
    }

    fn checked(&mut self, check: Check) {
        if let Err(violation) = check {
            self.fail(violation);
        }
    }

    /// Lets time pass until `until`.
    ///
    /// # Errors
    /// An invariant was broken.
    pub fn run_until(&mut self, until: Real) -> Check {
        self.run_while(until, |_| true).map(|_| ())
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// An invariant was broken.
    pub fn run_for(&mut self, span: Duration) -> Check {
        self.run_until(self.now + nanos(span))
    }

    /// Lets time pass until `until`, or until `going` says no after an event. Returns whether it
    /// said no.
    ///
    /// # Errors
    /// An invariant was broken.
    pub fn run_while(
        &mut self,
        until: Real,
        going: impl Fn(&Self) -> bool,
    ) -> Result<bool, Violation> {
        self.failure()?;
        while let Some((at, due)) = self.queue.pop_until(until) {
            self.now = at;
            match due {
                Due::Event(happening) => self.happen(happening),
                Due::Alarm(host) => self.timer(host),
            }
            self.failure()?;
            if !going(self) {
                return Ok(true);
            }
        }
        self.now = until;
        Ok(!going(self))
    }

    fn happen(&mut self, happening: Happening) {
        if happening.host().is_some_and(|host| host >= self.hosts.len()) {
            return; // That machine was taken away.
        }
        match happening {
            Happening::Arrive { host, datagram } => self.arrive(host, &datagram),
            Happening::Awake { host } => self.awake(host),
            Happening::Written(written) => self.written(&written),
            Happening::Deed { generation, deed } => {
                if generation == self.generation {
                    self.act(*deed);
                }
            }
            Happening::Look { host } => {
                self.look(host);
                self.queue.push(self.now + nanos(LOOK_EVERY), Happening::Look { host });
            }
            Happening::Speak { host } => self.speak(host),
        }
    }

    /// Starts the node of a host, if none runs there.
    pub fn start(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        if host.is_alive() {
            return;
        }
        let wall_ms = (WALL_BEGIN_MS + self.now / 1_000_000).saturating_sub(host.wall_behind_ms);
        let content = host.disk.content();
        let stored = content.map_or(0, |content| content.incarnation.0);
        let incarnation = Incarnation(wall_ms.max(stored + 1));
        let memory = host.disk.memory();
        let salt = Salt(u128_of(&mut self.prng).to_be_bytes());
        let me = MemberId { node: host.node, incarnation, salt };
        host.disk.begin_life(incarnation);
        // A starting daemon clears the published lease before its first datagram.
        host.claim = Claim::default();
        host.inbox.clear();
        host.stalled_until = 0;
        host.heard.fill(Instant::ZERO);
        host.proposing = None;
        host.lives += 1;
        host.disallowed = false;
        let birth = Birth {
            incarnation,
            salt,
            seed: self.prng.next_u64(),
            epoch_ceiling: content.and_then(|content| content.epoch_ceiling),
            wall_seconds: wall_ms / 1000,
            removed: content.is_some_and(|content| content.removed),
            raised: content.map_or(Epoch(0), |content| content.raised),
        };
        let setup = host.cluster.setup(host.node, index, &birth);
        let cipher = SimCipher { key: host.cluster.key, ledger: Arc::clone(&self.ledger) };
        let node = Node::new(host.clock.local(self.now), setup, Box::new(cipher));
        host.life = Some(Life {
            node,
            me,
            born: self.now,
            view: None,
            views: 0,
            settled: None,
            said_quorate: false,
            stored: Vec::new(),
            doomed: false,
            leaving: false,
            dirty: false,
            removing: false,
            clients: Clients::default(),
        });
        let clock_back = host.wall_behind_ms > 0;
        self.votes.begin(me, birth.removed);
        self.note_start(index, me, memory, (clock_back, birth.removed));
        self.settle(index);
    }

    fn note_start(
        &mut self,
        index: usize,
        me: MemberId,
        memory: Memory,
        (clock_back, removed): (bool, bool),
    ) {
        let again = self
            .history
            .lives
            .keys()
            .any(|old| (old.node, old.incarnation) == (me.node, me.incarnation));
        let mut places = Vec::new();
        match memory {
            Memory::Intact => {}
            Memory::Lost => places.push(Place::StateLost),
            Memory::RolledBack => places.push(Place::StateRolledBack),
        }
        if clock_back {
            places.push(Place::ClockBack);
        }
        if clock_back && memory == Memory::Lost {
            places.push(Place::LostAndBack);
        }
        if again {
            places.push(Place::SameIncarnation);
        }
        if removed {
            places.push(Place::Returns);
        }
        for place in places {
            self.reach.hit(place);
        }
        self.epochs.begin(index, memory);
        self.sleepers.begin(index);
        self.history.begin(me, self.now);
        self.log(index, || format!("starts as {me:?}, state {memory:?}"));
    }

    /// Ends the life on a host.
    pub fn end(&mut self, index: usize, end: End) {
        self.last_words(index);
        let host = &mut self.hosts[index];
        let Some(life) = host.life.take() else {
            return;
        };
        let coordinated = life.view.as_ref().is_some_and(|view| view.id.coordinator == life.me);
        let proposing = host.proposing.take();
        host.ended = Some(end);
        host.inbox.clear();
        self.queue.set_alarm(index, Real::MAX);
        if end != End::Crashed {
            // A daemon that stops in good order takes its page back.
            host.claim = Claim::default();
        }
        self.history.end(&life.me, self.now);
        self.groups.end(&life.me);
        self.ports.end(&life.me);
        self.votes.end(&life.me);
        self.amending.remove(&index);
        match end {
            End::Crashed => self.note_crash(coordinated, proposing),
            End::Left => {
                self.reach.hit(if life.removing { Place::Removes } else { Place::Leaves });
            }
            End::Fatal => {}
        }
        self.log(index, || format!("ends: {end:?}"));
    }

    fn note_crash(&mut self, coordinated: bool, proposing: Option<(cman_types::ViewId, Stage)>) {
        self.reach.hit(Place::Crashes);
        match proposing {
            Some((_, Stage::Flush)) => self.reach.hit(Place::DeadInFlush),
            Some((_, Stage::Recover)) => self.reach.hit(Place::DeadInRecover),
            Some((ballot, Stage::Install)) => {
                let record = self.history.views.get(&ballot);
                if record.is_none_or(|record| record.installers.len() < record.members.len()) {
                    self.reach.hit(Place::DeadInInstall);
                }
            }
            None if coordinated => self.reach.hit(Place::CoordinatorCrashes),
            None => {}
        }
        if coordinated || proposing.is_some() {
            self.coordinator_died_at = self.now.max(1);
        }
    }

    /// kill -9.
    pub fn crash(&mut self, index: usize) {
        if self.hosts[index].is_alive() {
            self.end(index, End::Crashed);
        }
    }

    /// Several machines lose power in the same instant.
    pub fn crash_together(&mut self, indices: &[usize]) {
        self.coordinator_died_at = 0;
        let alive = self.living().len();
        let mut dead = 0;
        for &index in indices {
            if self.hosts[index].is_alive() {
                self.crash(index);
                dead += 1;
            }
        }
        if self.coordinator_died_at > 0 && dead >= 2 {
            self.reach.hit(Place::DeadTogether);
        }
        if dead >= 2 && dead * 2 >= alive {
            self.reach.hit(Place::HalfDead);
        }
    }

    /// From now on and for so long the node of a host processes nothing.
    pub fn stall(&mut self, index: usize, span: Duration) {
        let until = self.now + nanos(span);
        let token = self.hosts[index].cluster.token;
        let host = &mut self.hosts[index];
        if !host.is_alive() || host.stalled_until >= until {
            return;
        }
        if self.now >= host.stalled_until {
            host.stalled_since = host.clock.local(self.now);
        }
        host.stalled_until = until;
        self.sleepers.sleeps(self.now, index);
        self.queue.push(until, Happening::Awake { host: index });
        self.reach.hit(Place::Stalls);
        if span > token {
            self.reach.hit(Place::LongStalls);
        }
        self.log(index, || format!("stalls for {} ms", span.as_millis()));
    }

    fn is_stalled(&self, index: usize) -> bool {
        self.now < self.hosts[index].stalled_until
    }

    /// Tells the node of a host something; an error is the node's refusal.
    ///
    /// # Errors
    /// The node refused, is stalled or does not run.
    pub fn command(&mut self, index: usize, command: Command) -> Result<(), String> {
        if self.is_stalled(index) {
            return Err("stalled".to_owned());
        }
        let host = &mut self.hosts[index];
        let local = host.clock.local(self.now);
        let Some(life) = &mut host.life else {
            return Err("not running".to_owned());
        };
        let answer =
            life.node.handle_command(local, command.clone()).map_err(|error| error.to_string());
        if let (Ok(()), Command::Leave { remove }) = (&answer, &command) {
            life.doomed = true;
            life.leaving = true;
            life.removing |= remove;
            if *remove {
                self.votes.removing(life.me);
            }
        }
        if let (Ok(()), Command::SetDirty) = (&answer, &command) {
            life.dirty = true;
            self.history.mark_dirty(life.me);
            self.reach.hit(Place::Marked);
        }
        if let (Ok(()), Command::Amend { .. }) = (&answer, &command) {
            self.amending.insert(index);
        }
        if let (Ok(()), Command::Kill { node }) = (&answer, &command) {
            self.reach.hit(Place::Kills);
            let target = self.hosts.iter_mut().filter(|host| host.node == *node);
            target.filter_map(|host| host.life.as_mut()).for_each(|life| life.doomed = true);
        }
        self.log(index, || format!("is told {command:?}: {answer:?}"));
        self.settle(index);
        answer
    }

    fn timer(&mut self, index: usize) {
        if !self.is_stalled(index) {
            let node = self.hosts[index].node;
            let check = self.work.timer(self.now, index, node);
            self.checked(check);
            self.wake(index);
        }
    }

    fn awake(&mut self, index: usize) {
        if self.is_stalled(index) || !self.hosts[index].is_alive() {
            return;
        }
        let local = self.hosts[index].clock.local(self.now);
        self.hosts[index].forgive_short_stall(local);
        self.log(index, || "wakes".to_owned());
        let host = &self.hosts[index];
        let local = host.clock.local(self.now);
        let working = host.life.as_ref().is_some_and(|life| life.node.status(local).working);
        self.sleepers.wakes(self.now, nanos(host.cluster.beat()), index, working);
        self.work.backlog(index, self.hosts[index].inbox.len() as u64);
        self.wake(index);
        self.look(index);
    }

    /// What the daemon's loop does: read all sockets, then say that they are empty, then timers,
    /// then what the disk had to say.
    fn wake(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let Some(life) = &mut host.life else {
            return;
        };
        let local = host.clock.local(self.now);
        while let Some(datagram) = host.inbox.pop() {
            self.scratch.clear();
            self.scratch.extend_from_slice(&datagram.bytes);
            let (from, lane) = (datagram.from, datagram.lane);
            life.node.handle_datagram(local, from, lane, datagram.multicast, &mut self.scratch);
            host.read.add(&datagram);
        }
        life.node.handle_drained(local);
        if life.node.poll_timeout().is_some_and(|at| at <= local) {
            life.node.handle_timeout(local);
        }
        for (store, ok) in core::mem::take(&mut life.stored) {
            let Store { epoch_ceiling, removed, .. } = store;
            life.node.handle_stored(local, Stored { epoch_ceiling, removed, ok });
        }
        self.settle(index);
    }

    /// After a batch of handlers: datagrams, events, the published page, the next timer.
    fn settle(&mut self, index: usize) {
        self.send_all(index);
        self.hear_events(index);
        self.publish(index);
        self.set_timer(index);
    }

    fn set_timer(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let Some(due) = host.life.as_ref().and_then(|life| life.node.poll_timeout()) else {
            return;
        };
        let due = host.clock.real_at(due);
        // A timer that is set already and fires no later will look again.
        if due >= self.queue.alarm(index) {
            return;
        }
        let late = nanos(self.options.timer_lateness);
        let at = due.max(self.now).saturating_add(self.prng.below(late + 1));
        self.queue.set_alarm(index, at);
    }

    /// From now on the clock of a host ticks at another rate.
    pub fn set_rate(&mut self, index: usize, rate: u64) {
        let host = &mut self.hosts[index];
        host.clock.set_rate(self.now, rate);
        if host.claims(self.now) {
            host.claim.until = host.clock.real_at(host.claim.deadline);
        }
        self.queue.set_alarm(index, Real::MAX);
        self.set_timer(index);
    }

    /// Does something to the world later, unless everything is healed before.
    pub fn later(&mut self, after: Duration, deed: Deed) {
        let generation = self.generation;
        self.queue
            .push(self.now + nanos(after), Happening::Deed { generation, deed: Box::new(deed) });
    }

    /// All faults end; nothing that was planned happens any more.
    pub fn heal(&mut self) {
        self.generation += 1;
        self.network.heal(self.options.quality);
        self.triggers = Triggers::default();
        for index in 0..self.hosts.len() {
            let host = &mut self.hosts[index];
            host.disk.set_mood(Mood::Works(USUAL_LATENCY));
            if self.now < host.stalled_until {
                host.stalled_until = self.now;
                self.queue.push(self.now, Happening::Awake { host: index });
            }
        }
        self.log_world("everything is healed");
    }

    /// The hosts on which nodes run.
    #[must_use]
    pub fn living(&self) -> Vec<usize> {
        (0..self.hosts.len()).filter(|&index| self.hosts[index].is_alive()).collect()
    }

    /// Writes a line to the column log.
    fn log(&mut self, index: usize, line: impl FnOnce() -> String) {
        if self.columns.is_on() || self.script.is_some() {
            let line = format!("{:?} {}", self.hosts[index].node, line());
            self.script_says(&line);
            self.columns.line(self.now, &self.hosts, Some(index), &line);
        }
    }

    /// Writes a line about no host in particular.
    pub fn log_world(&mut self, line: &str) {
        if self.columns.is_on() {
            self.columns.line(self.now, &self.hosts, None, line);
        }
    }
}

/// A clock with an origin and, if clocks drift, a rate of its own. Half of the clocks that drift
/// do so as much as they may.
pub fn draw_clock(prng: &mut Prng, drift: bool) -> Clock {
    let offset = prng.below(1_000_000_000_000);
    let rate = match prng.below(4) {
        _ if !drift => PERFECT,
        0 => PERFECT - ERROR_MAX,
        1 => PERFECT + ERROR_MAX,
        _ => PERFECT - ERROR_MAX + prng.below(2 * ERROR_MAX),
    };
    Clock::new(offset, rate)
}

fn u128_of(prng: &mut Prng) -> u128 {
    u128::from(prng.next_u64()) << 64 | u128::from(prng.next_u64())
}
