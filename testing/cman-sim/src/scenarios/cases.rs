//! stories
use super::Scenario;
use crate::{cluster::Cluster, permanent::form, world::World};
use cman_types::Prng;

pub(super) fn all() -> Vec<Scenario> {
    vec![Scenario::new("cold-start-3", "three nodes start together", Cluster::plain(3), |world: &mut World, _: &mut Prng| {
        form(world)
    })]
}
