//! `cman_tool kill`.

use crate::{
    cli::{Common, Kill},
    failure::Failure,
};
use cman_client::ipc::NodesReply;
use cman_types::NodeId;

/// Puts nodes out of the cluster for good. None of them if one is unknown.
pub(super) fn run(common: &Common, args: &Kill) -> Result<(), Failure> {
    let mut daemon = common.connect_admin()?;
    let nodes = daemon.nodes()?;
    let ids: Vec<NodeId> =
        args.name.iter().map(|name| find(&nodes, name)).collect::<Result<_, _>>()?;
    for id in ids {
        daemon.kill(id)?;
    }
    common.done(&format!("The cluster is putting out {}.", args.name.join(", ")))
}

/// The id of the node that the user calls `name`: by its name, else by its id.
pub(super) fn find(nodes: &NodesReply, name: &str) -> Result<NodeId, Failure> {
    let nodes = &nodes.nodes;
    let by_name = nodes.iter().find(|node| node.name == name);
    let by_id = || nodes.iter().find(|node| node.id.to_string() == name);
    by_name.or_else(by_id).map(|node| node.id).ok_or_else(|| {
        let known: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        Failure::failed(
            format!("There is no node {name} in the configuration of this cluster."),
            format!("It has {}.", known.join(", ")),
        )
    })
}
