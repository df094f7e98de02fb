//! Faults of every kind at random: nothing that must always hold is broken, and after the last
//! fault there is one cluster again.

use anyhow::Result;
use cman_e2e::{
    cases::{Scale, storm},
    figure::check_all,
    turn,
};
use std::time::Duration;

fn of_seed(seed: u64) -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&storm::storm(&Scale::short(), seed, Duration::from_secs(40))?)
}

#[test]
fn seed_1() -> Result<()> {
    of_seed(1)
}

#[test]
fn seed_2() -> Result<()> {
    of_seed(2)
}
