//! How identifiers stand in a body: as plain numbers. A node id of zero is refused.

/// Makes a serde `with` module for a type that travels as another one.
macro_rules! travels_as {
    ($module:ident, $type:ty, $plain:ty, $to:expr, $from:expr) => {
        pub(crate) mod $module {
            use super::*;
            pub(crate) fn serialize<S: Serializer>(id: &$type, s: S) -> Result<S::Ok, S::Error> {
                let to: fn(&$type) -> $plain = $to;
                to(id).serialize(s)
            }
            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<$type, D::Error> {
                let from: fn($plain) -> Option<$type> = $from;
                from(<$plain>::deserialize(d)?).ok_or_else(|| D::Error::custom("node id zero"))
            }
        }
    };
}

use cman_types::{Epoch, Incarnation, NodeId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

travels_as!(node, NodeId, u32, |id| id.get(), NodeId::new);
travels_as!(nodes, Vec<NodeId>, Vec<u32>, |ids| ids.iter().map(|id| id.get()).collect(), |ids| ids
    .into_iter()
    .map(NodeId::new)
    .collect());
travels_as!(epoch, Epoch, u64, |epoch| epoch.0, |epoch| Some(Epoch(epoch)));
travels_as!(incarnation, Incarnation, u64, |i| i.0, |i| Some(Incarnation(i)));
travels_as!(maybe_node, Option<NodeId>, Option<u32>, |id| id.map(NodeId::get), |id| match id {
    Some(id) => NodeId::new(id).map(Some),
    None => Some(None),
});
travels_as!(maybe_incarnation, Option<Incarnation>, Option<u64>, |i| i.map(|i| i.0), |i| Some(
    i.map(Incarnation)
));
