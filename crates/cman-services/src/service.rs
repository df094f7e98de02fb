//! What every service consists of.

use crate::{output::Out, reader::Malformed};
use bytes::Bytes;
use cman_types::{MemberId, NodeId};
use std::collections::{BTreeMap, VecDeque};

/// A replicated state machine. All of it is a function of views and of what is delivered, in
/// order, so that members that deliver the same hold the same (G-02).
pub(crate) trait Service {
    /// The first byte of its operations, and the name of its part in a sync; 0 is the sync itself.
    const ID: u8;

    /// What one member has to say in a sync: what the service knows of that member itself. The
    /// default is what a member has to say of whom nothing is known, and stands for that of a
    /// member that does not know the service (G-21).
    type Part: Clone + Default + PartialEq + Eq + core::hash::Hash + core::fmt::Debug;

    /// The part of the own node.
    fn part(&self) -> Self::Part;

    fn encode_part(part: &Self::Part, into: &mut Vec<u8>);

    fn decode_part(bytes: &[u8]) -> Result<Self::Part, Malformed>;

    /// A view came without the nodes that are not `kept` (sorted): they are lost, together.
    fn on_lost(&mut self, kept: &[NodeId], out: &mut VecDeque<Out>);

    /// A sync came to its end: the service's state is what the members say of themselves.
    fn on_synced(&mut self, parts: BTreeMap<NodeId, Self::Part>, out: &mut VecDeque<Out>);

    /// An operation of a member, without its first byte. What cannot be understood is passed over,
    /// alike at all members.
    fn on_operation(&mut self, sender: MemberId, operation: &Bytes, out: &mut VecDeque<Out>);
}
