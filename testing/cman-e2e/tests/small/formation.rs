//! Daemons started together become one quorate view, soon and without detours.

use anyhow::Result;
use cman_e2e::{
    cases::{Scale, formation},
    figure::check_all,
    turn,
};

#[test]
fn three() -> Result<()> {
    let _turn = turn::shared()?;
    // The table speaks of the default configuration.
    check_all(&formation::together(&Scale { token_ms: None, ..Scale::short() }, 3, 2.0)?)
}
