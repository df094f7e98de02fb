//! Events, one line each.

use super::time;
use cman_client::ipc::{Event, EventMessage, event::ViewEvent};
use cman_types::NodeId;

/// The line of an event, with its end.
pub(crate) fn line(message: &EventMessage) -> String {
    format!("{} {}\n", time::local_ms(message.at), what(&message.event))
}

fn what(event: &Event) -> String {
    match event {
        Event::Config(event) => {
            with_text(format!("configuration {}", event.config_version), &event.text)
        }
        Event::Link(event) => {
            let state = if event.up { "up" } else { "down" };
            let path = event.node.map(|node| format!(", path to node {node}")).unwrap_or_default();
            with_text(format!("link {}{path} {state}", event.link), &event.text)
        }
        Event::Node(event) => {
            with_text(format!("node {} {}", event.node, event.change.name()), &event.text)
        }
        Event::Quorum(event) => {
            let state = if event.quorate { "quorate" } else { "inquorate" };
            with_text(state.to_owned(), &event.text)
        }
        Event::Shutdown(event) => with_text("shutdown".to_owned(), &event.text),
        Event::View(event) => with_text(view(event), &reasons(event)),
        // Events that the library knows and this tool does not.
        other => format!("{other:?}"),
    }
}

fn view(event: &ViewEvent) -> String {
    let mut text = format!("view {} of coordinator {}", event.epoch, event.coordinator);
    for (word, nodes) in
        [("members", &event.members), ("joined", &event.joined), ("left", &event.left)]
    {
        if !nodes.is_empty() {
            text.push_str(&format!(", {word} {}", ids(nodes)));
        }
    }
    text
}

/// Why each of them came or went. The event's own text says the same again, with the members.
fn reasons(event: &ViewEvent) -> String {
    let reasons = event.reasons.iter();
    let reasons = reasons.map(|r| format!("node {} {} ({})", r.node, r.reason, r.evidence));
    reasons.collect::<Vec<_>>().join("; ")
}

fn ids(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn with_text(head: String, text: &str) -> String {
    if text.is_empty() { head } else { format!("{head}: {text}") }
}
