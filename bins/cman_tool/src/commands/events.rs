//! `cman_tool events`.

use super::stream::{self, Heard};
use crate::{cli::Common, failure::Failure, output, render};
use cman_client::{Error, ipc::Event};

/// Shows what happens, one line each, until interrupted or until the daemon has left.
pub(super) fn run(common: &Common) -> Result<(), Failure> {
    let mut events = common.connect()?.subscribe()?;
    let mut has_left = false;
    while let Heard::Event(event) = stream::next(&mut events, None)? {
        has_left = matches!(event.event, Event::Shutdown(_));
        if common.json {
            output::json_line(&render::json::event(&event))?;
        } else {
            output::text(&render::events::line(&event))?;
        }
    }
    if has_left { Ok(()) } else { Err(Error::Closed.into()) }
}
