//! Agreed memberships and their names.

use crate::node::{Member, MemberId, NodeId};
use core::fmt;

/// The number of a view; only ever grows at a node, also across restarts. Clients of the C
/// libraries see it as the sequence of the ring id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

impl Epoch {
    /// No epoch above this one is believed: there is room for whoever adds to one.
    pub const MAX: Self = Self(1 << 62);

    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// The epoch so many after this one.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{}", self.0)
    }
}

/// The name of a view, and of the ballot that proposes it: ordered by epoch, then by the
/// coordinator's node id, incarnation and salt. Clients see (epoch, coordinator's node id); the
/// rest keeps a coordinator that lost its state from minting the same name twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewId {
    /// The number of the view.
    pub epoch: Epoch,
    /// Who proposed and coordinates it.
    pub coordinator: MemberId,
}

impl fmt::Debug for ViewId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:?} {:?})", self.epoch, self.coordinator)
    }
}

/// An agreed membership.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct View {
    /// Its name.
    pub id: ViewId,
    /// Its members, sorted by [`MemberId`], each node at most once.
    pub members: Vec<Member>,
}

impl View {
    /// Where `member` stands in the member list.
    #[must_use]
    pub fn index_of(&self, member: &MemberId) -> Option<usize> {
        self.members.binary_search_by(|m| m.id.cmp(member)).ok()
    }

    /// Whether exactly this life of this node is a member.
    #[must_use]
    pub fn contains(&self, member: &MemberId) -> bool {
        self.index_of(member).is_some()
    }

    /// The member with this node id, whatever its incarnation.
    #[must_use]
    pub fn member_of_node(&self, node: NodeId) -> Option<&Member> {
        // Sorted by MemberId, and so by node id first.
        let at = self.members.partition_point(|m| m.id.node < node);
        self.members.get(at).filter(|m| m.id.node == node)
    }

    /// The node ids of the members, ascending.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.members.iter().map(|m| m.id.node)
    }

    /// The members' identities, ascending.
    pub fn ids(&self) -> impl Iterator<Item = MemberId> + '_ {
        self.members.iter().map(|m| m.id)
    }
}
