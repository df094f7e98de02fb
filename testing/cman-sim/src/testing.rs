//! Small makers for the unit tests of checkers.

use cman_types::{Epoch, Incarnation, Member, MemberId, NodeId, Salt, View, ViewId};

use crate::cluster::address;

/// A node id.
pub(crate) fn node(id: u32) -> NodeId {
    NodeId::new(id).unwrap()
}

/// The only life of a node.
pub(crate) fn life(id: u32) -> MemberId {
    MemberId { node: node(id), incarnation: Incarnation(1), salt: Salt([1; 16]) }
}

/// A view coordinated by the first of its members.
pub(crate) fn view(epoch: u64, members: &[u32]) -> View {
    let member = |&id| Member { id: life(id), address: address(id as usize) };
    let id = ViewId { epoch: Epoch(epoch), coordinator: life(members[0]) };
    View { id, members: members.iter().map(member).collect() }
}
