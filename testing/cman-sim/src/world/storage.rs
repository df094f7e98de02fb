//! What nodes write on their disks, and when the disks answer.

use cman_node::Store;
use core::time::Duration;

use super::{Happening, World};
use crate::{
    clock::nanos,
    disk::{Mood, USUAL_LATENCY},
};

/// What a disk has to say. Seldom: boxed, so that the queue has less to move.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) host: usize,
    life: u32,
    store: Store,
    ok: bool,
}

impl World {
    /// The node of a host wants something on disk.
    pub(super) fn write(&mut self, index: usize, store: Store) {
        let host = &mut self.hosts[index];
        let (latency, ok) = match host.disk.mood() {
            Mood::Works(latency) => {
                // Nothing waits for a disk, so one that is slow may as well have failed.
                if latency > USUAL_LATENCY {
                    host.disk.note_trouble();
                }
                (latency, true)
            }
            Mood::Fails => {
                host.disk.note_trouble();
                (Duration::from_millis(1), false)
            }
            Mood::Hangs => return host.disk.note_trouble(),
        };
        let at = self.now + nanos(latency);
        let written = Written { host: index, life: host.lives, store, ok };
        self.queue.push(at, Happening::Written(Box::new(written)));
    }

    pub(super) fn written(&mut self, written: &Written) {
        let &Written { host: index, life, store, ok } = written;
        let host = &mut self.hosts[index];
        if host.lives != life {
            return;
        }
        if ok {
            host.disk.write(store);
        }
        let stalled = self.is_stalled(index);
        if let Some(life) = &mut self.hosts[index].life {
            life.stored.push((store, ok));
            if !stalled {
                self.wake(index);
            }
        }
    }
}
