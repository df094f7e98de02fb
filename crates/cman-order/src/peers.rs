//! The other members that may be asked.

use cman_types::Prng;

/// Indices of members in the view, without this node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Peers(Vec<u16>);

impl Peers {
    /// `members`, ascending, but `me`.
    pub(crate) fn new(members: impl IntoIterator<Item = u16>, me: u16) -> Self {
        Self(members.into_iter().filter(|member| *member != me).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `peer`, or if it may not be asked another.
    pub(crate) fn or_another(&self, peer: u16, prng: &mut Prng) -> u16 {
        if self.0.binary_search(&peer).is_ok() { peer } else { self.any(prng).unwrap_or(peer) }
    }

    /// Any of them.
    pub(crate) fn any(&self, prng: &mut Prng) -> Option<u16> {
        let count = u64::try_from(self.0.len()).unwrap_or(u64::MAX);
        let index = usize::try_from(prng.below(count)).unwrap_or(0);
        self.0.get(index).copied()
    }

    /// Somebody else than `silent`, who did not answer: by chance the first time, then all in
    /// turn, so that whoever holds it is asked in the end.
    pub(crate) fn instead_of(&self, silent: u16, tries: u32, prng: &mut Prng) -> u16 {
        let chosen = (tries <= 1).then(|| self.any(prng)).flatten();
        chosen.filter(|chosen| *chosen != silent).unwrap_or_else(|| {
            let next = self.0.partition_point(|peer| *peer <= silent);
            self.0.get(next).or(self.0.first()).copied().unwrap_or(silent)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_asked_in_turn() {
        let (peers, mut prng) = (Peers::new(0..5, 2), Prng::new(1));
        let (mut asked, mut seen) = (3, vec![]);
        for tries in 1..6 {
            let next = peers.instead_of(asked, tries, &mut prng);
            assert!(next != asked && next != 2);
            asked = next;
            seen.push(next);
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [0, 1, 3, 4]);
    }

    #[test]
    fn whoever_may_not_be_asked_is_not() {
        let (peers, mut prng) = (Peers::new([1, 4], 0), Prng::new(1));
        assert_eq!(peers.or_another(4, &mut prng), 4);
        assert!([1, 4].contains(&peers.or_another(3, &mut prng)));
        let pair = Peers::new(0..2, 0);
        assert_eq!(pair.instead_of(1, 1, &mut prng), 1);
    }
}
