//! `cman_tool votes` and `cman_tool expected`.

use super::kill::find;
use crate::{
    cli::{Common, Expected, Votes},
    failure::Failure,
};

/// Gives a node other votes; returns when they count.
pub(super) fn votes(common: &Common, args: &Votes) -> Result<(), Failure> {
    let mut daemon = common.connect_admin()?;
    let node = match &args.name {
        Some(name) => Some(find(&daemon.nodes()?, name)?),
        None => None,
    };
    daemon.set_votes(node, args.votes)?;
    let whose = args.name.as_deref().unwrap_or("This node");
    common.done(&format!("{whose} has {} votes.", args.votes))
}

/// Says how many votes are expected; returns when they are.
pub(super) fn expected(common: &Common, args: &Expected) -> Result<(), Failure> {
    common.connect_admin()?.set_expected_votes(args.expected)?;
    common.done(&format!("The cluster expects {} votes.", args.expected))
}
