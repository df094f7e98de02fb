//! Architecture, invariant 1: each node's epochs only grow, also across restarts.
//!
//! Exempt is what R-03 gives up: a node whose state was lost or rolled back since its last life
//! may begin lower. Within a life nothing is exempt, and never may two views of one life have the
//! same epoch: clients see only (epoch, coordinator's node id).

use cman_types::{Epoch, MemberId, ViewId};
use std::collections::BTreeMap;

use crate::{
    disk::Memory,
    violation::{Check, Violation},
};

/// What was the highest epoch of each host.
#[derive(Debug, Default)]
pub struct Epochs {
    highest: BTreeMap<usize, Epoch>,
}

impl Epochs {
    /// A life begins on a host whose disk remembers this well.
    pub fn begin(&mut self, host: usize, memory: Memory) {
        if memory != Memory::Intact {
            self.highest.remove(&host);
        }
    }

    /// `me` on `host` installs a view.
    pub fn check(&mut self, host: usize, me: &MemberId, view: ViewId) -> Check {
        match self.highest.insert(host, view.epoch) {
            Some(before) if view.epoch <= before => Err(Violation::new(
                "epochs grow",
                &[me.node],
                format!("installs {view:?} after epoch {before}"),
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, view};

    #[test]
    fn grows_across_lives_unless_forgotten() {
        let mut epochs = Epochs::default();
        assert!(epochs.check(0, &life(1), view(5, &[1]).id).is_ok());
        assert!(epochs.check(0, &life(1), view(5, &[1, 2]).id).is_err(), "equal is not growing");
        assert!(epochs.check(1, &life(2), view(3, &[2]).id).is_ok(), "another host");
        epochs.begin(0, Memory::Intact);
        assert!(epochs.check(0, &life(1), view(4, &[1]).id).is_err());
        epochs.begin(0, Memory::Lost);
        assert!(epochs.check(0, &life(1), view(4, &[1]).id).is_ok());
    }
}
