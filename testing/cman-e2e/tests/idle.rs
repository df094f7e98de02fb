//! Doing nothing costs next to nothing.

use anyhow::Result;
use cman_e2e::{
    cases::{Scale, idle},
    figure::check_all,
    turn,
};

#[test]
fn sixteen_idle_nodes() -> Result<()> {
    let _turn = turn::alone()?;
    // The number of datagrams depends on the token, and the table speaks of the default one.
    check_all(&idle::idle(&Scale { token_ms: None, ..Scale::short() }, 16)?)
}
