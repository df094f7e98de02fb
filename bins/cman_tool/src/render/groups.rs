//! The text of `cman_tool services`.

use cman_client::ipc::{ListedGroup, NodesReply};
use cman_types::{NodeId, Process};

/// The header of the first column.
const GROUP: &str = "Group";

/// A line for each group: its name, and its members as node and process.
pub(crate) fn table(groups: &[ListedGroup], nodes: &NodesReply) -> String {
    let names: Vec<String> = groups.iter().map(|one| one.group.to_string()).collect();
    let width = names.iter().map(String::len).max().unwrap_or_default().max(GROUP.len());
    let mut text = format!("{GROUP:width$}  Members\n");
    for (name, group) in names.iter().zip(groups) {
        let members: Vec<String> = group.members.iter().map(|one| member(*one, nodes)).collect();
        text.push_str(&format!("{name:width$}  {}\n", members.join(" ")));
    }
    text
}

fn member(process: Process, nodes: &NodesReply) -> String {
    format!("{}:{}", name(process.node, nodes), process.pid)
}

/// The configured name of a node, else its number.
fn name(id: NodeId, nodes: &NodesReply) -> String {
    let node = nodes.nodes.iter().find(|node| node.id == id);
    node.map_or_else(|| id.to_string(), |node| node.name.clone())
}
