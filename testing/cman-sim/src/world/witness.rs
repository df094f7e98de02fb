//! What nodes deliver, one by one: for scenarios that say in which order, how often and when.

use cman_node::Deliver;
use cman_types::ViewId;

use super::World;
use crate::{
    checkers::messages::{Key, Phase, key_of},
    clock::Real,
};

/// A message that a host delivered.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// When.
    pub at: Real,
    /// Where.
    pub host: usize,
    /// In which view.
    pub view: ViewId,
    /// Which.
    pub key: Key,
    /// Its global sequence; 0 if it had no order record.
    pub number: u64,
    /// At which time of the view.
    pub phase: Phase,
}

impl World {
    /// From now on what is delivered is written down; what was written before is forgotten.
    pub fn listen(&mut self) {
        self.heard = Some(Vec::new());
    }

    /// What was delivered since [`World::listen`], in the order of time.
    #[must_use]
    pub fn heard(&self) -> &[Heard] {
        self.heard.as_deref().unwrap_or_default()
    }

    pub(super) fn note_heard(&mut self, host: usize, deliver: &Deliver, phase: Phase) {
        if let (Some(heard), Some(key)) = (&mut self.heard, key_of(deliver)) {
            let (at, view, number) = (self.now, deliver.view, deliver.number);
            heard.push(Heard { at, host, view, key, number, phase });
        }
    }
}
