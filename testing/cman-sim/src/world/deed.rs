//! What is done to the world: faults, and how they end.

use cman_node::Command;
use core::time::Duration;

use super::World;
use crate::{disk::Mood, network::Quality, reach::Place};

/// One direction each, from and to.
pub type Paths = Vec<(usize, usize)>;

/// Something that is done to the world at a planned time.
#[derive(Clone, PartialEq, Debug)]
pub enum Deed {
    /// Start the node of a host.
    Start(usize),
    /// Cut these paths.
    Cut(Paths),
    /// End a cut.
    Mend(Paths),
    /// End a multicast failure.
    MendMulticast(Vec<usize>),
    /// End the loss on these paths.
    ClearLoss(Paths),
    /// The network changes for all.
    Quality(Quality),
    /// A disk changes.
    Disk(usize, Mood),
    /// A node stalls.
    Stall(usize, Duration),
    /// A node is killed.
    Crash(usize),
    /// A clock ticks at another rate.
    Rate(usize, u64),
    /// Clients of a node carry state from now on, if it is in a view.
    Mark(usize),
}

impl World {
    /// Does it now.
    pub fn act(&mut self, deed: Deed) {
        match deed {
            Deed::Start(host) => self.start(host),
            Deed::Cut(paths) => self.cut(&paths),
            Deed::Mend(paths) => self.mend(&paths),
            Deed::MendMulticast(hosts) => {
                for host in hosts {
                    self.network.mend_multicast(host);
                }
            }
            Deed::ClearLoss(paths) => {
                for (from, to) in paths {
                    self.network.set_loss(from, to, 0);
                }
            }
            Deed::Quality(quality) => self.network.quality = quality,
            Deed::Disk(host, mood) => self.hosts[host].disk.set_mood(mood),
            Deed::Stall(host, span) => self.stall(host, span),
            Deed::Crash(host) => self.crash(host),
            Deed::Rate(host, rate) => self.set_rate(host, rate),
            Deed::Mark(host) => _ = self.command(host, Command::SetDirty),
        }
    }

    /// Cuts paths until they are mended.
    pub fn cut(&mut self, paths: &[(usize, usize)]) {
        for &(from, to) in paths {
            self.network.cut(from, to);
        }
        self.log_world(&format!("cut: {}", self.names(paths)));
    }

    /// Mends paths.
    pub fn mend(&mut self, paths: &[(usize, usize)]) {
        for &(from, to) in paths {
            self.network.mend(from, to);
        }
        self.log_world(&format!("mended: {}", self.names(paths)));
    }

    /// Cuts paths for a time.
    pub fn cut_for(&mut self, span: Duration, paths: Paths) {
        self.cut(&paths);
        self.later(span, Deed::Mend(paths));
    }

    /// All paths from a host, to it, or both.
    #[must_use]
    pub fn paths_of(&self, host: usize, out: bool, into: bool) -> Paths {
        let others = (0..self.hosts.len()).filter(|&other| other != host);
        let mut paths = Vec::new();
        for other in others {
            if out {
                paths.push((host, other));
            }
            if into {
                paths.push((other, host));
            }
        }
        paths
    }

    /// All paths between hosts of different sides; `sides` names the side of each host.
    #[must_use]
    pub fn paths_between(&self, sides: &[usize]) -> Paths {
        let hosts = 0..self.hosts.len();
        let pairs = hosts.clone().flat_map(|from| hosts.clone().map(move |to| (from, to)));
        pairs.filter(|&(from, to)| sides.get(from) != sides.get(to)).collect()
    }

    /// Keeps multicast from hosts for a time, while unicast goes on.
    pub fn cut_multicast_for(&mut self, span: Duration, hosts: Vec<usize>) {
        for &host in &hosts {
            self.network.cut_multicast(host);
        }
        self.reach.hit(Place::MulticastDead);
        self.log_world(&format!("no multicast for hosts {hosts:?}"));
        self.later(span, Deed::MendMulticast(hosts));
    }

    /// Paths lose datagrams for a time.
    pub fn lose_for(&mut self, span: Duration, paths: Paths, per_million: u32) {
        for &(from, to) in &paths {
            self.network.set_loss(from, to, per_million);
        }
        self.log_world(&format!("{} % lost: {}", per_million / 10_000, self.names(&paths)));
        self.later(span, Deed::ClearLoss(paths));
    }

    /// A disk misbehaves for a time.
    pub fn trouble_disk(&mut self, span: Duration, host: usize, mood: Mood) {
        self.hosts[host].disk.set_mood(mood);
        self.reach.hit(Place::DiskTrouble);
        self.log(host, || format!("has a disk that {mood:?}"));
        self.later(span, Deed::Disk(host, Mood::Works(crate::disk::USUAL_LATENCY)));
    }

    fn names(&self, paths: &[(usize, usize)]) -> String {
        let name = |&(from, to): &(usize, usize)| {
            format!("{:?}->{:?}", self.hosts[from].node, self.hosts[to].node)
        };
        paths.iter().take(12).map(name).collect::<Vec<_>>().join(" ")
    }
}
