//! who slept accuses nobody. What it did not hear may be its own fault, so for two beats
//! after it wakes it must not put others out for their silence.

use cman_node::ViewEvent;
use cman_types::MemberId;
use cman_wire::frame::Reason;

use crate::{
    clock::Real,
    violation::{Check, Violation},
};

/// Stalls shorter than so many beats may go unnoticed by the one who stalls: its next timer may
/// be that far away.
const NOTICED_BEATS: u64 = 4;

/// How one host slept.
#[derive(Clone, Copy, Debug, Default)]
struct Sleep {
    /// Since when it sleeps.
    since: Option<Real>,
    /// When it woke in a working view.
    woke: Option<Real>,
}

/// How all hosts slept.
#[derive(Debug, Default)]
pub struct Sleepers(Vec<Sleep>);

impl Sleepers {
    fn of(&mut self, host: usize) -> &mut Sleep {
        if self.0.len() <= host {
            self.0.resize(host + 1, Sleep::default());
        }
        &mut self.0[host]
    }

    /// A life begins on a host, wide awake.
    pub fn begin(&mut self, host: usize) {
        *self.of(host) = Sleep::default();
    }

    /// A host stalls.
    pub fn sleeps(&mut self, now: Real, host: usize) {
        self.of(host).since.get_or_insert(now);
    }

    /// A host goes on. `working`: it fell asleep in a working view.
    pub fn wakes(&mut self, now: Real, beat: Real, host: usize, working: bool) {
        let sleep = self.of(host);
        let noticed = sleep.since.take().is_some_and(|since| now - since > beat * NOTICED_BEATS);
        sleep.woke = Some(now).filter(|_| noticed && working);
    }

    /// `me` on this host is about to install a view. Its two beats are a little shorter by the
    /// world's clock than by its own.
    ///
    /// # Errors
    /// It puts others out for their silence, and has just woken.
    pub fn check(
        &mut self,
        now: Real,
        beat: Real,
        host: usize,
        me: &MemberId,
        event: &ViewEvent,
    ) -> Check {
        let slept = self.of(host).woke.filter(|&woke| now - woke < beat * 3 / 2);
        let (Some(woke), true) = (slept, event.view.id.coordinator == *me) else {
            return Ok(());
        };
        let mut reasons = event.reasons.iter();
        let Some(blamed) = reasons.find(|came| came.reason == Reason::Silent) else {
            return Ok(());
        };
        let ms = (now - woke) / 1_000_000;
        Err(Violation::new(
            "who slept accuses nobody",
            &[me.node, blamed.node],
            format!("puts {:?} out for its silence, {ms} ms after it woke", blamed.node),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, node, view};
    use cman_node::Came;

    /// Whether 2, on host 1, may put 3 out at this time.
    fn may_accuse(sleepers: &mut Sleepers, now: Real, host: usize) -> bool {
        let silent = Came { node: node(3), reason: Reason::Silent, evidence: String::new() };
        let event = ViewEvent {
            view: view(5, &[2]),
            transitional: vec![node(2)],
            joined: Vec::new(),
            left: vec![node(3)],
            reasons: vec![silent],
            amending: None,
            text: String::new(),
        };
        sleepers.check(now, 100, host, &life(2), &event).is_ok()
    }

    #[test]
    fn blame_is_held_back_after_a_long_sleep_only() {
        let mut sleepers = Sleepers::default();
        sleepers.sleeps(100, 1);
        sleepers.sleeps(400, 1);
        sleepers.wakes(600, 100, 1, true);
        assert!(!may_accuse(&mut sleepers, 700, 1));
        assert!(may_accuse(&mut sleepers, 700, 0), "it did not sleep");
        assert!(may_accuse(&mut sleepers, 760, 1), "late enough");
        sleepers.sleeps(1000, 1);
        sleepers.wakes(1300, 100, 1, true);
        assert!(may_accuse(&mut sleepers, 1310, 1), "too short to notice");
        sleepers.sleeps(2000, 1);
        sleepers.wakes(3000, 100, 1, false);
        assert!(may_accuse(&mut sleepers, 3010, 1), "it had no working view to put anybody out of");
    }
}
