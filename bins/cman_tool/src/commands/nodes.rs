//! `cman_tool nodes`.

use super::watch;
use crate::{
    cli::{Common, Nodes},
    failure::Failure,
    output,
    render::{self, classic::Widths},
};
use cman_client::ipc::{NodesReply, nodes::NodeState};
use std::io::{IsTerminal, stdout};

/// Shows all configured nodes, or one.
pub(super) fn run(common: &Common, args: &Nodes) -> Result<(), Failure> {
    if args.watch {
        return watch::run(common, || show(common, args));
    }
    show(common, args)
}

fn show(common: &Common, args: &Nodes) -> Result<(), Failure> {
    let mut reply = common.connect()?.nodes()?;
    if let Some(name) = &args.name {
        keep_only(&mut reply, name)?;
    }
    if common.json {
        return output::json_line(&render::json::nodes(&reply));
    }
    if !args.format.is_empty() {
        return output::text(&render::classic::node_fields(&reply, &args.format));
    }
    if reply.nodes.iter().any(|node| node.state == NodeState::Disallowed) {
        output::talk(
            "cman_tool: warning: some nodes are disallowed; other nodes may show other members.",
        );
    }
    // Programs count the bytes, people look at the columns.
    let on_terminal = stdout().is_terminal();
    let widths = if on_terminal { Widths::fitting(&reply) } else { Widths::CLASSIC };
    output::text(&render::classic::nodes(&reply, widths, args.addresses, args.fence))
}

fn keep_only(reply: &mut NodesReply, name: &str) -> Result<(), Failure> {
    let id = super::kill::find(reply, name)?;
    reply.nodes.retain(|node| node.id == id);
    Ok(())
}
