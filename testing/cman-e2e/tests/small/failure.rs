//! `kill -9`: one new view at all survivors one detection time later, and no loss of quorum where
//! a majority stays.

use anyhow::Result;
use cman_e2e::{
    cases::{Scale, failure, failure::Victims},
    figure::check_all,
    turn,
};

fn one_of_three(who: Victims) -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&failure::kill_once(&Scale::short(), 3, who)?)
}

#[test]
fn a_member_of_three() -> Result<()> {
    one_of_three(Victims::Member)
}

#[test]
fn the_coordinator_of_three() -> Result<()> {
    one_of_three(Victims::Coordinator)
}

#[test]
fn coordinator_and_successor_of_three() -> Result<()> {
    one_of_three(Victims::CoordinatorAndSuccessor)
}

#[test]
fn the_coordinator_of_five_with_the_shortest_token() -> Result<()> {
    let _turn = turn::shared()?;
    let scale = Scale { token_ms: Some(200), ..Scale::short() };
    check_all(&failure::kill_once(&scale, 5, Victims::Coordinator)?)
}
