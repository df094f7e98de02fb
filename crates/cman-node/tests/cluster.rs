//! A few whole nodes on a perfect network: what must work before anything is broken on purpose.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use cman_crypto::Plain;
use cman_node::{
    AmendError, Command, CommandError, Destination, DeviceError, Event, Lane, Node, Peer, Setup,
    Stored, WIRE_VERSIONS,
};
use cman_types::{Amendment, Epoch, Incarnation, Instant, NodeId, Salt};
use core::{net::SocketAddr, time::Duration};
use std::collections::{BTreeMap, BTreeSet};

const TOKEN: Duration = Duration::from_secs(2);
const HOP: Duration = Duration::from_micros(200);

fn node_id(id: u32) -> NodeId {
    NodeId::new(id).unwrap()
}

fn address(id: u32) -> SocketAddr {
    format!("10.0.0.{id}:5405").parse().unwrap()
}

/// A datagram on its way: when it arrives, where, whence, whether by multicast, and what it says.
type Flight = (Instant, u32, (SocketAddr, Lane), bool, Vec<u8>);

/// Nodes and the datagrams between them.
struct Bus {
    now: Instant,
    nodes: BTreeMap<u32, Node>,
    flying: Vec<Flight>,
    events: Vec<(Instant, u32, Event)>,
    lives: u8,
    size: u32,
    /// Of the configuration that nodes start with.
    version: u64,
}

impl Bus {
    fn new(size: u32) -> Self {
        let mut bus = Self {
            now: Instant::from_nanos(1_000_000_000),
            nodes: BTreeMap::new(),
            flying: Vec::new(),
            events: Vec::new(),
            lives: 0,
            size,
            version: 1,
        };
        for id in 1..=size {
            bus.start(id);
        }
        bus
    }

    fn start(&mut self, id: u32) {
        self.lives += 1;
        let peer = |id| Peer { id: node_id(id), votes: 1, address: Some(address(id)) };
        let setup = Setup {
            me: node_id(id),
            incarnation: Incarnation(1_700_000_000_000 + self.now.as_nanos() / 1_000_000),
            salt: Salt([self.lives; 16]),
            seed: u64::from(self.lives),
            address: address(id),
            cluster_name: "test".to_owned(),
            cluster_id: 7,
            config_version: self.version,
            peers: (1..=self.size).map(peer).collect(),
            expected_votes: self.size,
            two_node: false,
            wait_for_all: false,
            token: TOKEN,
            multicast: true,
            wire_versions: WIRE_VERSIONS,
            epoch_ceiling: None,
            wall_seconds: 1_700_000_000,
            removed: false,
            raised: Epoch(0),
            device_poll: Duration::from_secs(10),
            observe: false,
        };
        let node = Node::new(self.now, setup, Box::new(Plain::new("test")));
        self.nodes.insert(id, node);
        self.drain(id);
    }

    fn drain(&mut self, id: u32) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        while let Some(transmit) = node.poll_transmit() {
            let at = self.now + HOP;
            for other in (1..=self.size).filter(|&other| other != id) {
                let meant = match transmit.to {
                    Destination::Multicast => true,
                    Destination::Unicast(to) => to == address(other),
                };
                if meant {
                    let multicast = transmit.to == Destination::Multicast;
                    let bytes = transmit.bytes.clone();
                    let from = (transmit.lane.address_of(address(id)), transmit.lane);
                    self.flying.push((at, other, from, multicast, bytes));
                }
            }
        }
        let mut stores = Vec::new();
        while let Some(event) = node.poll_event() {
            if let Event::Store(store) = &event {
                stores.push(*store);
            }
            self.events.push((self.now, id, event));
        }
        for store in stores {
            let Some(node) = self.nodes.get_mut(&id) else { return };
            let (epoch_ceiling, removed) = (store.epoch_ceiling, store.removed);
            node.handle_stored(self.now, Stored { epoch_ceiling, removed, ok: true });
        }
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let timer =
                self.nodes.iter().filter_map(|(&id, n)| Some((n.poll_timeout()?, id))).min();
            let flight = self.flying.iter().enumerate().map(|(at, f)| (f.0, at)).min();
            let next = [timer.map(|t| t.0), flight.map(|f| f.0)].into_iter().flatten().min();
            let Some(next) = next.filter(|&next| next <= end) else { break };
            self.now = self.now.max(next);
            match (timer, flight) {
                (_, Some((at, index))) if at == next => {
                    let (_, to, (from, lane), multicast, mut bytes) =
                        self.flying.swap_remove(index);
                    if let Some(node) = self.nodes.get_mut(&to) {
                        node.handle_datagram(self.now, from, lane, multicast, &mut bytes);
                        node.handle_drained(self.now);
                        self.drain(to);
                    }
                }
                (Some((_, id)), _) => {
                    if let Some(node) = self.nodes.get_mut(&id) {
                        node.handle_timeout(self.now);
                        self.drain(id);
                    }
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn assert_whole(&self, members: &[u32]) {
        for id in members {
            let status = self.nodes[id].status(self.now);
            let view: Vec<u32> =
                status.view.iter().flat_map(|v| v.nodes()).map(NodeId::get).collect();
            assert_eq!(view, members, "node {id}: {:#?}", self.events);
            assert!(status.quorate, "node {id} is not quorate: {:#?}", self.events);
        }
    }

    fn quorum_events(&self) -> usize {
        self.events.iter().filter(|(_, _, e)| matches!(e, Event::Quorum { .. })).count()
    }

    fn views_since(&self, at: Instant, id: u32) -> Vec<Instant> {
        self.events
            .iter()
            .filter(|(when, who, event)| {
                *when >= at && *who == id && matches!(event, Event::View(_))
            })
            .map(|(when, _, _)| *when)
            .collect()
    }
}

///
#[test]
fn three_nodes_form_one_view() {
    let mut bus = Bus::new(3);
    bus.run(Duration::from_secs(2));
    bus.assert_whole(&[1, 2, 3]);
    assert_eq!(bus.views_since(Instant::ZERO, 1).len(), 1, "{:#?}", bus.events);
    let events = bus.quorum_events();
    bus.run(Duration::from_secs(60));
    bus.assert_whole(&[1, 2, 3]);
    assert_eq!(bus.quorum_events(), events);
    assert_eq!(bus.views_since(Instant::ZERO, 1).len(), 1);
}

///
#[test]
fn the_death_of_any_node_costs_one_view_and_no_quorum() {
    for dead in 1..=5 {
        let mut bus = Bus::new(5);
        bus.run(Duration::from_secs(10));
        let events = bus.quorum_events();
        let died = bus.now;
        bus.nodes.remove(&dead);
        bus.run(Duration::from_secs(10));
        let rest: Vec<u32> = (1..=5).filter(|&id| id != dead).collect();
        bus.assert_whole(&rest);
        assert_eq!(bus.quorum_events(), events, "{:#?}", bus.events);
        for &id in &rest {
            let views = bus.views_since(died, id);
            assert_eq!(views.len(), 1, "{:#?}", bus.events);
            assert!(views[0].since(died) <= TOKEN + Duration::from_millis(300));
        }
    }
}

///
#[test]
fn coordinator_and_deputy_die_together() {
    let mut bus = Bus::new(5);
    bus.run(Duration::from_secs(10));
    let (events, died) = (bus.quorum_events(), bus.now);
    bus.nodes.remove(&1);
    bus.nodes.remove(&2);
    bus.run(Duration::from_secs(10));
    bus.assert_whole(&[3, 4, 5]);
    assert_eq!(bus.quorum_events(), events, "{:#?}", bus.events);
    for id in 3..=5 {
        let views = bus.views_since(died, id);
        assert_eq!(views.len(), 1, "{:#?}", bus.events);
        assert!(views[0].since(died) <= TOKEN + Duration::from_millis(500));
    }
}

///
#[test]
fn a_restarted_node_is_back_within_a_second() {
    for dead in [1, 3] {
        let mut bus = Bus::new(3);
        bus.run(Duration::from_secs(10));
        bus.nodes.remove(&dead);
        bus.run(Duration::from_millis(100));
        let back = bus.now;
        bus.start(dead);
        bus.run(Duration::from_secs(1));
        let views = bus.views_since(back, dead);
        assert_eq!(views.len(), 1, "{dead}: {:#?}", bus.events);
        bus.run(Duration::from_secs(3));
        bus.assert_whole(&[1, 2, 3]);
    }
}

/// CF-03, CF-05, CF-06.
#[test]
fn nodes_with_the_old_and_with_the_new_configuration_let_each_other_in() {
    let mut bus = Bus::new(3);
    bus.run(Duration::from_secs(10));
    bus.tell(1, Command::Configure { version: 2 }).unwrap();
    bus.run(Duration::from_millis(100));
    let wanted = |event: &Event| matches!(event, Event::ConfigWanted { version: 2 });
    let told = bus.events.iter().filter(|(_, _, event)| wanted(event)).map(|(_, id, _)| *id);
    assert_eq!(told.collect::<BTreeSet<_>>(), BTreeSet::from([1, 2, 3]));
    for (restarted, version) in [(1, 2), (3, 1), (2, 2), (3, 2), (1, 1), (2, 1)] {
        bus.nodes.remove(&restarted);
        bus.run(Duration::from_millis(100));
        bus.version = version;
        bus.start(restarted);
        bus.run(Duration::from_secs(5));
        bus.assert_whole(&[1, 2, 3]);
    }
}

/// CF-03, CF-05.
#[test]
fn versions_that_nobody_knows_to_be_alike_do_not_meet() {
    let mut bus = Bus::new(3);
    bus.run(Duration::from_secs(10));
    bus.tell(1, Command::WantConfig { version: 2 }).unwrap();
    bus.run(Duration::from_millis(100));
    bus.nodes.remove(&3);
    bus.run(Duration::from_millis(100));
    bus.version = 2;
    bus.start(3);
    bus.run(Duration::from_secs(5));
    let refused = |event: &Event| matches!(event, Event::Fatal { refusal: Some(_), .. });
    assert!(bus.events.iter().any(|(_, id, event)| *id == 3 && refused(event)));
    bus.assert_whole(&[1, 2]);
}

///
#[test]
fn leaving_is_quick_and_removing_lowers_expected_votes() {
    for (leaver, remove) in [(1, false), (3, false), (1, true), (3, true)] {
        let mut bus = Bus::new(3);
        bus.run(Duration::from_secs(10));
        let left = bus.now;
        let now = bus.now;
        let node = bus.nodes.get_mut(&leaver).unwrap();
        node.handle_command(now, Command::Leave { remove }).unwrap();
        bus.drain(leaver);
        bus.run(Duration::from_millis(200));
        let rest: Vec<u32> = (1..=3).filter(|&id| id != leaver).collect();
        bus.assert_whole(&rest);
        assert_eq!(bus.views_since(left, rest[0]).len(), 1);
        let expected = bus.nodes[&rest[0]].status(bus.now).expected_votes;
        assert_eq!(expected, if remove { 2 } else { 3 });
        let why = bus.nodes[&rest[0]].status(bus.now).why_quorate;
        assert_eq!(why, format!("2 of {expected} expected votes are here, 2 are needed"));
        assert!(bus.events.iter().any(|(_, id, e)| *id == leaver && *e == Event::Left));
    }
}

///
#[test]
fn a_killed_node_is_told_and_put_out() {
    for victim in [1, 2] {
        let mut bus = Bus::new(3);
        bus.run(Duration::from_secs(10));
        let now = bus.now;
        let node = bus.nodes.get_mut(&3).unwrap();
        node.handle_command(now, Command::Kill { node: node_id(victim) }).unwrap();
        bus.drain(3);
        bus.run(Duration::from_millis(600));
        let rest: Vec<u32> = (1..=3).filter(|&id| id != victim).collect();
        bus.assert_whole(&rest);
        let told =
            |(_, id, e): &&(Instant, u32, Event)| *id == victim && matches!(e, Event::Fatal { .. });
        assert_eq!(bus.events.iter().filter(told).count(), 1, "{:#?}", bus.events);
    }
}

impl Bus {
    fn tell(&mut self, id: u32, command: Command) -> Result<(), CommandError> {
        let now = self.now;
        let answer = self.nodes.get_mut(&id).unwrap().handle_command(now, command);
        self.drain(id);
        answer
    }

    /// Asks for votes, and what came of it within a tenth of a second.
    fn amend(&mut self, id: u32, amendment: Amendment) -> Option<Result<(), AmendError>> {
        self.events.clear();
        self.tell(id, Command::Amend { ticket: 7, amendment }).unwrap();
        self.run(Duration::from_millis(100));
        self.events.iter().find_map(|(_, who, event)| match event {
            Event::Amended { ticket: 7, result } if *who == id => Some(*result),
            _ => None,
        })
    }

    /// Votes here, expected, needed.
    fn counted(&self, id: u32) -> (u32, u32, u32) {
        let status = self.nodes[&id].status(self.now);
        (status.votes, status.expected_votes, status.needed)
    }
}

///
#[test]
fn votes_change_for_all_in_one_view_and_nobody_loses_quorum() {
    let mut bus = Bus::new(3);
    bus.run(Duration::from_secs(10));
    for by in [3, 1] {
        for votes in [3, 1] {
            let change = Amendment::Votes { node: node_id(2), votes };
            assert_eq!(bus.amend(by, change), Some(Ok(())), "{:#?}", bus.events);
            bus.assert_whole(&[1, 2, 3]);
            for id in 1..=3 {
                let sum = votes + 2;
                assert_eq!(bus.counted(id), (sum, sum, sum / 2 + 1));
                assert_eq!(bus.views_since(Instant::ZERO, id).len(), 1);
            }
            let told = |event: &Event| {
                matches!(event, Event::Quorum { quorate: true, text, .. }
                    if text.starts_with("votes counted anew") && text.ends_with("quorum stays"))
            };
            assert_eq!(bus.events.iter().filter(|(_, _, event)| told(event)).count(), 3);
            assert_eq!(bus.quorum_events(), 3, "{:#?}", bus.events);
        }
    }
    let same = Amendment::Expected { votes: 3 };
    assert_eq!(bus.amend(2, same), Some(Ok(())), "it is so already");
    assert!(bus.views_since(Instant::ZERO, 1).is_empty());
}

///
#[test]
fn votes_that_make_no_sense_are_refused_at_once() {
    let mut bus = Bus::new(3);
    let early = Amendment::Expected { votes: 3 };
    assert_eq!(bus.amend(1, early), Some(Err(AmendError::NoView)));
    bus.run(Duration::from_secs(10));
    let high = AmendError::TooHigh { needed: 6, present: 3 };
    for (amendment, error) in [
        (Amendment::Expected { votes: 0 }, AmendError::Range(0)),
        (Amendment::Expected { votes: 10 }, high),
        (Amendment::Votes { node: node_id(9), votes: 1 }, AmendError::NotConfigured(node_id(9))),
    ] {
        assert_eq!(bus.amend(2, amendment), Some(Err(error)));
    }
    bus.nodes.remove(&3);
    bus.run(Duration::from_secs(4));
    let away = Amendment::Votes { node: node_id(3), votes: 2 };
    assert_eq!(bus.amend(1, away), Some(Err(AmendError::NotMember(node_id(3)))));
    bus.nodes.remove(&2);
    bus.run(Duration::from_secs(4));
    let own = Amendment::Votes { node: node_id(1), votes: 5 };
    assert_eq!(bus.amend(1, own), Some(Err(AmendError::NotQuorate)));
    // What an administrator says of the others is believed.
    assert_eq!(bus.amend(1, Amendment::Expected { votes: 1 }), Some(Ok(())));
    bus.run(Duration::from_secs(2));
    bus.assert_whole(&[1]);
}

///
#[test]
fn a_device_votes_on_its_own_node() {
    let mut bus = Bus::new(3);
    let register = || Command::DeviceRegister { name: b"disk".to_vec(), votes: 1 };
    assert_eq!(bus.tell(1, register()), Err(DeviceError::NoView.into()));
    bus.run(Duration::from_secs(10));
    bus.tell(1, register()).unwrap();
    assert_eq!(bus.tell(1, register()), Err(DeviceError::Exists.into()));
    bus.tell(1, Command::DevicePoll { available: true }).unwrap();
    assert_eq!((bus.counted(1), bus.counted(2)), ((4, 3, 3), (3, 3, 2)));
    assert_eq!(bus.tell(1, Command::DeviceUnregister), Err(DeviceError::Alive.into()));
    bus.nodes.remove(&2);
    bus.nodes.remove(&3);
    bus.run(Duration::from_secs(5));
    bus.assert_whole(&[1]);
    let why = bus.nodes[&1].status(bus.now).why_quorate;
    assert!(why.contains("1 of the quorum device of this node"), "{why}");
    bus.run(Duration::from_secs(20));
    assert!(!bus.nodes[&1].status(bus.now).quorate, "nobody polled it");
    bus.tell(1, Command::DeviceUnregister).unwrap();
    assert_eq!(bus.tell(1, Command::DeviceUnregister), Err(DeviceError::Missing.into()));
}
