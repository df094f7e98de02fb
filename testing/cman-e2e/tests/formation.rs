//! Daemons started together become one quorate view, soon and without detours.

use anyhow::Result;
use cman_e2e::{
    cases::{Scale, formation},
    figure::check_all,
    turn,
};

/// The table speaks of the default configuration.
fn with_default_token() -> Scale {
    Scale { token_ms: None, ..Scale::short() }
}

#[test]
fn three() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&formation::together(&with_default_token(), 3, 2.0)?)
}

#[test]
fn sixteen() -> Result<()> {
    let _turn = turn::alone()?;
    check_all(&formation::together(&with_default_token(), 16, 4.0)?)
}

#[test]
fn thirty_two() -> Result<()> {
    let _turn = turn::alone()?;
    check_all(&formation::together(&with_default_token(), 32, 8.0)?)
}
