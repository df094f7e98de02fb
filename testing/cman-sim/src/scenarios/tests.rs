//! Every scenario is a test. Those of a thousand nodes run by name, with optimisation.

use super::{all, named, run};
use std::collections::BTreeSet;

/// Plays all scenarios for which `which` holds and names those that failed.
fn play(which: impl Fn(&str) -> bool) {
    let mut failed = Vec::new();
    for scenario in all().iter().filter(|scenario| which(&scenario.name)) {
        if let Err(violation) = run(scenario, 1, false).check {
            failed.push(format!("{}: {violation}", scenario.name));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

macro_rules! groups {
    ($($test:ident: $($prefix:literal)|+;)+) => {
        $(#[test] fn $test() { play(|name| $(name.starts_with($prefix))||+); })+

        /// Whether some group above plays it.
        fn is_in_a_group(name: &str) -> bool {
            $($(name.starts_with($prefix))||+)||+
        }
    };
}

groups! {
    starts: "cold-start" | "old-hello";
    departures: "leave-" | "kill-member" | "kill-coordinator" | "remove-";
    disks: "disk-";
    crashes_in_a_phase: "coordinator-crash-" | "twice-" | "half-install" | "late-install" | "twin-"
        | "lone-install";
    timed_crashes: "kill-9-";
    stalls: "stall-" | "stalling-" | "sleepy-" | "woken-" | "clock-";
    cuts: "one-way-" | "two-way-" | "half-cut" | "star-" | "all-but-";
    lasting_faults: "deaf-" | "mute-" | "flapping-" | "loss-" | "chain-";
    weather: "reorder-" | "duplicate-20" | "multicast-" | "garbage";
    partitions: "partition-" | "three-way-";
    lives: "restart-" | "state-" | "replayed-" | "lonely-";
    strangers: "duplicate-node" | "wrong-" | "old-config" | "new-config" | "not-configured";
    stories: "story-";
    groups: "ghost-";
    crowds: "groups-" | "ports-";
    barriers: "barriers";
    state: "dirty-";
    endings: "resend-" | "two-orders" | "beyond-" | "early-" | "skip-";
    loads: "join-storm" | "laggard" | "full-" | "partial-";
    quorum: "lease-" | "forgotten-" | "short-" | "slow-" | "dead-between" | "two-hubs" | "deputy-"
        | "queued-" | "two-node" | "wait-for-all";
    votes: "expected-" | "votes-" | "more-votes-" | "quorum-device";
}

#[test]
#[ignore = "a thousand nodes: cargo run --profile sim -p cman-sim -- scenario NAME"]
fn a_thousand_nodes() {
    play(|name| name.starts_with("thousand-"));
}

#[test]
fn names_are_unique_and_all_are_played() {
    let names: Vec<String> = all().into_iter().map(|scenario| scenario.name).collect();
    let unique: BTreeSet<&String> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    for name in &names {
        assert!(is_in_a_group(name) || name.starts_with("thousand-"), "{name}");
        assert!(named(name).is_some());
    }
    assert!(named("no such story").is_none());
}
