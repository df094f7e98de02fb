//! What is known of the fencing of one node.

use bytes::Bytes;

/// When and by what a node was fenced last.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FenceRecord {
    /// In seconds since 1970, by the account of whoever reported it.
    pub at: u64,
    /// By which agent.
    pub agent: Bytes,
    /// Whether it was since it last went down (FR-04).
    pub fenced: bool,
    /// Whether it was reported while the node was a member: then it is for this that the node
    /// goes down next.
    pub while_up: bool,
}

impl FenceRecord {
    /// FR-04: the node went down.
    pub(crate) const fn went_down(&mut self) {
        self.fenced = self.fenced && self.while_up;
        self.while_up = false;
    }

    /// FR-05: the newer of two accounts of the same node; of the same fencing, what neither of
    /// them denies.
    pub(crate) fn or_newer(self, other: Self) -> Self {
        let (this, that) = ((self.at, &self.agent), (other.at, &other.agent));
        match this.cmp(&that) {
            core::cmp::Ordering::Less => other,
            core::cmp::Ordering::Greater => self,
            core::cmp::Ordering::Equal => Self {
                fenced: self.fenced && other.fenced,
                while_up: self.while_up && other.while_up,
                ..self
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at: u64, agent: &'static [u8], fenced: bool, while_up: bool) -> FenceRecord {
        FenceRecord { at, agent: Bytes::from_static(agent), fenced, while_up }
    }

    /// FR-04.
    #[test]
    fn one_fencing_is_good_for_one_fall() {
        let mut reported_up = record(1, b"a", true, true);
        reported_up.went_down();
        assert_eq!(reported_up, record(1, b"a", true, false));
        reported_up.went_down();
        assert_eq!(reported_up, record(1, b"a", false, false));
    }

    /// FR-05.
    #[test]
    fn which_of_two_accounts_stands_does_not_depend_on_their_order() {
        let all: Vec<_> = [1, 2]
            .into_iter()
            .flat_map(|at| [&b"a"[..], b"b"].map(|agent| (at, agent)))
            .flat_map(|(at, agent)| {
                [(true, true), (true, false), (false, false)]
                    .map(|(fenced, up)| record(at, agent, fenced, up))
            })
            .collect();
        for a in &all {
            for b in &all {
                let both = a.clone().or_newer(b.clone());
                assert_eq!(both, b.clone().or_newer(a.clone()));
                assert_eq!((both.at, &both.agent), (a.at, &a.agent).max((b.at, &b.agent)));
                for c in &all {
                    let left = both.clone().or_newer(c.clone());
                    assert_eq!(left, a.clone().or_newer(b.clone().or_newer(c.clone())));
                }
            }
        }
        let denied = record(1, b"a", true, false).or_newer(record(1, b"a", false, false));
        assert!(!denied.fenced);
    }
}
