//! A fault that never stops costs few views, and nobody else its quorum.

use anyhow::Result;
use cman_e2e::{
    cases::{Scale, restless},
    figure::check_all,
    turn,
};

#[test]
fn a_member_that_keeps_falling_asleep() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&restless::sleepy(&Scale::short(), false, 1)?)
}

#[test]
fn a_coordinator_that_keeps_falling_asleep() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&restless::sleepy(&Scale::short(), true, 1)?)
}

#[test]
fn a_member_whose_network_keeps_flapping() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&restless::flapping(&Scale::short(), false, 1)?)
}

#[test]
fn a_coordinator_whose_network_keeps_flapping() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&restless::flapping(&Scale::short(), true, 1)?)
}
