//! What runs reached: a simulator that never gets to the interesting places proves nothing.

use core::fmt;

macro_rules! places {
    ($($place:ident, $minimum:literal, $text:literal;)+) => {
        /// Places that runs should reach.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Place {
            $(#[doc = $text] $place,)+
        }

        impl Place {
            /// All places.
            pub const ALL: &[Self] = &[$(Self::$place),+];

            /// What it is called in the table.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$place => $text),+ }
            }

            /// How often 1000 seeds must reach it at least.
            #[must_use]
            pub const fn minimum(self) -> u64 {
                match self { $(Self::$place => $minimum),+ }
            }
        }
    };
}

places! {
    Faults, 20_000, "faults";
    Views, 10_000, "views installed";
    Crashes, 1_000, "crashes";
    CoordinatorCrashes, 300, "coordinator dead while its view worked";
    DeadInFlush, 20, "coordinator dead between propose and recover";
    DeadInRecover, 20, "coordinator dead between recover and install";
    DeadInInstall, 20, "coordinator dead between the first and the last install";
    DeadTogether, 50, "coordinator and a second node dead together";
    HalfDead, 20, "half of the cluster dead at once";
    TwiceInARow, 20, "the next proposer struck as well";
    Stalls, 1_000, "stalls";
    LongStalls, 100, "stalls longer than the token";
    Partitions, 300, "partitions";
    Merges, 300, "merges of two views";
    Relays, 1_000, "frames relayed";
    LeaseExpiries, 300, "leases expired";
    Commits, 20, "half-installed views completed";
    ActingBeats, 500, "beats of deputies acting as hub";
    Nacks, 100, "proposals outvoted";
    Messages, 1_000_000, "messages accepted";
    Deliveries, 1_000_000, "messages delivered";
    GroupEvents, 100_000, "events of groups that clients were told";
    PortEvents, 50_000, "events of ports that clients were told";
    WithoutOrder, 100, "messages without order record recovered";
    Holes, 50, "views that ended with a hole that nobody could fill";
    RecordsLost, 50, "deliveries whose order record was lost with the coordinator";
    AfterTransition, 100, "messages delivered after the transitional event";
    Laggards, 20, "members put out for falling behind";
    QueueFull, 0, "messages refused because the queue was full";
    Holds, 20, "silent coordinators or flappers held off";
    Refusals, 5, "strangers refused";
    StateLost, 50, "starts with the state lost";
    StateRolledBack, 30, "starts with the state rolled back";
    ClockBack, 30, "starts with the wall clock stepped back";
    LostAndBack, 10, "starts with the state lost and the clock stepped back";
    SameIncarnation, 2, "starts with an incarnation that was used before";
    FastRestarts, 50, "restarts faster than a beat";
    DiskTrouble, 100, "disks slow or failing";
    MulticastDead, 100, "multicast dead while unicast lives";
    Leaves, 50, "nodes that left in good order";
    Removes, 20, "nodes that left with remove";
    Returns, 20, "removed nodes that came back";
    Kills, 30, "nodes killed by an administrator";
    Amendments, 20, "votes changed by an administrator";
    Replays, 1_000, "old datagrams replayed";
    Garbage, 1_000, "datagrams of garbage";
    Dropped, 1, "datagrams dropped by a full socket buffer";
    ForgottenPromises, 20, "voters that changed sides within a lease";
    CutOffAtOnce, 20, "members cut off at the moment of a proposal";
    TakenOver, 8, "newcomers taken over while the lease they were told of lasts";
    OlderBasis, 8, "restarted voters among those with an older basis";
    ReturnsInHalves, 8, "removed nodes back in two halves";
    Twins, 20, "second nodes with the id of a member";
    LateHellos, 20, "joins whose hellos came later";
    DeafStarters, 20, "held off nodes that went deaf";
    Echoes, 20, "first words of dead lives said again";
    HeavySleepers, 3, "coordinators with most votes that slept over and over";
    CutMessages, 20, "large messages cut by a view change";
    LeftBehind, 20, "members whose data socket was dead";
    LostCauses, 20, "messages that died with their sender and the coordinator";
    Marked, 200, "nodes whose clients began to carry state";
    Disallowed, 20, "nodes with state that were away, and ended";
    StateApart, 5, "healed clusters in parts that carry state each";
    LiveAfterHeal, 990, "clusters whole again after the faults";
    TimedCrashes, 300, "crashes in a quiet cluster, timed";
}

impl Place {
    /// Whether runs in which nodes send no messages of their own are too poor to get there often
    /// enough. All else is reached by them too: stories of messages send their own.
    #[must_use]
    pub const fn takes_messages(self) -> bool {
        matches!(self, Self::Messages | Self::Deliveries | Self::GroupEvents | Self::PortEvents)
    }
}

/// How often places were reached, in one run or in many.
#[derive(Clone, Debug)]
pub struct Reach {
    counts: Vec<u64>,
    /// How many runs reached each of them at least once.
    runs: Vec<u64>,
}

impl Default for Reach {
    fn default() -> Self {
        Self { counts: vec![0; Place::ALL.len()], runs: vec![0; Place::ALL.len()] }
    }
}

impl Reach {
    /// A place was reached.
    pub fn hit(&mut self, place: Place) {
        self.add(place, 1);
    }

    /// A place was reached several times.
    pub fn add(&mut self, place: Place, times: u64) {
        if let Some(count) = self.counts.get_mut(place as usize) {
            *count += times;
        }
    }

    /// How often a place was reached.
    #[must_use]
    pub fn count(&self, place: Place) -> u64 {
        self.counts.get(place as usize).copied().unwrap_or(0)
    }

    /// How many of the runs that were added reached a place.
    #[must_use]
    pub fn runs(&self, place: Place) -> u64 {
        self.runs.get(place as usize).copied().unwrap_or(0)
    }

    /// Adds the counts of a run.
    pub fn add_run(&mut self, run: &Self) {
        for ((count, runs), more) in self.counts.iter_mut().zip(&mut self.runs).zip(&run.counts) {
            *count += more;
            *runs += u64::from(*more > 0);
        }
    }

    /// Places that `seeds` runs reached less often than they must: place, count, minimum. `silent`:
    /// nodes sent no messages of their own, so how many there were is not asked for.
    #[must_use]
    pub fn missed(&self, seeds: u64, silent: bool) -> Vec<(Place, u64, u64)> {
        let wanted = |place: &Place| {
            let minimum = place.minimum() * seeds / 1000;
            (*place, self.count(*place), minimum)
        };
        let asked_for = Place::ALL.iter().filter(|place| !(silent && place.takes_messages()));
        asked_for.map(wanted).filter(|(_, count, minimum)| count < minimum).collect()
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in Place::ALL {
            let (count, runs) = (self.count(*place), self.runs(*place));
            writeln!(f, "{count:>12} {runs:>7}  {}", place.text())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_named() {
        let mut reach = Reach::default();
        for place in Place::ALL {
            reach.add(*place, place.minimum());
        }
        assert!(reach.missed(1000, false).is_empty());
        let missed = reach.missed(2000, false);
        assert!(missed.iter().any(|(place, ..)| *place == Place::Commits));
        let mut twice = Reach::default();
        twice.add_run(&reach);
        twice.add_run(&reach);
        assert!(twice.missed(2000, false).is_empty());
        assert_eq!((twice.runs(Place::Commits), twice.runs(Place::QueueFull)), (2, 0));
    }
    #[test]
    fn silence_excuses_what_takes_messages_and_nothing_else() {
        let missed = |silent| {
            let missed = Reach::default().missed(1000, silent).into_iter();
            missed.map(|(place, ..)| place).collect::<Vec<_>>()
        };
        let all = missed(false);
        for place in [Place::Holes, Place::Commits, Place::LiveAfterHeal] {
            assert!(all.contains(&place), "{place:?}");
        }
        let (excused, asked_for): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|place| place.takes_messages());
        assert_eq!(missed(true), asked_for);
        assert_eq!(
            excused,
            [Place::Messages, Place::Deliveries, Place::GroupEvents, Place::PortEvents]
        );
    }
}
