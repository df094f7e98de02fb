//! Showing something again and again.

use super::stream::{self, Heard};
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

/// Events that come so close to each other are shown as one.
const TOGETHER: Duration = Duration::from_millis(30);
/// But not more of them.
const TOGETHER_MAX: usize = 50;

/// Shows something now, after each event, and each second on a terminal, until the daemon ends.
pub(super) fn run(
    common: &Common,
    mut show: impl FnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let on_terminal = stdout().is_terminal() && !common.json;
    let mut events = common.connect()?.subscribe()?;
    let mut patience = Some(TOGETHER);
    loop {
        for _ in 0..TOGETHER_MAX {
            match stream::next(&mut events, patience)? {
                Heard::Event(_) => patience = Some(TOGETHER),
                Heard::Nothing => break,
                Heard::End => return Err(Error::Closed.into()),
            }
        }
        if on_terminal {
            output::text(CLEAR_SCREEN)?;
        }
        show()?;
        patience = on_terminal.then_some(REFRESH);
    }
}
