//! Showing something again and again.

use crate::{cli::Common, failure::Failure, output};
use cman_client::Error;
use std::{
    io::{IsTerminal, stdout},
    time::Duration,
};

/// How long at most nothing is shown again, though nothing happened: leases and counters move
/// without an event.
const REFRESH: Duration = Duration::from_secs(1);
/// Puts the cursor in the corner and clears what is below it.
const CLEAR_SCREEN: &str = "\x1b[H\x1b[2J";

/// Shows something now, at each event, and each second on a terminal, until the daemon ends.
pub(super) fn run(
    common: &Common,
    mut show: impl FnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let on_terminal = stdout().is_terminal();
    let mut events = common.connect()?.subscribe()?;
    loop {
        if on_terminal && !common.json {
            output::text(CLEAR_SCREEN)?;
        }
        show()?;
        match events.next_within(on_terminal.then_some(REFRESH)) {
            Ok(Some(_)) | Err(Error::TimedOut { .. }) => {}
            Ok(None) => return Err(Error::Closed.into()),
            Err(error) => return Err(error.into()),
        }
    }
}
