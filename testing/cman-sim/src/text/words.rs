//! Frames in the words of text scenarios: what matters to a rule, without times and random
//! numbers. Units are named by their sender and number, views by epoch and coordinator.

use cman_types::{Amendment, Epoch, NodeId, NodeSet, ViewId};
use cman_wire::{
    Frame, codec,
    frame::{Flush, Holdings, Lineage, Ordered, Propose, Recover, Run},
};
use core::fmt::Display;

/// The first epoch of a world whose nodes have no state: seconds of its wall clock.
const EPOCH_BEGIN: u64 = 1_764_000_000;

/// Which node has an index in a view.
pub type Names<'a> = dyn Fn(ViewId, u16) -> Option<NodeId> + 'a;

/// An epoch, counted from the beginning of the world.
#[must_use]
pub fn epoch(epoch: Epoch) -> String {
    match epoch.0.checked_sub(EPOCH_BEGIN) {
        Some(since) => format!("e{since}"),
        None => format!("e{}", epoch.0),
    }
}

/// A view by its epoch and coordinator.
#[must_use]
pub fn view(view: ViewId) -> String {
    format!("{}/{:?}", epoch(view.epoch), view.coordinator.node)
}

/// Nodes in braces.
pub fn nodes(nodes: impl IntoIterator<Item = NodeId>) -> String {
    list(nodes.into_iter().map(|node| format!("{node:?}")))
}

fn list(items: impl IntoIterator<Item = impl Display>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    format!("{{{}}}", items.join(" "))
}

/// What the log says of a node, in a few words: times, random numbers and what explains things to
/// operators are left out. None if a scenario tells it better.
#[must_use]
pub fn told(line: &str) -> Option<String> {
    let (node, said) = line.split_once(' ')?;
    if said.starts_with("sends ") || said.starts_with("is told ") {
        return None;
    }
    if let Some(installed) = said.strip_prefix("installs e") {
        let (number, text) = installed.split_once(' ')?;
        let epoch = epoch(Epoch(number.parse().ok()?));
        let came = text.split("; ").filter(|part| part.starts_with("node "));
        let came: Vec<_> = came.map(short).collect();
        return Some(format!("{node} installs {epoch}: {}", came.join(", ")));
    }
    if said.starts_with("starts as ") {
        return Some(format!("{node} starts"));
    }
    let (word, text) = said.split_once(": ").unwrap_or((said, ""));
    match word {
        "notes" | "warns" => Some(format!("{node} {word}: {}", short(text))),
        "is struck" | "ends" => Some(format!("{node} {said}")),
        _ => Some(format!("{node} {}", short(said))),
    }
}

/// A sentence up to where it explains itself.
fn short(sentence: &str) -> &str {
    let ends = [" (", ": ", "; ", ", ", " for "].into_iter().filter_map(|end| sentence.find(end));
    ends.min().and_then(|end| sentence.get(..end)).unwrap_or(sentence)
}

/// The name of a kind of frame.
#[must_use]
pub fn name(frame: &Frame) -> &'static str {
    match frame {
        Frame::Beat(beat) if beat.acting => "ActingBeat",
        Frame::Beat(_) => "Beat",
        Frame::MemberBeat(_) => "MemberBeat",
        Frame::Who(_) => "Who",
        Frame::Hears(_) => "Hears",
        Frame::Relay(_) => "Relay",
        Frame::Hello(_) => "Hello",
        Frame::Probe(_) => "Probe",
        Frame::ProbeAck(_) => "ProbeAck",
        Frame::Refuse(_) => "Refuse",
        Frame::Propose(_) => "Propose",
        Frame::Flush(_) => "Flush",
        Frame::Nack(_) => "Nack",
        Frame::Commit(_) => "Commit",
        Frame::Recover(_) => "Recover",
        Frame::Recovered(_) => "Recovered",
        Frame::Install(_) => "Install",
        Frame::Moved(_) => "Moved",
        Frame::Leave(_) => "Leave",
        Frame::Gone(_) => "Gone",
        Frame::Kill(_) => "Kill",
        Frame::PutOut(_) => "PutOut",
        Frame::Challenge(_) => "Challenge",
        Frame::Answer(_) => "Answer",
        Frame::Data(_) => "Data",
        Frame::Order(_) => "Order",
        Frame::Ask(_) => "Ask",
        Frame::Ack(_) => "Ack",
        Frame::Amend(_) => "Amend",
    }
}

/// Whether a frame is of a kind, or a relay of one that is.
#[must_use]
pub fn is(frame: &Frame, kind: &str) -> bool {
    let inner = matches!(frame, Frame::Relay(relay) if is(&relay.frame, kind));
    inner || name(frame) == kind
}

/// All names of kinds of frames.
pub const ALL: [&str; 29] = [
    "Beat",
    "ActingBeat",
    "MemberBeat",
    "Who",
    "Hears",
    "Hello",
    "Probe",
    "ProbeAck",
    "Refuse",
    "Propose",
    "Flush",
    "Nack",
    "Commit",
    "Recover",
    "Recovered",
    "Install",
    "Moved",
    "Leave",
    "Gone",
    "Kill",
    "PutOut",
    "Challenge",
    "Answer",
    "Data",
    "Order",
    "Ask",
    "Ack",
    "Amend",
    "Relay",
];

/// What a frame says.
#[must_use]
pub fn say(frame: &Frame, names: &Names<'_>) -> String {
    let kind = name(frame);
    match frame {
        Frame::Relay(relay) => format!(
            "relay for {:?} to {:?}: {}",
            relay.origin.node,
            relay.target.node,
            say(&relay.frame, names)
        ),
        Frame::Propose(propose) => say_propose(propose),
        Frame::Flush(flush) => say_flush(flush, names),
        Frame::Nack(nack) => format!("Nack {} {:?}", view(nack.ballot), nack.reason),
        Frame::Commit(commit) => format!("Commit {}", view(commit.view)),
        Frame::Recover(recover) => say_recover(recover, names),
        Frame::Recovered(recovered) => {
            format!("Recovered {} missing {}", view(recovered.ballot), recovered.missing)
        }
        Frame::Install(install) => format!("Install {}", view(install.ballot)),
        Frame::Moved(moved) => {
            format!("Moved {} {}", view(moved.view), nodes(moved.members.iter()))
        }
        Frame::Gone(gone) => format!("Gone {}", view(gone.ballot)),
        Frame::Kill(kill) => format!("Kill {:?}", kill.target.node),
        Frame::PutOut(put_out) => format!("PutOut {:?}", put_out.target.node),
        Frame::Amend(amend) => format!("Amend{}", amended(Some(amend.amendment))),
        Frame::Hello(hello) => {
            format!("Hello {:?} hears {}", hello.kind, nodes(hello.hears.iter()))
        }
        Frame::Refuse(refuse) => format!("Refuse {:?}", refuse.reason),
        Frame::Data(data) => {
            let run = Run { sender: data.sender, from: data.unit, count: 1 };
            format!("Data {}", units(data.view, run, names))
        }
        Frame::Order(order) => {
            let runs = order.runs.iter().map(|run| units(order.view, *run, names));
            format!("Order from {} {} stable {}", order.first, list(runs), order.stable)
        }
        Frame::Ask(ask) => {
            let asked = ask.units.iter().map(|&asked| group(ask.view, asked, names));
            let records = match ask.records {
                None => String::new(),
                Some((from, u64::MAX)) => format!(" records from {from}"),
                Some((from, to)) => format!(" records {from}-{to}"),
            };
            format!("Ask {}{records}", list(asked))
        }
        Frame::Ack(ack) => format!("Ack held {} sent {}", ack.held, ack.sent),
        _ => kind.to_owned(),
    }
}

fn say_propose(propose: &Propose) -> String {
    let members = nodes(propose.members.iter().map(|member| member.id.node));
    let named = |word: &str, set: &NodeSet| match set.iter().next() {
        Some(_) => format!(" {word} {}", nodes(set.iter())),
        None => String::new(),
    };
    let departing = named("departing", &propose.departing);
    let changes = propose.changes.iter().map(|c| format!("{:?} {:?}", c.node, c.reason));
    let version = match propose.wire_version {
        codec::WIRE_VERSION => String::new(),
        version => format!(" in wire version {version}"),
    };
    let ballot = view(propose.ballot);
    let amending = amended(propose.amending);
    format!("Propose {ballot} {members}{departing} {}{amending}{version}", list(changes))
}

fn amended(amendment: Option<Amendment>) -> String {
    match amendment {
        Some(Amendment::Votes { node, votes }) => format!(" votes of {node:?}: {votes}"),
        Some(Amendment::Expected { votes }) => format!(" expected votes: {votes}"),
        None => String::new(),
    }
}

fn say_flush(flush: &Flush, names: &Names<'_>) -> String {
    let pending = match flush.pending.as_slice() {
        [] => String::new(),
        pending => format!(" pending {}", list(pending.iter().map(|&ballot| view(ballot)))),
    };
    let Some(origin) = flush.origin else {
        return format!("Flush {} from no view{pending}", view(flush.ballot));
    };
    let Holdings { delivered, stable, units, records } = &flush.holdings;
    let held = units.iter().map(|&held| group(origin, held, names));
    let records = records.iter().map(|ordered| placed(origin, ordered, names));
    format!(
        "Flush {} from {}{pending} delivered {delivered} stable {stable} units {} records {}",
        view(flush.ballot),
        view(origin),
        list(held),
        list(records)
    )
}

fn say_recover(recover: &Recover, names: &Names<'_>) -> String {
    let lineage = |lineage: &Lineage| {
        let who = nodes(lineage.members.iter());
        let Some(origin) = lineage.origin else { return format!("{who} from no view") };
        let sequence = lineage.sequence.iter().map(|ordered| placed(origin, ordered, names));
        format!("{who} from {} stable {} {}", view(origin), lineage.stable, list(sequence))
    };
    let lineages: Vec<_> = recover.plan.lineages.iter().map(lineage).collect();
    format!("Recover {} {}", view(recover.ballot), lineages.join("; "))
}

/// Units of one sender: `n1/3`, or `n1/3-5`.
fn units(view: ViewId, run: Run, names: &Names<'_>) -> String {
    let sender = names(view, run.sender);
    let sender = sender.map_or(format!("?{}", run.sender), |node| format!("{node:?}"));
    match run.count {
        1 => format!("{sender}/{}", run.from),
        count => format!("{sender}/{}-{}", run.from, run.from + u64::from(count) - 1),
    }
}

/// Units with the place of the first: `7:n1/3`; units without record: `-:n1/3`.
fn placed(view: ViewId, ordered: &Ordered, names: &Names<'_>) -> String {
    let units = units(view, ordered.run, names);
    match ordered.first {
        0 => format!("-:{units}"),
        place => format!("{place}:{units}"),
    }
}

/// Units as holdings and questions name them: sender, first and last.
fn group(view: ViewId, (sender, from, last): (u16, u64, u64), names: &Names<'_>) -> String {
    let count = u32::try_from(last.saturating_sub(from) + 1).unwrap_or(u32::MAX);
    units(view, Run { sender, from, count }, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_in_short() {
        let told = |line: &str| told(line).unwrap_or_default();
        let installs = "n1 installs e1764000005 [1, 2]: view 1764000005 installed: members 1,2; \
                        coordinator 1; node 3 was put out (silent for 2004 ms, found by node 1); \
                        answers took 0 ms, recovery 1 ms";
        assert_eq!(told(installs), "n1 installs e5: node 3 was put out");
        assert_eq!(told("n1 starts as n1/i5/abcdef, state Intact"), "n1 starts");
        assert_eq!(
            told("n2 notes: coordinator 1 is silent; this node"),
            "n2 notes: coordinator 1 is silent"
        );
        assert_eq!(
            told("n2 warns: node 3 is held off for 941 ms: it"),
            "n2 warns: node 3 is held off"
        );
        assert_eq!(told("n3 inquorate, 1 of 2: quorum lost: 1 of 3"), "n3 inquorate");
        assert_eq!(told("n3 ends: Crashed"), "n3 ends: Crashed");
        assert_eq!(told("n3 sends [Propose] e7"), "");
    }

    #[test]
    fn units_are_named_by_their_senders() {
        let view = ViewId {
            epoch: Epoch(EPOCH_BEGIN + 4),
            coordinator: cman_types::MemberId {
                node: NodeId::new(1).unwrap(),
                incarnation: cman_types::Incarnation(1),
                salt: cman_types::Salt::default(),
            },
        };
        let names = |_, index: u16| NodeId::new(u32::from(index)).filter(|node| node.get() < 3);
        let run = |sender, count| Run { sender, from: 7, count };
        assert_eq!(units(view, run(2, 1), &names), "n2/7");
        assert_eq!(units(view, run(2, 3), &names), "n2/7-9");
        assert_eq!(units(view, run(5, 1), &names), "?5/7");
        assert_eq!(placed(view, &Ordered { first: 0, run: run(1, 1) }, &names), "-:n1/7");
        assert_eq!(placed(view, &Ordered { first: 3, run: run(1, 1) }, &names), "3:n1/7");
        assert_eq!(group(view, (1, 4, 6), &names), "n1/4-6");
        assert_eq!(super::view(view), "e4/n1");
    }
}
