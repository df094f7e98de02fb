//! `cman_tool version`.

use crate::{
    cli::{Common, Version},
    failure::Failure,
    output, render,
};

/// Shows the versions of the protocol and the configuration, or has that read again.
pub(super) fn run(common: &Common, args: &Version) -> Result<(), Failure> {
    if let Some(version) = args.reload {
        common.connect_admin()?.set_config_version(version)?;
        return common.done("All members read their configuration until they have that version.");
    }
    let version = common.connect()?.version()?;
    if common.json {
        output::json_line(&render::json::version(&version))
    } else {
        output::text(&render::classic::version(&version))
    }
}
