//! Epochs that nobody can have reached in good faith.

use crate::world::{Pairs, TOKEN};
use cman_types::Epoch;
use cman_wire::{Frame, frame::Probe};
use core::time::Duration;

/// A frame that raises the receiver's epoch, if it believes it.
fn probe(epoch_seen: u64) -> Frame {
    Frame::Probe(Probe { nonce: 1, epoch_seen: Epoch(epoch_seen), want_members: false })
}

#[test]
fn absurd_epochs_are_ignored() {
    let mut world = Pairs::formed();
    for epoch in [u64::MAX, u64::MAX - 20, Epoch::MAX.0 + 1, Epoch::MAX.0, 1 << 40] {
        world.tell(0, 1, probe(epoch));
        world.run_for(Duration::from_millis(100));
    }
    assert!(world.ceilings().iter().all(|ceiling| *ceiling < Epoch(1000)));
    world.heal();
    assert!(world.run_until(TOKEN * 10, Pairs::is_one), "one view of all");
}

#[test]
fn clocks_may_be_decades_apart() {
    let mut world = Pairs::formed();
    world.tell(0, 1, probe(1 << 34));
    world.heal();
    assert!(world.run_until(TOKEN * 10, Pairs::is_one), "one view of all");
    assert!(world.ceilings().iter().all(|ceiling| *ceiling > Epoch(1 << 34)));
}
