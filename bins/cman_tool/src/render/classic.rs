//! The text of 2009. Programs read it, so every byte stays where it is, blanks at the ends of
//! lines included.

use super::time;
use crate::cli::NodeField;
use cman_client::ipc::{
    NodeStatus, NodesReply, StatusReply,
    nodes::NodeState,
    reply::VersionReply,
    status::{Flag, State},
};
use std::fmt::{Display, Write as _};

/// The version of the protocol between cman and its clients that the text claims.
pub(super) const PROTOCOL: &str = "6.2.0";
/// As wide as a date and a time of day.
const NO_TIME: &str = "                   ";

/// `cman_tool version`.
pub(crate) fn version(version: &VersionReply) -> String {
    format!("{PROTOCOL} config {}\n", version.config_version)
}

/// `cman_tool status`.
pub(crate) fn status(status: &StatusReply) -> String {
    let mut lines = Lines::default();
    identity(status, &mut lines);
    votes(status, &mut lines);
    addresses(status, &mut lines);
    lines.0
}

fn identity(status: &StatusReply, lines: &mut Lines) {
    let is_member = status.state == State::Member;
    lines.add("Version", PROTOCOL);
    lines.add("Config Version", status.config_version);
    lines.add("Cluster Name", &status.cluster);
    lines.add("Cluster Id", status.cluster_id);
    lines.add("Cluster Member", if is_member { "Yes" } else { "No" });
    lines.add("Cluster Generation", status.view.as_ref().map_or(0, |view| view.epoch.0));
    lines.add("Membership state", membership(status.state));
}

const fn membership(state: State) -> &'static str {
    match state {
        State::Starting | State::Joining => "Joining",
        State::Member => "Cluster-Member",
        State::Leaving => "Leaving",
        State::Disallowed => "Disallowed",
        State::Left => "Not-in-Cluster",
    }
}

fn votes(status: &StatusReply, lines: &mut Lines) {
    let quorum = &status.quorum;
    lines.add("Nodes", status.view.as_ref().map_or(0, |view| view.members.len()));
    lines.add("Expected votes", quorum.expected_votes);
    if let Some(votes) = status.quorum_device_votes {
        lines.add("Quorum device votes", votes);
    }
    lines.add("Total votes", quorum.votes);
    lines.add("Node votes", status.node_votes);
    let activity = if quorum.quorate { " " } else { "Activity blocked" };
    lines.add("Quorum", format_args!("{} {activity}", quorum.needed));
    lines.add("Active subsystems", status.active_subsystems);
    let flags = status.flags.iter().copied().filter_map(Flag::classic_name);
    lines.add("Flags", each_with_blank(flags));
    lines.add("Ports Bound", each_with_blank(&status.ports_bound) + " ");
}

fn addresses(status: &StatusReply, lines: &mut Lines) {
    let multicast = status.links.iter().filter_map(|link| link.multicast);
    let own = status.links.iter().map(|link| link.address);
    lines.add("Node name", &status.node_name);
    lines.add("Node ID", status.node);
    lines.add("Multicast addresses", each_with_blank(multicast));
    lines.add("Node addresses", each_with_blank(own));
    if !status.disallowed.is_empty() {
        lines.add("Disallowed nodes", each_with_blank(&status.disallowed));
    }
}

/// How wide the numbers of `cman_tool nodes` are at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Widths {
    id: usize,
    epoch: usize,
}

impl Widths {
    /// As in 2009: wider numbers push what follows to the right.
    pub(crate) const CLASSIC: Self = Self { id: 4, epoch: 5 };

    /// So wide that everything stands below its title.
    pub(crate) fn fitting(reply: &NodesReply) -> Self {
        let widest = |of: fn(&NodeStatus) -> u64| {
            let largest = reply.nodes.iter().map(of).max().unwrap_or_default();
            largest.to_string().len()
        };
        Self {
            id: Self::CLASSIC.id.max(widest(|node| node.id.get().into())),
            epoch: Self::CLASSIC.epoch.max(widest(|node| node.joined_epoch)),
        }
    }
}

/// `cman_tool nodes`.
pub(crate) fn nodes(
    reply: &NodesReply,
    widths: Widths,
    with_addresses: bool,
    with_fence: bool,
) -> String {
    let Widths { id, epoch } = widths;
    let mut text = format!("{:>id$}  Sts {:>epoch$}   Joined               Name\n", "Node", "Inc");
    for node in &reply.nodes {
        let joined = joined_at(node).map_or_else(|| NO_TIME.to_owned(), time::local);
        text.push_str(&format!(
            "{:>id$}   {}  {:>epoch$}   {joined}  {}\n",
            node.id,
            node.state.letter(),
            node.joined_epoch,
            node.name
        ));
        if with_fence {
            text.push_str(&fence_line(node));
        }
        if with_addresses {
            let addresses = each_with_blank(&node.addresses);
            text.push_str(&format!("       Addresses: {addresses}\n"));
        }
    }
    text
}

/// When a member joined; nothing for others.
fn joined_at(node: &NodeStatus) -> Option<u64> {
    node.joined_at.filter(|_| node.state == NodeState::Member)
}

fn fence_line(node: &NodeStatus) -> String {
    match (&node.last_fenced, node.state) {
        (Some(fenced), _) => {
            format!("       Last fenced:   {:<15} by {}\n", time::local(fenced.at), fenced.by)
        }
        (None, NodeState::Dead) => {
            "       Node has not been fenced since it went down\n".to_owned()
        }
        (None, _) => String::new(),
    }
}

/// `cman_tool nodes -F`.
pub(crate) fn node_fields(reply: &NodesReply, fields: &[NodeField]) -> String {
    let mut text = String::new();
    for node in &reply.nodes {
        text.push_str(&each_with_blank(fields.iter().map(|field| node_field(node, *field))));
        text.push('\n');
    }
    text
}

fn node_field(node: &NodeStatus, field: NodeField) -> String {
    match field {
        NodeField::Id => node.id.to_string(),
        NodeField::Name => node.name.clone(),
        NodeField::Type => node.state.letter().to_string(),
        NodeField::Addr => {
            let addresses: Vec<String> = node.addresses.iter().map(ToString::to_string).collect();
            addresses.join(",")
        }
    }
}

fn each_with_blank<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| format!("{item} ")).collect()
}

/// Lines with a word, a colon, a blank and a value.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, word: &str, value: impl Display) {
        // Writing into a string cannot fail.
        let _written = writeln!(self.0, "{word}: {value}");
    }
}
