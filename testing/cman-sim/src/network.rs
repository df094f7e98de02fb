//! The network between the hosts: who can reach whom, what is lost, how long it takes.

use cman_types::Prng;
use core::time::Duration;

use crate::clock::nanos;

/// How well all paths work; probabilities in parts per million.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quality {
    /// The shortest time that a datagram is on its way.
    pub latency: Duration,
    /// How much longer it may take.
    pub jitter: Duration,
    /// How many datagrams are lost.
    pub loss: u64,
    /// How many arrive twice.
    pub duplicate: u64,
    /// How many take up to `late_max` longer, and are overtaken.
    pub late: u64,
    /// How much longer those take at most.
    pub late_max: Duration,
}

impl Quality {
    /// A quiet switched network.
    pub const QUIET: Self = Self {
        latency: Duration::from_micros(60),
        jitter: Duration::from_micros(140),
        loss: 0,
        duplicate: 0,
        late: 0,
        late_max: Duration::ZERO,
    };
}

/// One direction of the path between two hosts.
#[derive(Clone, Copy, Debug, Default)]
struct Path {
    /// How many faults cut it now.
    cuts: u16,
    /// Parts per million lost on top of the general loss.
    loss: u32,
}

/// The delays after which the copies of one datagram arrive: none, one or two.
pub type Copies = [Option<u64>; 2];

/// A network between `hosts` hosts.
#[derive(Debug)]
pub struct Network {
    hosts: usize,
    paths: Vec<Path>,
    /// How many faults keep multicast from a host.
    multicast_cuts: Vec<u16>,
    /// How many faults keep the data lane from a host.
    data_cuts: Vec<u16>,
    /// What holds for all paths.
    pub quality: Quality,
    prng: Prng,
}

impl Network {
    /// A network in which everybody reaches everybody.
    #[must_use]
    pub fn new(hosts: usize, quality: Quality, prng: Prng) -> Self {
        Self {
            hosts,
            paths: vec![Path::default(); hosts * hosts],
            multicast_cuts: vec![0; hosts],
            data_cuts: vec![0; hosts],
            quality,
            prng,
        }
    }

    fn path(&mut self, from: usize, to: usize) -> Option<&mut Path> {
        self.paths.get_mut(from * self.hosts + to)
    }

    /// One more fault cuts the direction.
    pub fn cut(&mut self, from: usize, to: usize) {
        if let Some(path) = self.path(from, to) {
            path.cuts += 1;
        }
    }

    /// One fault less cuts the direction.
    pub fn mend(&mut self, from: usize, to: usize) {
        if let Some(path) = self.path(from, to) {
            path.cuts = path.cuts.saturating_sub(1);
        }
    }

    /// Datagrams in this direction are lost with this probability, besides the general loss.
    pub fn set_loss(&mut self, from: usize, to: usize, per_million: u32) {
        if let Some(path) = self.path(from, to) {
            path.loss = per_million;
        }
    }

    /// One more fault keeps multicast from the host; unicast is not touched.
    pub fn cut_multicast(&mut self, to: usize) {
        if let Some(cuts) = self.multicast_cuts.get_mut(to) {
            *cuts += 1;
        }
    }

    /// One fault less keeps multicast from the host.
    pub fn mend_multicast(&mut self, to: usize) {
        if let Some(cuts) = self.multicast_cuts.get_mut(to) {
            *cuts = cuts.saturating_sub(1);
        }
    }

    /// One more fault keeps the data lane from the host; membership traffic is not touched.
    pub fn cut_data(&mut self, to: usize) {
        if let Some(cuts) = self.data_cuts.get_mut(to) {
            *cuts += 1;
        }
    }

    /// One fault less keeps the data lane from the host.
    pub fn mend_data(&mut self, to: usize) {
        if let Some(cuts) = self.data_cuts.get_mut(to) {
            *cuts = cuts.saturating_sub(1);
        }
    }

    /// Whether the data lane reaches the host at all.
    #[must_use]
    pub fn carries_data(&self, to: usize) -> bool {
        self.data_cuts.get(to).is_none_or(|cuts| *cuts == 0)
    }

    /// All faults end.
    pub fn heal(&mut self, quality: Quality) {
        self.paths.fill(Path::default());
        self.multicast_cuts.fill(0);
        self.data_cuts.fill(0);
        self.quality = quality;
    }

    /// Whether datagrams can get from one host to another, apart from loss.
    #[must_use]
    pub fn connects(&self, from: usize, to: usize) -> bool {
        from == to || self.paths.get(from * self.hosts + to).is_some_and(|path| path.cuts == 0)
    }

    /// Decides the fate of one datagram to one host.
    pub fn carry(&mut self, from: usize, to: usize, multicast: bool) -> Copies {
        if from == to {
            return [Some(0), None];
        }
        let Some(path) = self.paths.get(from * self.hosts + to).copied() else {
            return [None, None];
        };
        let deaf = multicast && self.multicast_cuts.get(to).is_some_and(|cuts| *cuts > 0);
        if path.cuts > 0 || deaf {
            return [None, None];
        }
        let twice = self.quality.duplicate > 0 && self.prng.chance(self.quality.duplicate);
        [self.copy(path), if twice { self.copy(path) } else { None }]
    }

    fn copy(&mut self, path: Path) -> Option<u64> {
        let quality = self.quality;
        if quality.loss > 0 && self.prng.chance(quality.loss) {
            return None;
        }
        if path.loss > 0 && self.prng.chance(u64::from(path.loss)) {
            return None;
        }
        let mut delay = nanos(quality.latency) + self.prng.below(nanos(quality.jitter) + 1);
        if quality.late > 0 && self.prng.chance(quality.late) {
            delay += self.prng.below(nanos(quality.late_max) + 1);
        }
        Some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        Network::new(3, Quality::QUIET, Prng::new(1))
    }

    fn arrives(network: &mut Network, from: usize, to: usize, multicast: bool) -> bool {
        network.carry(from, to, multicast)[0].is_some()
    }

    #[test]
    fn cuts_are_one_way_and_add_up() {
        let mut network = network();
        network.cut(0, 1);
        network.cut(0, 1);
        assert!(!arrives(&mut network, 0, 1, false));
        assert!(arrives(&mut network, 1, 0, false));
        assert!(arrives(&mut network, 0, 2, false));
        network.mend(0, 1);
        assert!(!arrives(&mut network, 0, 1, false), "one of two faults is still there");
        network.mend(0, 1);
        assert!(arrives(&mut network, 0, 1, false));
    }

    #[test]
    fn multicast_dies_alone() {
        let mut network = network();
        network.cut_multicast(2);
        assert!(!arrives(&mut network, 0, 2, true));
        assert!(arrives(&mut network, 0, 2, false));
        assert!(arrives(&mut network, 0, 1, true));
        network.heal(Quality::QUIET);
        assert!(arrives(&mut network, 0, 2, true));
    }

    #[test]
    fn the_data_lane_dies_alone() {
        let mut network = network();
        network.cut_data(2);
        assert!(!network.carries_data(2) && network.carries_data(1));
        assert!(arrives(&mut network, 0, 2, false), "the other lane");
        network.mend_data(2);
        assert!(network.carries_data(2));
    }

    #[test]
    fn loss_duplication_and_lateness_have_their_share() {
        let mut network = network();
        network.quality = Quality {
            loss: 300_000,
            duplicate: 200_000,
            late: 500_000,
            late_max: Duration::from_secs(1),
            ..Quality::QUIET
        };
        let (mut lost, mut twice, mut late) = (0, 0, 0);
        for _ in 0..10_000 {
            let [first, second] = network.carry(0, 1, false);
            lost += u32::from(first.is_none());
            twice += u32::from(second.is_some());
            late += u32::from(first.is_some_and(|delay| delay > 1_000_000));
        }
        assert!((2_800..3_200).contains(&lost), "{lost}");
        assert!((1_250..1_550).contains(&twice), "{twice}");
        assert!((3_300..3_700).contains(&late), "{late}");
    }

    #[test]
    fn a_lossy_path_is_lossy_one_way() {
        let mut network = network();
        network.set_loss(0, 1, 1_000_000);
        assert!(!arrives(&mut network, 0, 1, false));
        assert!(arrives(&mut network, 1, 0, false));
    }
}
