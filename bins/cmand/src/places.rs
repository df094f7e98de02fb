//! How many clients there is room for.

use rustix::process::{Resource, getrlimit};

/// Most clients at a time. A program with a thousand handles has two thousand connections.
const PLACES_MAX: u64 = 4096;
/// Descriptors that a client takes: one to hear it, one to speak to it.
const DESCRIPTORS_EACH: u64 = 2;
/// Descriptors that are there for everything else.
const DESCRIPTORS_OWN: u64 = 128;
/// One place in so many can only be an administrator's: nobody else can lock those out.
const RESERVED_ONE_IN: u64 = 8;

/// Descriptors that are enough for all places.
pub(crate) const DESCRIPTORS_WANTED: u64 = DESCRIPTORS_OWN + PLACES_MAX * DESCRIPTORS_EACH;

/// How many clients there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Places {
    /// Administrators included.
    pub(crate) all: usize,
    /// Without those that are kept for administrators.
    pub(crate) public: usize,
}

impl Places {
    /// As many as this process has descriptors for.
    pub(crate) fn of_this_process() -> Self {
        // Without a number there is no limit.
        Self::with_descriptors(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
    }

    fn with_descriptors(descriptors: u64) -> Self {
        // With few descriptors clients have half of them, so that there is room for some at all.
        let own = DESCRIPTORS_OWN.min(descriptors / 2);
        let all = ((descriptors - own) / DESCRIPTORS_EACH).min(PLACES_MAX);
        let public = all - all / RESERVED_ONE_IN;
        let few = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Self { all: few(all), public: few(public) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_places_than_descriptors() {
        for descriptors in 0..20_000 {
            let Places { all, public } = Places::with_descriptors(descriptors);
            let taken = 2 * u64::try_from(all).unwrap();
            assert!(taken <= descriptors - DESCRIPTORS_OWN.min(descriptors / 2));
            assert_eq!(all > public, all >= 8, "administrators have places of their own");
        }
        let all = |descriptors| Places::with_descriptors(descriptors).all;
        assert_eq!((all(64), all(DESCRIPTORS_WANTED), all(u64::MAX)), (16, 4096, 4096));
    }
}
