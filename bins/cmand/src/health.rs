//! What an operator should act upon: the link, and alarms.

use cman_io::interface::{Interface, interface_of};
use cman_node as node;
use cman_types::{Instant, Span};
use std::{
    net::IpAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What is wrong with the disk, as the thread that writes to it told last.
#[derive(Debug, Default)]
pub(crate) struct DiskTrouble(Mutex<Option<String>>);

impl DiskTrouble {
    /// Replaces what was told before. True if that begins or ends a trouble.
    pub(crate) fn set(&self, trouble: Option<String>) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = told.is_some() != trouble.is_some();
        *told = trouble;
        changes
    }

    fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How long a look at the interfaces counts: a machine may have thousands, and clients that ask
/// all the time.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The interface that carries this node's address, looked for again when that is due; and since
/// when this daemon runs without a break.
#[derive(Debug, Default)]
pub(crate) struct Carrier {
    last: Mutex<Option<(Instant, Found)>>,
    awake_since_ns: AtomicU64,
}

/// Outside: whether the system tells; inside: whether there is one.
type Found = Option<Option<Interface>>;

impl Carrier {
    /// This daemon has not run for a while until now: what it did not hear meanwhile says nothing.
    pub(crate) fn woke(&self, now: Instant) {
        self.awake_since_ns.store(now.as_nanos(), Ordering::Relaxed);
    }

    fn awake_since(&self) -> Instant {
        Instant::from_nanos(self.awake_since_ns.load(Ordering::Relaxed))
    }

    fn of(&self, own: IpAddr, now: Instant) -> Found {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = last.as_ref().filter(|(at, _)| now.since(*at) < LOOK_AGAIN_AFTER)
        {
            return found.clone();
        }
        let found = interface_of(own).ok();
        *last = Some((now, found.clone()));
        found
    }
}

/// What is said of a member that is heard only through another node.
pub(crate) const RELAYED: &str =
    "it is heard only through another node: a path between the two is broken";
/// What is said of a member whose multicasts do not arrive, or that does not hear ours.
pub(crate) const MULTICAST_DEAD: &str = "it is heard by unicast but multicast does not pass; does \
                                         the switch do IGMP snooping without a querier?";

/// What an operator is told when multicast passes to nobody.
pub(crate) fn no_multicast(group: IpAddr) -> String {
    format!(
        "multicast {group} does not pass; the cluster goes on by unicast (IGMP snooping without a \
         querier?)"
    )
}

/// How this node's network looks at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Network {
    /// Why the link is down: one sentence; `None` if it is up.
    pub(crate) down: Option<String>,
    /// Whether multicasts pass between this node and any member that it watches.
    pub(crate) multicast_heard: bool,
    /// Whether they pass to none of them, though there are some.
    pub(crate) multicast_dead: bool,
}

impl Network {
    /// Looks at the interface that carries the address `own`, and at what was heard of others.
    pub(crate) fn look(
        own: IpAddr,
        carrier: &Carrier,
        now: Instant,
        status: &node::Status,
    ) -> Self {
        let found = carrier.of(own, now);
        let found = found.as_ref().map(Option::as_ref);
        Self::judge(own, found, carrier.awake_since(), now, status)
    }

    /// `carrier` is what carries the address; the outer `None` if the system does not tell.
    fn judge(
        own: IpAddr,
        carrier: Option<Option<&Interface>>,
        awake_since: Instant,
        now: Instant,
        status: &node::Status,
    ) -> Self {
        // Whom this node watches: a coordinator all members, others the coordinator only.
        let watched: Vec<_> = status
            .nodes
            .iter()
            .filter(|node| node.member.is_some() && node.id != status.me.node)
            .filter_map(|node| Some((node, node.heard_at?)))
            .collect();
        let newest = watched.iter().map(|(_, heard)| (*heard).max(awake_since)).max();
        let down = carrier
            .and_then(|carrier| no_carrier(own, carrier))
            .or_else(|| newest.and_then(|newest| silence(now.since(newest), status.timing.token)));
        let dead = watched.iter().filter(|(node, _)| node.multicast_dead).count();
        Self {
            down,
            multicast_heard: dead < watched.len(),
            multicast_dead: dead > 0 && dead == watched.len(),
        }
    }
}

fn no_carrier(own: IpAddr, carrier: Option<&Interface>) -> Option<String> {
    match carrier {
        None => Some(format!(
            "the address {own} of this node is on no interface any more; give it back, or restart \
             the daemon with the new one"
        )),
        Some(Interface { name, up: false, .. }) => {
            Some(format!("the interface {name} is down; `ip link set {name} up` starts it"))
        }
        Some(Interface { name, running: false, .. }) => Some(format!(
            "the interface {name} has no carrier; look at its cable or the switch it leads to"
        )),
        Some(_) => None,
    }
}

fn silence(silent: Duration, token: Duration) -> Option<String> {
    (silent > token).then(|| {
        format!(
            "no other member was heard for {}; look at the network and its firewalls",
            Span(silent)
        )
    })
}

/// What the system allows this daemon, so that it is not late.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rights {
    pub(crate) memory_locked: bool,
    pub(crate) realtime: bool,
}

/// What an operator should act upon, one sentence each.
pub(crate) fn alarms(
    network: &Network,
    group: Option<IpAddr>,
    disk: &DiskTrouble,
    rights: Rights,
) -> Vec<String> {
    let multicast = group.filter(|_| network.multicast_dead).map(no_multicast);
    let disk = disk.get().map(|what| {
        format!("{what}; a restart may find an old state, which costs nothing but time")
    });
    let priority = (!rights.realtime).then(|| {
        "the protocol has no real-time priority, so that load can make this node late; the notes \
         in `cman_tool status -l` say why"
            .to_owned()
    });
    let memory = (!rights.memory_locked).then(|| {
        "the daemon's memory is not locked, so that swapping can make this node late; the notes \
         in `cman_tool status -l` say why"
            .to_owned()
    });
    [network.down.clone(), multicast, disk, priority, memory].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::{peer, status};

    const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const NOW: Instant = Instant::from_nanos(60_000_000_000);

    fn interface() -> Interface {
        Interface {
            name: "net0".into(),
            index: 2,
            address: OWN,
            multicast: true,
            up: true,
            running: true,
        }
    }

    /// A node that heard node 2 so long ago; not at all without a number.
    fn heard(before: Option<Duration>, multicast_dead: bool) -> node::Status {
        let mut status = status(5, 2);
        let heard_at = before.map(|before| NOW.before(before));
        let other = node::NodeStatus { multicast_dead, heard_at, ..peer(&status, 2) };
        status.nodes.push(other);
        status
    }

    fn judge(carrier: Option<Option<&Interface>>, status: &node::Status) -> Network {
        Network::judge(OWN, carrier, Instant::ZERO, NOW, status)
    }

    #[test]
    fn a_link_is_up_while_its_interface_is_and_somebody_is_heard() {
        let (recent, net0) = (heard(Some(Duration::from_millis(50)), false), interface());
        let fine = judge(Some(Some(&net0)), &recent);
        assert_eq!((fine.down, fine.multicast_heard), (None, true));
        let down = |carrier, status| judge(carrier, status).down.unwrap_or_default();
        assert!(down(Some(None), &recent).contains("10.0.0.1"));
        let off = Interface { up: false, running: false, ..interface() };
        assert!(down(Some(Some(&off)), &recent).contains("net0 is down"));
        let unplugged = Interface { running: false, ..interface() };
        assert!(down(Some(Some(&unplugged)), &recent).contains("carrier"));
        let silent = heard(Some(Duration::from_secs(3)), false);
        assert!(down(Some(Some(&net0)), &silent).contains("heard for 3 s;"));
        // It slept itself until half a second ago.
        let woke = NOW.before(Duration::from_millis(500));
        let judged = Network::judge(OWN, Some(Some(&net0)), woke, NOW, &silent);
        assert_eq!(judged.down, None);
        // What is not known is no reason to complain.
        assert_eq!(judge(None, &heard(None, false)).down, None);
    }

    #[test]
    fn the_interfaces_are_not_looked_at_all_the_time() {
        let carrier = Carrier::default();
        let nowhere = "192.0.2.77".parse().unwrap();
        assert_eq!(carrier.of(nowhere, NOW), Some(None));
        // Put there by hand: only a new look finds out that it is not so.
        *carrier.last.lock().unwrap() = Some((NOW, Some(Some(interface()))));
        let soon = NOW + LOOK_AGAIN_AFTER / 2;
        assert_eq!(carrier.of(nowhere, soon), Some(Some(interface())));
        assert_eq!(carrier.of(nowhere, NOW + LOOK_AGAIN_AFTER), Some(None));
    }

    #[test]
    fn alarms_are_what_is_wrong_and_nothing_else() {
        let group = Some("239.192.12.97".parse().unwrap());
        let (net0, disk) = (interface(), DiskTrouble::default());
        let rights = |memory_locked, realtime| Rights { memory_locked, realtime };
        let network = |dead: bool| judge(Some(Some(&net0)), &heard(Some(Duration::ZERO), dead));
        assert_eq!(alarms(&network(false), group, &disk, rights(true, true)), [""; 0]);
        let told = |network: Network, rights| alarms(&network, group, &disk, rights).join("\n");
        assert!(told(network(true), rights(true, true)).contains("239.192.12.97 does not pass"));
        assert!(told(network(false), rights(true, false)).contains("real-time"));
        assert!(told(network(false), rights(false, true)).contains("not locked"));
        assert!(disk.set(Some("cannot write /x/state: full".to_owned())));
        assert!(!disk.set(Some("cannot write /x/state: still full".to_owned())));
        assert!(
            told(network(false), rights(true, true)).starts_with("cannot write /x/state: still")
        );
        assert!(disk.set(None));
        assert_eq!(told(network(false), rights(true, true)), "");
    }
}
