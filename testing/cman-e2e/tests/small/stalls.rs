//! A daemon that sleeps is put out once and comes back once, and lies to nobody.

use anyhow::Result;
use cman_e2e::{
    cases::{Scale, stalls},
    figure::check_all,
    turn,
};

#[test]
fn half_a_token_is_nothing() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&stalls::short(&Scale::short())?)
}

#[test]
fn a_member_sleeps_for_ten_seconds() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&stalls::long(&Scale::short(), false)?)
}

#[test]
fn the_coordinator_sleeps_for_ten_seconds() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&stalls::long(&Scale::short(), true)?)
}
