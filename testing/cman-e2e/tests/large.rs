//! Clusters of sixteen and more, and floods. Each is a load of its own, so each runs alone.

use anyhow::Result;
use cman_e2e::{
    cases::{Scale, failure, formation, idle, strangers},
    figure::check_all,
    turn,
};
use std::time::Duration;

/// The table speaks of the default token where it counts datagrams and formation.
fn with_default_token() -> Scale {
    Scale { token_ms: None, ..Scale::short() }
}

#[test]
fn sixteen_started_together() -> Result<()> {
    let _turn = turn::alone()?;
    check_all(&formation::together(&with_default_token(), 16, 4.0)?)
}

#[test]
fn thirty_two_started_together() -> Result<()> {
    let _turn = turn::alone()?;
    check_all(&formation::together(&with_default_token(), 32, 8.0)?)
}

#[test]
fn every_kind_of_blow_to_sixteen() -> Result<()> {
    let _turn = turn::alone()?;
    check_all(&failure::kill_each(&Scale::short(), 16, &failure::ALL)?)
}

#[test]
fn sixteen_idle() -> Result<()> {
    let _turn = turn::alone()?;
    check_all(&idle::idle(&with_default_token(), 16)?)
}

#[test]
fn ten_thousand_datagrams_of_nonsense() -> Result<()> {
    let _turn = turn::alone()?;
    let scale = Scale { fault: Duration::from_secs(4), ..Scale::short() };
    check_all(&strangers::nonsense(&scale)?)
}
