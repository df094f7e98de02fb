//! Two sides of a partition never both act, and melt together again when it heals.

use anyhow::Result;
use cman_e2e::{
    cases::{Scale, partition},
    figure::check_all,
    turn,
};

#[test]
fn three_to_two_and_heal() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&partition::three_to_two(&Scale::short())?)
}
