//! A daemon that is killed and started again at once replaces its own former life.

use anyhow::Result;
use cman_e2e::{
    cases::{Scale, restart},
    figure::check_all,
    turn,
};

#[test]
fn a_member() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&restart::at_once(&Scale::short(), 3, false)?)
}

#[test]
fn the_coordinator() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&restart::at_once(&Scale::short(), 3, true)?)
}
