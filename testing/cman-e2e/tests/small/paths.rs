//! Broken paths between some nodes, while every pair still has a way through another node, change
//! nothing; where a pair has none, views stay rare.

use anyhow::Result;
use cman_e2e::{
    cases::{Scale, paths},
    figure::check_all,
    turn,
};
use std::time::Duration;

#[test]
fn cut_in_every_way_of_the_table() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&paths::cuts(&Scale { fault: Duration::from_secs(8), ..Scale::short() })?)
}

#[test]
fn a_third_of_all_datagrams_lost() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&paths::loss(&Scale { fault: Duration::from_secs(20), ..Scale::short() })?)
}

#[test]
fn one_node_cut_from_half_of_the_others() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&paths::half_cut_off(&Scale { fault: Duration::from_secs(15), ..Scale::short() })?)
}

#[test]
fn a_chain_of_five() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&paths::chain(&Scale { fault: Duration::from_secs(25), ..Scale::short() })?)
}
