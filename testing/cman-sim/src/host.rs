//! One simulated machine: clock, disk, socket buffer, and the life of the node that runs on it.

use cman_node::{Lane, Node, Store};
use cman_types::{Instant, MemberId, NodeId, View, ViewId};
use core::{cell::Cell, net::SocketAddr};
use std::{collections::VecDeque, rc::Rc};

use crate::{
    clock::{Clock, Real},
    cluster::Cluster,
    disk::Disk,
    peek::Peek,
    world::clients::Clients,
};

/// A datagram on its way.
#[derive(Debug)]
pub struct Datagram {
    /// Which host sent it; none if it was made up.
    pub host: Option<usize>,
    /// When it was sent.
    pub sent_at: Real,
    /// The address it comes from.
    pub from: SocketAddr,
    /// To which port.
    pub lane: Lane,
    /// Whether it was sent to the group.
    pub multicast: bool,
    /// The sealed bytes.
    pub bytes: Vec<u8>,
    /// What the world reads in it.
    pub peek: Peek,
    /// Which hosts (the first 64) it reached already: a copy that comes later proves nothing.
    pub reached: Cell<u64>,
}

impl Datagram {
    /// Notes that a copy reached the host; true if it is the first one.
    pub fn first_at(&self, host: usize) -> bool {
        let bit = u32::try_from(host).ok().and_then(|host| 1u64.checked_shl(host)).unwrap_or(0);
        let before = self.reached.replace(self.reached.get() | bit);
        before & bit == 0
    }
}

/// How much passed a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Datagrams.
    pub datagrams: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames in them, and parts of long ones: what a node has to look at one by one.
    pub frames: u64,
}

impl Traffic {
    /// One more datagram passed.
    pub fn add(&mut self, datagram: &Datagram) {
        self.datagrams += 1;
        self.bytes += datagram.bytes.len() as u64;
        self.frames += datagram.peek.frames as u64;
    }
}

/// Bytes of datagrams that wait in a socket until the node reads them, at most.
pub const SOCKET_BUFFER: usize = 256 * 1024;

/// What a datagram takes of the socket buffer besides its bytes.
const DATAGRAM_OVERHEAD: usize = 512;

/// A socket with its buffer.
#[derive(Debug, Default)]
pub struct Inbox {
    queue: VecDeque<Rc<Datagram>>,
    bytes: usize,
}

impl Inbox {
    /// Queues a datagram; false if the buffer is full and it is lost.
    pub fn push(&mut self, datagram: Rc<Datagram>) -> bool {
        let size = datagram.bytes.len() + DATAGRAM_OVERHEAD;
        if self.bytes + size > SOCKET_BUFFER {
            return false;
        }
        self.bytes += size;
        self.queue.push_back(datagram);
        true
    }

    /// The datagram that came first.
    pub fn pop(&mut self) -> Option<Rc<Datagram>> {
        let datagram = self.queue.pop_front()?;
        self.bytes -= datagram.bytes.len() + DATAGRAM_OVERHEAD;
        Some(datagram)
    }

    /// How many datagrams wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Throws everything away.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What the published lease page of a host says. It outlives a crash of the daemon.
#[derive(Clone, Debug, Default)]
pub struct Claim {
    /// Until when clients may act, in real time.
    pub until: Real,
    /// The same on the node's clock.
    pub deadline: Instant,
    /// In which view.
    pub view: Option<Rc<View>>,
    /// Who says so.
    pub me: Option<MemberId>,
}

/// How a life ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// kill -9, or power off.
    Crashed,
    /// Left in good order.
    Left,
    /// Stopped itself because it was killed or refused.
    Fatal,
}

/// A node that runs.
#[derive(Debug)]
pub struct Life {
    /// The node.
    pub node: Node,
    /// Who it is.
    pub me: MemberId,
    /// When it started.
    pub born: Real,
    /// The view it installed last.
    pub view: Option<Rc<View>>,
    /// How many views it installed.
    pub views: u32,
    /// The newest view of which it said, as a hub, that it is settled. It may say so just before
    /// it tells of the view.
    pub settled: Option<ViewId>,
    /// What its last quorum event said.
    pub said_quorate: bool,
    /// The disk's answers that wait until the node is no longer stalled.
    pub stored: Vec<(Store, bool)>,
    /// It was told to leave, or an administrator had it killed: its end is no surprise.
    pub doomed: bool,
    /// It was told to leave.
    pub leaving: bool,
    /// Its clients carry state.
    pub dirty: bool,
    /// It was told to leave with `remove`.
    pub removing: bool,
    /// Who uses it.
    pub clients: Clients,
}

/// How far a host has come with a proposal of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// It sent the proposal.
    Flush,
    /// It sent the plan.
    Recover,
    /// It sent the decision.
    Install,
}

/// A machine.
#[derive(Debug)]
pub struct Host {
    /// Which node runs on it.
    pub node: NodeId,
    /// Its configuration.
    pub cluster: Rc<Cluster>,
    /// Its control address.
    pub address: SocketAddr,
    /// Its monotonic clock.
    pub clock: Clock,
    /// How many milliseconds its wall clock is behind.
    pub wall_behind_ms: u64,
    /// Its state directory.
    pub disk: Disk,
    /// The node, while it runs.
    pub life: Option<Life>,
    /// How many lives there were.
    pub lives: u32,
    /// How the last life ended.
    pub ended: Option<End>,
    /// What waits in its sockets.
    pub inbox: Inbox,
    /// Until when it is stalled.
    pub stalled_until: Real,
    /// Since when, on its own clock.
    pub stalled_since: Instant,
    /// What its published page says.
    pub claim: Claim,
    /// Until when it claimed quorum, at any time.
    pub claimed_until: Real,
    /// Its last life ended because it was disallowed.
    pub disallowed: bool,
    /// When the newest evidence of each node's life reached the socket, on the host's clock; by
    /// the position of the node in the configuration.
    pub heard: Vec<Instant>,
    /// The proposal it is carrying out.
    pub proposing: Option<(ViewId, Stage)>,
    /// What it sent.
    pub sent: Traffic,
    /// What it read.
    pub read: Traffic,
    /// Whether the checkers look at it. Not at hosts of foreign clusters.
    pub observed: bool,
}

impl Host {
    /// A machine that is switched on, with nothing running on it.
    #[must_use]
    pub fn new(node: NodeId, cluster: Rc<Cluster>, address: SocketAddr, clock: Clock) -> Self {
        Self {
            node,
            heard: vec![Instant::ZERO; cluster.len()],
            cluster,
            address,
            clock,
            wall_behind_ms: 0,
            disk: Disk::default(),
            life: None,
            lives: 0,
            ended: None,
            inbox: Inbox::default(),
            stalled_until: 0,
            stalled_since: Instant::ZERO,
            claim: Claim::default(),
            claimed_until: 0,
            disallowed: false,
            proposing: None,
            sent: Traffic::default(),
            read: Traffic::default(),
            observed: true,
        }
    }

    /// Whether a node runs on it.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.life.is_some()
    }

    /// Who runs on it.
    #[must_use]
    pub fn me(&self) -> Option<MemberId> {
        self.life.as_ref().map(|life| life.me)
    }

    /// The view that the running node installed last.
    #[must_use]
    pub fn view(&self) -> Option<&Rc<View>> {
        self.life.as_ref()?.view.as_ref()
    }

    /// Whether the running node coordinates the view that it installed last.
    #[must_use]
    pub fn coordinates(&self) -> bool {
        self.view().is_some_and(|view| Some(view.id.coordinator) == self.me())
    }

    /// It wakes at `local`. If its timers are hardly late, nothing tells it that it slept: what
    /// came meanwhile came just now.
    pub fn forgive_short_stall(&mut self, local: Instant) {
        let due = self.life.as_ref().and_then(|life| life.node.poll_timeout()).unwrap_or(local);
        if local.since(due) <= self.cluster.beat() * 2 {
            let since = self.stalled_since;
            let slept = self.heard.iter_mut().filter(|heard| **heard >= since);
            slept.for_each(|heard| *heard = local);
        }
    }

    /// Whether clients of this host are told at `now` that they may act.
    #[must_use]
    pub fn claims(&self, now: Real) -> bool {
        now < self.claim.until
    }
}
