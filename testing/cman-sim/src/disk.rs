//! A node's state directory: what survives a life, and how it can go wrong.

use cman_node::Store;
use cman_types::{Epoch, Incarnation};
use core::time::Duration;

/// What is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Content {
    /// No epoch above this was used.
    pub epoch_ceiling: Option<Epoch>,
    /// The last life.
    pub incarnation: Incarnation,
    /// Whether the node left with `remove`.
    pub removed: bool,
    /// Epoch of the newest votes above the configured ones that it knew; 0 for none.
    pub raised: Epoch,
}

/// How the disk behaves now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    /// It answers after so long.
    Works(Duration),
    /// Every write fails.
    Fails,
    /// It never answers.
    Hangs,
}

/// How the content of a disk relates to what its node wrote there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Memory {
    /// It is what was written last.
    Intact,
    /// It is an older state, as after restoring a snapshot.
    RolledBack,
    /// Nothing is left.
    Lost,
}

/// A state directory.
#[derive(Debug)]
pub struct Disk {
    content: Option<Content>,
    /// Older contents, for rolling back; bounded.
    history: Vec<Content>,
    mood: Mood,
    memory: Memory,
    /// Whether a write was refused or never answered since the last start.
    troubled: bool,
}

/// How many older contents a disk can be rolled back to.
const HISTORY_MAX: usize = 64;

/// How long a healthy disk takes to write.
pub const USUAL_LATENCY: Duration = Duration::from_millis(3);

impl Default for Disk {
    fn default() -> Self {
        Self {
            content: None,
            history: Vec::new(),
            mood: Mood::Works(USUAL_LATENCY),
            memory: Memory::Intact,
            troubled: false,
        }
    }
}

impl Disk {
    /// What a starting node reads.
    #[must_use]
    pub fn content(&self) -> Option<Content> {
        self.content
    }

    /// Whether a starting node finds what its last life used. A disk that failed in between is
    /// as good as rolled back: the node went on without it, with a warning.
    #[must_use]
    pub fn memory(&self) -> Memory {
        match self.memory {
            Memory::Intact if self.troubled => Memory::RolledBack,
            memory => memory,
        }
    }

    /// How it behaves now.
    #[must_use]
    pub fn mood(&self) -> Mood {
        self.mood
    }

    /// From now on it behaves like this.
    pub fn set_mood(&mut self, mood: Mood) {
        self.mood = mood;
    }

    /// A write was refused or will never be answered.
    pub fn note_trouble(&mut self) {
        self.troubled = true;
    }

    /// A starting node writes its incarnation, before its first datagram.
    pub fn begin_life(&mut self, incarnation: Incarnation) {
        let content = Content { incarnation, ..self.content.unwrap_or_default() };
        self.replace(content);
        self.memory = Memory::Intact;
        self.troubled = false;
    }

    /// A write of the running node takes effect.
    pub fn write(&mut self, store: Store) {
        let incarnation = self.content.unwrap_or_default().incarnation;
        let epoch_ceiling = Some(store.epoch_ceiling);
        let Store { removed, raised, .. } = store;
        self.replace(Content { epoch_ceiling, incarnation, removed, raised });
    }

    fn replace(&mut self, content: Content) {
        if let Some(old) = self.content.replace(content) {
            if self.history.len() == HISTORY_MAX {
                self.history.remove(0);
            }
            self.history.push(old);
        }
    }

    /// The state directory is emptied.
    pub fn lose(&mut self) {
        if self.content.take().is_some() {
            self.memory = Memory::Lost;
        }
    }

    /// The content becomes an older one: the `back`-th last, as far as there are so many.
    pub fn roll_back(&mut self, back: usize) {
        let at = self.history.len().saturating_sub(back.max(1));
        if let Some(old) = self.history.get(at).copied() {
            self.history.truncate(at);
            self.content = Some(old);
            if self.memory == Memory::Intact {
                self.memory = Memory::RolledBack;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(epoch: u64) -> Store {
        Store { epoch_ceiling: Epoch(epoch), removed: false, raised: Epoch(0) }
    }

    #[test]
    fn rolling_back_finds_an_older_content() {
        let mut disk = Disk::default();
        disk.begin_life(Incarnation(1));
        disk.write(store(16));
        disk.write(store(32));
        disk.roll_back(1);
        assert_eq!(disk.content().unwrap().epoch_ceiling, Some(Epoch(16)));
        assert_eq!(disk.memory(), Memory::RolledBack);
        disk.begin_life(Incarnation(2));
        assert_eq!(disk.memory(), Memory::Intact);
        assert_eq!(disk.content().unwrap().incarnation, Incarnation(2));
    }

    #[test]
    fn a_lost_state_is_lost_even_when_rolled_back_later() {
        let mut disk = Disk::default();
        disk.lose();
        assert_eq!(disk.memory(), Memory::Intact, "there was nothing to lose");
        disk.begin_life(Incarnation(1));
        disk.lose();
        assert_eq!((disk.content(), disk.memory()), (None, Memory::Lost));
    }
}
