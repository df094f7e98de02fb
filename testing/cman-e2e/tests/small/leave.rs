//! A clean leave is noticed at once; with `remove` the votes go along.

use anyhow::Result;
use cman_e2e::{
    cases::{Scale, leave},
    figure::check_all,
    turn,
};

fn of_four(coordinator: bool, remove: bool) -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&leave::leave(&Scale::short(), 4, coordinator, remove)?)
}

#[test]
fn a_member_leaves() -> Result<()> {
    of_four(false, false)
}

#[test]
fn the_coordinator_leaves() -> Result<()> {
    of_four(true, false)
}

#[test]
fn a_member_leaves_with_remove() -> Result<()> {
    of_four(false, true)
}

#[test]
fn the_coordinator_leaves_with_remove() -> Result<()> {
    of_four(true, true)
}
