//! Looks at the network from time to time, and tells clients when a link or a path to a member
//! changes; and tells the log why a node that has not been quorate yet is not.

use crate::{
    context::Context,
    debug,
    health::{MULTICAST_DEAD, Network, RELAYED, no_multicast},
};
use cman_io::clock;
use cman_ipc::event::{Event, LinkEvent};
use cman_node as node;
use cman_types::{Instant, NodeId, Span};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, interval};

/// Time between two looks: short for a person, and little work.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A look that comes so late says that this daemon did not run.
const LATE: Duration = Duration::from_secs(3);
/// The only link there is.
const LINK: u8 = 0;

/// Looks and tells until it is aborted.
pub(crate) async fn observe(context: Arc<Context>) {
    let mut observer = Observer::new(context.group);
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = clock::now();
    loop {
        ticks.tick().await;
        let now = clock::now();
        if now.since(last) > LATE {
            context.carrier.woke(now);
        }
        last = now;
        // An engine that does not answer is seen elsewhere.
        let Ok(snapshot) = context.engine.status().await else { continue };
        observer.look_at_stream(snapshot.stream);
        // What is on its way to clients goes first.
        if !context.history().has_told(&snapshot.status) {
            continue;
        }
        if let Some(why) = observer.look_at_quorum(&snapshot.status) {
            tracing::info!("{why}");
        }
        let own = context.interface.address;
        let network = Network::look(own, &context.carrier, snapshot.at, &snapshot.status);
        for event in observer.look(snapshot.at, &network, &snapshot.status) {
            context.publish_now(Event::Link(event));
        }
    }
}

/// What was told of link and paths.
#[derive(Debug)]
struct Observer {
    group: Option<IpAddr>,
    /// Since when the link is down.
    down_since: Option<Instant>,
    /// Whether multicast passes to nobody.
    multicast_dead: bool,
    paths: BTreeMap<NodeId, Path>,
    waiting: Waiting,
    /// How the stream of messages stood at the last look.
    stream: Option<node::StreamStats>,
}

/// Why the node may not act, as long as it never could: nobody tells of quorum before there is
/// some.
#[derive(Debug)]
enum Waiting {
    /// What was seen last, and whether that was told. Most starts are over before it is seen
    /// twice.
    For { why: String, told: bool },
    /// It could act once: what becomes of quorum is told when it happens.
    Over,
}

/// How a member is heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct PathState {
    relayed: bool,
    multicast_dead: bool,
}

/// The path to a member. What is seen once only may be over before anybody could act upon it.
#[derive(Clone, Copy, Debug, Default)]
struct Path {
    seen: PathState,
    told: PathState,
}

impl Observer {
    /// To whom all is well until it sees otherwise.
    const fn new(group: Option<IpAddr>) -> Self {
        let waiting = Waiting::For { why: String::new(), told: true };
        let paths = BTreeMap::new();
        Self { group, down_since: None, multicast_dead: false, paths, waiting, stream: None }
    }

    /// Says how the stream of messages goes, to whoever wants such details.
    fn look_at_stream(&mut self, stream: Option<node::StreamStats>) {
        if let Some(stats) = stream
            && self.stream.replace(stats) != Some(stats)
        {
            tracing::debug!(target: debug::ORDER, "since the view began: {stats:?}");
        }
    }

    /// Why the node may not act yet, if that is news.
    fn look_at_quorum(&mut self, status: &node::Status) -> Option<String> {
        if status.quorate {
            self.waiting = Waiting::Over;
        }
        let Waiting::For { why: seen, told } = &mut self.waiting else { return None };
        let why = why_not(status);
        if *seen != why {
            (*seen, *told) = (why, false);
            return None;
        }
        let news = !std::mem::replace(told, true);
        news.then(|| format!("no quorum yet: {why}; services here must not act"))
    }

    /// What has changed since the last look.
    fn look(&mut self, now: Instant, network: &Network, status: &node::Status) -> Vec<LinkEvent> {
        let link = self.look_at_link(now, network);
        link.into_iter().chain(self.look_at_paths(status)).collect()
    }

    fn look_at_link(&mut self, now: Instant, network: &Network) -> Option<LinkEvent> {
        let text = match (&network.down, self.down_since) {
            (Some(why), None) => {
                self.down_since = Some(now);
                why.clone()
            }
            (None, Some(since)) => {
                self.down_since = None;
                format!("it is up again, after {}", Span(now.since(since)))
            }
            // What does not pass over a link that is down is no news.
            (Some(_), Some(_)) => return None,
            (None, None) if network.multicast_dead == self.multicast_dead => return None,
            (None, None) => match self.group.filter(|_| network.multicast_dead) {
                Some(group) => no_multicast(group),
                None => "multicast passes again".to_owned(),
            },
        };
        self.multicast_dead = network.multicast_dead;
        Some(LinkEvent {
            link: LINK,
            node: None,
            up: network.down.is_none(),
            multicast_heard: self.group.is_some() && network.multicast_heard,
            text,
        })
    }

    fn look_at_paths(&mut self, status: &node::Status) -> Vec<LinkEvent> {
        let others = status.nodes.iter().filter(|node| node.id != status.me.node);
        let members = others.filter(|node| node.member.is_some());
        let seen: BTreeMap<NodeId, PathState> = members
            .map(|node| {
                let node::NodeStatus { relayed, multicast_dead, .. } = *node;
                (node.id, PathState { relayed, multicast_dead })
            })
            .collect();
        self.paths.retain(|node, _| seen.contains_key(node));
        let mut events = Vec::new();
        for (node, state) in seen {
            let path = self.paths.entry(node).or_default();
            let again = path.seen == state;
            path.seen = state;
            if again && path.told != state {
                path.told = state;
                events.push(path_event(self.group, node, state));
            }
        }
        events
    }
}

/// Why the node may not act: with the votes, which do not matter while it waits for all, but show
/// what is missing.
fn why_not(status: &node::Status) -> String {
    let node::Status { votes, expected_votes, needed, why_quorate, .. } = status;
    if status.waiting_for_all {
        format!("{why_quorate}; votes: {votes} of {expected_votes} expected, {needed} needed")
    } else {
        why_quorate.clone()
    }
}

fn path_event(group: Option<IpAddr>, node: NodeId, state: PathState) -> LinkEvent {
    let PathState { relayed, multicast_dead } = state;
    let text = match (relayed, multicast_dead) {
        (true, _) => RELAYED,
        (false, true) => MULTICAST_DEAD,
        (false, false) => "it is heard as it should be again",
    };
    LinkEvent {
        link: LINK,
        node: Some(node),
        up: !relayed,
        multicast_heard: group.is_some() && !multicast_dead,
        text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::{peer, status};

    const NOW: Instant = Instant::from_nanos(60_000_000_000);

    fn observer() -> Observer {
        Observer::new("239.192.12.97".parse().ok())
    }

    fn network(down: Option<&str>, multicast_dead: bool) -> Network {
        Network { down: down.map(str::to_owned), multicast_heard: !multicast_dead, multicast_dead }
    }

    /// Node, up, multicast and text of each event.
    fn told(events: Vec<LinkEvent>) -> Vec<String> {
        let one = |event: LinkEvent| {
            let LinkEvent { node, up, multicast_heard, text, .. } = event;
            let node = node.map_or_else(|| "-".to_owned(), |node| node.to_string());
            format!("{node} {up} {multicast_heard}: {text}")
        };
        events.into_iter().map(one).collect()
    }

    #[test]
    fn a_node_that_cannot_act_from_the_start_says_why() {
        let mut observer = observer();
        let mut look = |votes, waiting_for_all, quorate| {
            let mut status = status(5, votes);
            (status.waiting_for_all, status.quorate) = (waiting_for_all, quorate);
            (status.expected_votes, status.needed) = (3, 2);
            observer.look_at_quorum(&status).unwrap_or_default()
        };
        assert_eq!(look(1, false, false), "", "that may be over soon");
        let said = look(1, false, false);
        assert_eq!(said, "no quorum yet: 1 of 3; services here must not act");
        assert_eq!(look(1, false, false), "");
        assert_eq!(look(2, true, false), "");
        let said = look(2, true, false);
        assert!(said.contains("; votes: 2 of 3 expected, 2 needed;"), "{said}");
        assert_eq!(look(2, true, true), "");
        assert_eq!((look(1, false, false), look(1, false, false)), (String::new(), String::new()));
    }

    #[test]
    fn a_link_is_told_when_it_goes_down_and_when_it_is_up_again() {
        let (mut observer, status) = (observer(), status(5, 2));
        let mut look = |seconds, down| {
            let now = NOW + Duration::from_secs(seconds);
            told(observer.look(now, &network(down, false), &status))
        };
        assert_eq!(look(0, None), [""; 0], "all is well, which is no news");
        assert_eq!(look(1, Some("no carrier")), ["- false true: no carrier"]);
        assert_eq!(look(2, Some("silence for 3 s")), [""; 0]);
        assert_eq!(look(13, None), ["- true true: it is up again, after 12 s"]);
        assert_eq!(look(14, None), [""; 0]);
    }

    #[test]
    fn multicast_that_passes_to_nobody_is_told() {
        let (mut observer, status) = (observer(), status(5, 2));
        let mut look = |dead| told(observer.look(NOW, &network(None, dead), &status));
        let said = look(true);
        assert!(said[0].starts_with("- true false: multicast 239.192.12.97 does not"), "{said:?}");
        assert_eq!(look(true), [""; 0]);
        assert_eq!(look(false), ["- true true: multicast passes again"]);
    }

    #[test]
    fn a_path_is_told_when_it_was_seen_twice() {
        let mut observer = observer();
        let mut look = |relayed, multicast_dead| {
            let mut status = status(5, 2);
            let mut other = peer(&status, 2);
            (other.relayed, other.multicast_dead) = (relayed, multicast_dead);
            status.nodes.push(other);
            told(observer.look(NOW, &network(None, false), &status))
        };
        assert_eq!(look(true, false), [""; 0]);
        assert_eq!(look(false, false), [""; 0], "that was over before it was told");
        assert_eq!(look(true, false), [""; 0]);
        assert_eq!(look(true, false), [format!("2 false true: {RELAYED}")]);
        assert_eq!(look(true, false), [""; 0]);
        assert_eq!((look(false, true), look(false, true).len()), (Vec::new(), 1));
        assert_eq!(look(false, false), [""; 0]);
        assert_eq!(look(false, false), ["2 true true: it is heard as it should be again"]);
    }

    #[test]
    fn who_is_no_member_has_no_path() {
        let mut observer = observer();
        let mut look = |relayed, is_member| {
            let mut status = status(5, 2);
            let mut other = peer(&status, 2);
            other.relayed = relayed;
            other.member = other.member.filter(|_| is_member);
            status.nodes.push(other);
            observer.look(NOW, &network(None, false), &status).len()
        };
        assert_eq!((look(true, true), look(true, true)), (0, 1));
        assert_eq!((look(false, false), look(false, true), look(false, true)), (0, 0, 0));
    }
}
