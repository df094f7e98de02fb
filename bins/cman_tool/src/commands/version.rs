//! `cman_tool version`.

use crate::{cli::Common, failure::Failure, output, render};

/// Shows the versions of the protocol and the configuration.
pub(super) fn run(common: &Common) -> Result<(), Failure> {
    let version = common.connect()?.version()?;
    if common.json {
        output::json_line(&render::json::version(&version))
    } else {
        output::text(&render::classic::version(&version))
    }
}
