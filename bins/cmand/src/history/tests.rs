use super::*;
use cman_crypto::Plain;
use cman_types::{Incarnation, Member, Salt, View, ViewId};
use std::time::Duration;

fn history() -> History {
    History::new(NodeId::new(1).unwrap())
}

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn id(node: u32, incarnation: u64) -> MemberId {
    let node = NodeId::new(node).unwrap();
    MemberId { node, incarnation: Incarnation(incarnation), salt: Salt::default() }
}

fn view(epoch: u64, members: &[MemberId], stayed: &[u32]) -> node::Event {
    let address = "10.0.0.1:5405".parse().unwrap();
    node::Event::View(node::ViewEvent {
        view: View {
            id: ViewId { epoch: Epoch(epoch), coordinator: members[0] },
            members: members.iter().map(|id| Member { id: *id, address }).collect(),
        },
        transitional: stayed.iter().filter_map(|id| NodeId::new(*id)).collect(),
        joined: Vec::new(),
        left: Vec::new(),
        reasons: Vec::new(),
        amending: None,
        text: String::new(),
    })
}

/// A view of node 1 alone.
pub(crate) fn view_of_one(epoch: u64) -> node::Event {
    view(epoch, &[id(1, 1)], &[1])
}

/// A node that says that it is in the view of `epoch`, with so many votes.
pub(crate) fn status(epoch: u64, votes: u32) -> node::Status {
    let setup = node::Setup {
        me: NodeId::new(1).unwrap(),
        incarnation: Incarnation(1),
        salt: Salt::default(),
        seed: 1,
        address: "10.0.0.1:5405".parse().unwrap(),
        cluster_name: "alpha".into(),
        cluster_id: 3169,
        config_version: 1,
        peers: Vec::new(),
        expected_votes: 3,
        two_node: false,
        wait_for_all: false,
        token: Duration::from_secs(2),
        multicast: false,
        wire_versions: node::WIRE_VERSIONS,
        epoch_ceiling: None,
        wall_seconds: 1,
        removed: false,
        raised: Epoch(0),
        device_poll: Duration::from_secs(10),
        observe: false,
    };
    let node = node::Node::new(Instant::ZERO, setup, Box::new(Plain::new("alpha")));
    let node::Event::View(event) = view(epoch, &[id(1, 1)], &[1]) else {
        panic!("no view");
    };
    let why_quorate = format!("{votes} of 3");
    let view = Some(event.view);
    node::Status { view, votes, why_quorate, ..node.status(Instant::ZERO) }
}

/// A member that is heard as it should be.
pub(crate) fn peer(status: &node::Status, node: u32) -> node::NodeStatus {
    let id = NodeId::new(node).unwrap();
    node::NodeStatus {
        id,
        votes: 1,
        member: Some(MemberId { node: id, ..status.me }),
        incarnation: None,
        address: None,
        joined_at: None,
        leaving: false,
        delay: Duration::ZERO,
        relayed: false,
        multicast_dead: false,
        held_until: None,
        disallowed: false,
        heard_at: None,
        fenced: None,
    }
}

#[test]
fn who_subscribes_hears_the_votes_of_the_present_view() {
    let mut history = history();
    let text = "quorum gained".to_owned();
    let yes = node::Event::Quorum { quorate: true, votes: 2, expected: 3, needed: 2, text };
    history.note(1, at(1), &view(5, &[id(1, 1)], &[1]));
    history.note(2, at(2), &yes);
    let quorum = |history: &History, status| match &history.present(true, Some(&status))[1] {
        EventMessage { event: Event::Quorum(event), .. } => (event.votes, event.text.clone()),
        other => panic!("{other:?}"),
    };
    history.note(3, at(3), &view(6, &[id(1, 1)], &[1]));
    assert_eq!(quorum(&history, status(6, 3)), (3, "3 of 3".to_owned()));
    // Of another view than the one that is told just before.
    assert_eq!(quorum(&history, status(7, 3)), (2, "quorum gained".to_owned()));
}

fn joined(history: &History, node: u32) -> Option<u64> {
    history.membership(NodeId::new(node).unwrap()).map(|m| m.joined_epoch.0)
}

#[test]
fn membership_counts_from_the_first_view_without_a_break() {
    let mut history = history();
    history.note(1, at(1), &view(5, &[id(1, 1)], &[1]));
    history.note(2, at(2), &view(6, &[id(1, 1), id(2, 1)], &[1]));
    history.note(3, at(3), &view(7, &[id(1, 1), id(2, 1)], &[1, 2]));
    assert_eq!((joined(&history, 1), joined(&history, 2)), (Some(5), Some(6)));
    history.note(4, at(4), &view(8, &[id(1, 1), id(2, 2)], &[1]));
    assert_eq!((joined(&history, 1), joined(&history, 2)), (Some(5), Some(8)));
    assert_eq!(joined(&history, 3), None);
}

#[test]
fn who_subscribes_hears_the_present_but_no_stale_yes() {
    let mut history = history();
    assert!(history.present(true, None).is_empty());
    history.note(1, at(1), &view(5, &[id(1, 1)], &[1]));
    let text = "2 of 3 votes".to_owned();
    let yes = node::Event::Quorum { quorate: true, votes: 2, expected: 3, needed: 2, text };
    history.note(2, at(2), &yes);
    let quorate = |lease| match &history.present(lease, None)[1].event {
        Event::Quorum(event) => event.quorate,
        other => panic!("{other:?}"),
    };
    assert!(quorate(true) && !quorate(false));
}

fn with_reasons(event: node::Event, reasons: &[(u32, Reason)]) -> node::Event {
    let node::Event::View(mut view) = event else { panic!("no view") };
    let came = |(node, reason): &(u32, Reason)| node::Came {
        node: NodeId::new(*node).unwrap(),
        reason: *reason,
        evidence: "seen".to_owned(),
    };
    view.reasons = reasons.iter().map(came).collect();
    node::Event::View(view)
}

/// Kind, node, change, reason and text of each.
fn told(messages: &[EventMessage]) -> Vec<String> {
    let one = |message: &EventMessage| match &message.event {
        Event::View(view) => format!("view {}", view.epoch),
        Event::Node(NodeEvent { node, state, change, reason, text }) => {
            format!("node {node} {state} {} {reason}: {text}", change.name())
        }
        Event::Config(config) => {
            let other = config.other.unwrap();
            format!("config {} {} {}", config.config_version, other.node, other.config_version)
        }
        other => panic!("{other:?}"),
    };
    messages.iter().map(one).collect()
}

#[test]
fn who_comes_goes_and_comes_back_is_told_with_the_reason() {
    let (mut history, [one, two]) = (history(), [id(1, 1), id(2, 1)]);
    let first = with_reasons(view(5, &[one, two], &[1]), &[(2, Reason::Joined)]);
    let lost = with_reasons(view(6, &[one], &[1]), &[(2, Reason::Silent)]);
    let again = with_reasons(view(7, &[one, two], &[1]), &[(2, Reason::Merged)]);
    let reborn = with_reasons(view(8, &[one, id(2, 2)], &[1]), &[(2, Reason::Restarted)]);
    let apart = with_reasons(view(9, &[one, id(2, 2)], &[1]), &[(2, Reason::Parted)]);
    let told = [(first, 1), (lost, 10), (again, 75), (reborn, 80), (apart, 90)]
        .map(|(event, seconds)| told(&history.note(1, at(seconds), &event)));
    assert_eq!(told[0], ["view 5", "node 2 member joined joined: seen"]);
    assert_eq!(told[1], ["view 6", "node 2 dead left silent: seen"]);
    let away = "node 2 member returned merged: seen; it was away for 65 s";
    assert_eq!(told[2], ["view 7", away]);
    assert_eq!(told[3], ["view 8", "node 2 member returned restarted: seen"]);
    let together = format!("node 2 member returned parted: {TOGETHER_AGAIN}");
    assert_eq!(told[4], ["view 9".to_owned(), together]);
}

fn refusal(by: u32, node: u32, reason: RefuseReason, ours: u64, theirs: u64) -> node::Event {
    let id = |id| NodeId::new(id).unwrap();
    let refusal = Refusal { by: id(by), node: id(node), reason, ours, theirs, other: None };
    node::Event::Notice { warning: true, text: "why".into(), refusals: vec![refusal] }
}

#[test]
fn a_refusal_is_told_once_until_it_changes_or_ends() {
    let mut history = history();
    let newer = refusal(1, 2, RefuseReason::ConfigNewer, 4, 5);
    assert_eq!(told(&history.note(1, at(1), &newer)), ["config 4 2 5"]);
    assert_eq!(told(&history.note(2, at(11), &newer)), [""; 0]);
    let newest = refusal(1, 2, RefuseReason::ConfigNewer, 4, 6);
    assert_eq!(told(&history.note(3, at(21), &newest)), ["config 4 2 6"]);
    let held = refusal(1, 3, RefuseReason::HeldOff, 0, 0);
    let held_off = "node 3 never_seen refused held_off: why";
    assert_eq!(told(&history.note(4, at(22), &held)), [held_off]);
    let members = view(5, &[id(1, 1), id(3, 1)], &[1]);
    history.note(5, at(30), &with_reasons(members, &[(3, Reason::Joined)]));
    history.note(6, at(31), &with_reasons(view(6, &[id(1, 1)], &[1]), &[(3, Reason::Silent)]));
    let again = "node 3 dead refused held_off: why";
    assert_eq!(told(&history.note(7, at(32), &held)), [again]);
    let fatal = |event| match event {
        node::Event::Notice { text, mut refusals, .. } => {
            node::Event::Fatal { text, refusal: refusals.pop() }
        }
        other => panic!("{other:?}"),
    };
    let older = fatal(refusal(2, 1, RefuseReason::ConfigOlder, 5, 4));
    assert_eq!(told(&history.note(8, at(33), &older)), ["config 4 2 5"]);
    let killed = node::Event::Fatal { text: "killed".into(), refusal: None };
    assert_eq!(told(&history.note(8, at(33), &killed)), [""; 0]);
    let foreign = refusal(4, 1, RefuseReason::OtherCluster, 7, 8);
    let refuses = "node 4 never_seen refuses other_cluster: why";
    assert_eq!(told(&history.note(8, at(33), &foreign)), [refuses]);
}

#[test]
fn who_subscribes_hears_what_is_down_until_it_is_not() {
    let mut history = history();
    let node = NodeId::new(2);
    let link = |node, up| {
        let text = String::new();
        let event = Event::Link(LinkEvent { link: 0, node, up, multicast_heard: up, text });
        EventMessage { at: 1, monotonic_ns: 1, event }
    };
    for (node, up) in [(None, false), (node, false), (None, true)] {
        history.note_link(&link(node, up));
    }
    assert_eq!(history.present(true, None), [link(node, false)]);
    // The path of a node that is no member is nobody's concern.
    history.note(1, at(1), &view(5, &[id(1, 1)], &[1]));
    assert_eq!(history.present(true, None).len(), 1);
}

#[test]
fn nothing_is_told_before_what_it_follows_from() {
    let mut history = history();
    assert!(!history.has_told(&status(5, 2)));
    history.note(1, at(1), &view(5, &[id(1, 1)], &[1]));
    let now = node::Status { quorate: true, ..status(5, 2) };
    assert!(history.has_told(&status(5, 2)) && !history.has_told(&now));
    let text = String::new();
    let yes = node::Event::Quorum { quorate: true, votes: 2, expected: 3, needed: 2, text };
    history.note(2, at(2), &yes);
    assert!(!history.has_told(&status(5, 2)) && history.has_told(&now));
    assert!(!history.has_told(&node::Status { quorate: true, ..status(6, 2) }));
}

#[test]
fn a_yes_that_is_over_gives_no_reason_for_it() {
    let mut history = history();
    let text = "quorum gained".to_owned();
    let yes = node::Event::Quorum { quorate: true, votes: 2, expected: 3, needed: 2, text };
    history.note(1, at(1), &yes);
    let said = |lease| match &history.present(lease, None)[0].event {
        Event::Quorum(event) => event.text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(said(true), "quorum gained");
    assert_eq!(said(false), "the lease of this node has ended");
}
