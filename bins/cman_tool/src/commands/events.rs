//! `cman_tool events`.

use crate::{cli::Common, failure::Failure, output, render};
use cman_client::{Error, ipc::Event};

/// Shows what happens, one line each, until interrupted or until the daemon has left.
pub(super) fn run(common: &Common) -> Result<(), Failure> {
    let mut has_left = false;
    for event in common.connect()?.subscribe()? {
        let event = event?;
        has_left = matches!(event.event, Event::Shutdown(_));
        if common.json {
            output::json_line(&render::json::event(&event))?;
        } else {
            output::text(&render::events::line(&event))?;
        }
    }
    if has_left { Ok(()) } else { Err(Error::Closed.into()) }
}
