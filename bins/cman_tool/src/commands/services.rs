//! `cman_tool services`.

use crate::{cli::Common, failure::Failure, output, render};

/// Shows all groups of the cluster with their members.
pub(super) fn run(common: &Common) -> Result<(), Failure> {
    let mut daemon = common.connect()?;
    let groups = daemon.groups()?;
    if common.json {
        return output::json_line(&render::json::groups(&groups));
    }
    let nodes = daemon.nodes()?;
    output::text(&render::groups::table(&groups, &nodes))
}
