//! The end of the sequence, passed on: a member that does not hear the coordinator, and to which
//! nobody else sends anything, would not know what it lacks.

use cman_types::Prng;

/// Repetitions by the coordinator after which others join in.
const JOIN_AFTER: u32 = 2;

/// Members that join in at a time, about.
const TELLERS: u64 = 3;

/// How often the coordinator told of the same end, which not all hold.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Hearsay {
    end: u64,
    times: u32,
    /// Whether it was told since this was last asked.
    is_new: bool,
}

impl Hearsay {
    /// The coordinator says that the sequence ends here, and that somebody lacks something.
    pub(crate) fn heard(&mut self, end: u64) {
        self.times = if end == self.end { self.times.saturating_add(1) } else { 0 };
        (self.end, self.is_new) = (end, true);
    }

    /// Whether to tell all, among so many members, of this end, up to which all is here.
    pub(crate) fn must_tell(&mut self, end: u64, members: usize, prng: &mut Prng) -> bool {
        let others = u64::try_from(members.saturating_sub(2)).unwrap_or(u64::MAX);
        let is_new = core::mem::take(&mut self.is_new);
        let helps = is_new && self.end == end && self.times >= JOIN_AFTER && others > 0;
        helps && (others <= TELLERS || prng.below(others) < TELLERS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_after_some_repetitions_and_once_for_each() {
        let (mut hearsay, mut prng) = (Hearsay::default(), Prng::new(1));
        let mut tell = |heard: Option<u64>, members| {
            heard.into_iter().for_each(|end| hearsay.heard(end));
            hearsay.must_tell(7, members, &mut prng)
        };
        assert_eq!([1, 2].map(|_| tell(Some(7), 3)), [false, false]);
        assert_eq!([tell(Some(7), 3), tell(None, 3), tell(Some(7), 2)], [true, false, false]);
        assert!(!tell(Some(8), 3));
        assert!(!tell(Some(7), 3));
    }
}
