//! A set of node ids, kept and sent as ranges: a thousand consecutive ids cost eight bytes.

use crate::node::NodeId;
use core::fmt;

/// A set of node ids: sorted ranges, first and last included, that neither touch nor overlap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NodeSet(Vec<(u32, u32)>);

impl NodeSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a node; true if it was not in the set.
    pub fn insert(&mut self, node: NodeId) -> bool {
        let id = node.get();
        let at = self.0.partition_point(|&(_, last)| last < id);
        if self.0.get(at).is_some_and(|&(first, _)| first <= id) {
            return false;
        }
        let before = at.checked_sub(1).filter(|&i| self.last(i) == Some(id - 1));
        let after = self.0.get(at).filter(|&&(first, _)| first - 1 == id).map(|&(_, last)| last);
        match (before, after) {
            (Some(left), Some(last)) => {
                self.0.remove(at);
                self.set_last(left, last);
            }
            (Some(left), None) => self.set_last(left, id),
            (None, Some(last)) => {
                if let Some(range) = self.0.get_mut(at) {
                    *range = (id, last);
                }
            }
            (None, None) => self.0.insert(at, (id, id)),
        }
        true
    }

    /// Adds all nodes from `first` to `last` behind those that are in the set. False, and nothing
    /// is added, if they are not in order or do not lie behind.
    pub fn append(&mut self, first: NodeId, last: NodeId) -> bool {
        let (first, last) = (first.get(), last.get());
        let end = self.0.last().map_or(0, |&(_, last)| last);
        if first > last || first <= end {
            return false;
        }
        match self.0.last_mut() {
            Some(range) if range.1 == first - 1 => range.1 = last,
            _ => self.0.push((first, last)),
        }
        true
    }

    /// Takes a node out; true if it was in the set.
    pub fn remove(&mut self, node: NodeId) -> bool {
        let id = node.get();
        let at = self.0.partition_point(|&(_, last)| last < id);
        let Some(&(first, last)) = self.0.get(at).filter(|&&(first, _)| first <= id) else {
            return false;
        };
        let left = (first < id).then(|| (first, id - 1));
        let right = (id < last).then(|| (id + 1, last));
        self.0.splice(at..=at, [left, right].into_iter().flatten());
        true
    }

    /// Whether the node is in the set.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        let id = node.get();
        let at = self.0.partition_point(|&(_, last)| last < id);
        self.0.get(at).is_some_and(|&(first, _)| first <= id)
    }

    /// How many nodes are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        let width = |&(first, last): &(u32, u32)| usize::try_from(last - first).unwrap_or(0) + 1;
        self.0.iter().map(width).sum()
    }

    /// Whether nobody is in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The nodes, ascending.
    pub fn iter(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.0.iter().flat_map(|&(first, last)| first..=last).filter_map(NodeId::new)
    }

    /// The nodes as ranges, first and last included, ascending: what goes on the wire.
    #[must_use]
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }

    fn last(&self, range: usize) -> Option<u32> {
        self.0.get(range).map(|&(_, last)| last)
    }

    fn set_last(&mut self, range: usize, last: u32) {
        if let Some(range) = self.0.get_mut(range) {
            range.1 = last;
        }
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        let mut set = Self::new();
        set.extend(nodes);
        set
    }
}

impl Extend<NodeId> for NodeSet {
    fn extend<I: IntoIterator<Item = NodeId>>(&mut self, nodes: I) {
        for node in nodes {
            // Mostly ascending.
            if !self.append(node, node) {
                self.insert(node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Prng;
    use std::collections::BTreeSet;

    #[test]
    fn it_does_what_a_plain_set_does() {
        let mut prng = Prng::new(5);
        for _ in 0..200 {
            let (mut set, mut plain) = (NodeSet::new(), BTreeSet::new());
            for _ in 0..60 {
                let id = u32::try_from(prng.below(20)).unwrap() + 1;
                let node = NodeId::new(id).unwrap();
                if prng.below(3) == 0 {
                    assert_eq!(set.remove(node), plain.remove(&node));
                } else {
                    assert_eq!(set.insert(node), plain.insert(node));
                }
                assert_eq!(
                    set.iter().collect::<Vec<_>>(),
                    plain.iter().copied().collect::<Vec<_>>()
                );
                assert_eq!(set.len(), plain.len());
                assert_eq!(set, plain.iter().copied().collect());
                assert!(set.ranges().windows(2).all(|w| w[0].1 + 1 < w[1].0), "{set:?}");
                assert!(
                    (1..=20).filter_map(NodeId::new).all(|n| set.contains(n) == plain.contains(&n))
                );
            }
        }
    }

    #[test]
    fn the_highest_id_is_an_id_like_any_other() {
        let highest = NodeId::new(u32::MAX).unwrap();
        let mut set = NodeSet::new();
        assert!(set.insert(highest));
        assert!(!set.insert(highest));
        assert!(!set.append(highest, highest));
        assert!(set.insert(NodeId::new(u32::MAX - 1).unwrap()));
        assert_eq!(set.ranges(), [(u32::MAX - 1, u32::MAX)]);
        assert!(set.remove(highest));
    }
}
