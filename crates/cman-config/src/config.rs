//! What a valid `cluster.conf` says.

use cman_types::NodeId;
use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};
use std::path::PathBuf;

/// Longest name of a cluster, in bytes: what the C libraries have room for.
pub(crate) const CLUSTER_NAME_MAX: usize = 15;
/// The control port where none is given. The data port is one below.
pub const PORT_DEFAULT: u16 = 5405;
/// The token time where none is given.
pub const TOKEN_DEFAULT: Duration = Duration::from_millis(2000);
/// The shortest token time: beats come every token/12, and below this they drown in the jitter of
/// an ordinary scheduler.
pub const TOKEN_MIN: Duration = Duration::from_millis(200);
/// The longest token time: five minutes without noticing a dead node is a mistake, not a choice.
pub const TOKEN_MAX: Duration = Duration::from_millis(300_000);
/// How long clients have to object to a shutdown where nothing is said.
pub const SHUTDOWN_TIMEOUT_DEFAULT: Duration = Duration::from_millis(5000);
/// The longest time they can be given.
pub const SHUTDOWN_TIMEOUT_MAX: Duration = Duration::from_millis(300_000);

/// How often a quorum device must be polled where nothing is said.
pub const DEVICE_POLL_DEFAULT: Duration = Duration::from_millis(10_000);
/// The longest time between two polls: a device that is dead for so long is no help.
pub const DEVICE_POLL_MAX: Duration = Duration::from_millis(300_000);

/// How datagrams for all nodes travel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Transport {
    /// `udp`: one datagram to the multicast address.
    Multicast,
    /// `udpu`: one datagram to each node's own address.
    Unicast,
}

/// A complete and consistent configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The name of the cluster, 1 to 15 bytes of printable ASCII without blanks.
    pub cluster_name: String,
    /// The revision of the file, at least 1; its author increases it with each change.
    pub config_version: u64,
    /// The number of the cluster: as given, else computed from its name.
    pub cluster_id: u16,
    /// The nodes, ascending by id; at least one, each id and each name once.
    pub nodes: Vec<NodeConfig>,
    /// The votes that quorum is counted against: as given, else 1 with `two_node`, else the sum
    /// of the nodes' votes. At least 1.
    pub expected_votes: u32,
    /// Whether one node of two may go on alone.
    pub two_node: bool,
    /// Whether quorum is first reached only with every node present.
    pub wait_for_all: bool,
    /// The control port, at least 2. See [`Config::data_port`] for the other one.
    pub port: u16,
    /// The file with the cluster's key, an absolute path, if it is not in the usual place.
    pub keyfile: Option<PathBuf>,
    /// The multicast address, if one is given. See [`Config::multicast_for`].
    pub multicast: Option<IpAddr>,
    /// How datagrams for all nodes travel.
    pub transport: Transport,
    /// Whether datagrams are encrypted and authenticated.
    pub encryption: bool,
    /// How long a node may be silent before it is put out: [`TOKEN_MIN`] to [`TOKEN_MAX`].
    pub token: Duration,
    /// How long clients have to object when this node is to leave: 1 ms to
    /// [`SHUTDOWN_TIMEOUT_MAX`].
    pub shutdown_timeout: Duration,
    /// How often the quorum device of this node must be polled: 1 ms to [`DEVICE_POLL_MAX`].
    pub device_poll: Duration,
}

/// One configured node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeConfig {
    /// Its identity.
    pub id: NodeId,
    /// Its name or address, as given; 1 to 254 bytes.
    pub name: String,
    /// Its votes; may be 0.
    pub votes: u32,
}

impl Config {
    /// The data port: one below the control port.
    #[must_use]
    pub const fn data_port(&self) -> u16 {
        self.port.saturating_sub(1)
    }

    /// The multicast address for a node whose own address is `ip`: the one given if it is of the
    /// same family, else the default of the cluster id, 239.192.x.y or ff15::id.
    #[must_use]
    pub fn multicast_for(&self, ip: IpAddr) -> IpAddr {
        match self.multicast {
            Some(given) if given.is_ipv4() == ip.is_ipv4() => given,
            _ => default_multicast(self.cluster_id, ip),
        }
    }

    /// The node with this id.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&NodeConfig> {
        let at = self.nodes.binary_search_by_key(&id, |node| node.id).ok()?;
        self.nodes.get(at)
    }

    /// The node that a host of this name is: the one of exactly this name (case does not matter),
    /// else the one whose name is `host` without some of its domain (the longest such), else the
    /// only one whose name is `host` with a domain. `None` if there is none, or if the last rule
    /// fits several. Addresses only match whole, however they are written.
    #[must_use]
    pub fn node_by_name(&self, host: &str) -> Option<&NodeConfig> {
        let wanted = comparable(host);
        let exact = self.nodes.iter().find(|node| comparable(&node.name) == wanted);
        if exact.is_some() || is_address(host) {
            return exact;
        }
        let names = || self.nodes.iter().filter(|node| !is_address(&node.name));
        let shorter = names().filter(|node| is_domain_of(&node.name, host));
        if let Some(node) = shorter.max_by_key(|node| node.name.len()) {
            return Some(node);
        }
        let mut longer = names().filter(|node| is_domain_of(host, &node.name));
        longer.next().filter(|_| longer.next().is_none())
    }
}

/// The one way to write this name: host names in small letters, addresses in their shortest form.
pub(crate) fn comparable(name: &str) -> String {
    match name.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().to_string(),
        Err(_) => name.to_ascii_lowercase(),
    }
}

/// Whether `name` is an IP address rather than a host name.
fn is_address(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok()
}

/// Whether `long` is `short` with a dot and a domain behind it.
fn is_domain_of(short: &str, long: &str) -> bool {
    let Some((head, tail)) = long.split_at_checked(short.len()) else { return false };
    !short.is_empty() && head.eq_ignore_ascii_case(short) && tail.starts_with('.')
}

/// The multicast address of a cluster that is given none.
fn default_multicast(cluster_id: u16, ip: IpAddr) -> IpAddr {
    let [high, low] = cluster_id.to_be_bytes();
    match ip {
        IpAddr::V4(_) => Ipv4Addr::new(239, 192, high, low).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0, cluster_id).into(),
    }
}

/// Whether the name of a cluster may have this byte.
pub(crate) const fn is_of_cluster_name(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b':' | b'/')
}

/// The number of a cluster that is given none: each byte of the name added to twice what went
/// before, in 16 bits. Historic, and therefore fixed; names of 16 and more bytes would forget
/// their beginning.
pub(crate) fn cluster_id_of(name: &str) -> u16 {
    name.bytes().fold(0, |id: u16, byte| (id << 1).wrapping_add(byte.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(names: &[&str]) -> Config {
        let nodes: Vec<(u32, &str)> = (1..).zip(names.iter().copied()).collect();
        let text = crate::template("alpha", &nodes, None);
        crate::parse("cluster.conf", text.as_bytes()).unwrap().config
    }

    fn found(config: &Config, host: &str) -> Option<u32> {
        config.node_by_name(host).map(|node| node.id.get())
    }

    #[test]
    fn the_cluster_id_is_the_historic_one() {
        assert_eq!(cluster_id_of("alpha"), 3169);
        assert_eq!(cluster_id_of("a"), 97);
    }

    ///
    #[test]
    fn default_multicast_addresses_hold_the_cluster_id() {
        let config = cluster(&["n1"]);
        let v4: IpAddr = "10.0.0.1".parse().unwrap();
        let v6: IpAddr = "fd00::1".parse().unwrap();
        assert_eq!(config.multicast_for(v4).to_string(), "239.192.12.97");
        assert_eq!(config.multicast_for(v6).to_string(), "ff15::c61");
    }

    #[test]
    fn a_given_multicast_address_serves_its_own_family() {
        let mut config = cluster(&["n1"]);
        config.multicast = Some("239.1.2.3".parse().unwrap());
        assert_eq!(config.multicast_for("10.0.0.1".parse().unwrap()).to_string(), "239.1.2.3");
        assert_eq!(config.multicast_for("fd00::1".parse().unwrap()).to_string(), "ff15::c61");
    }

    #[test]
    fn hosts_are_found_with_and_without_domain() {
        let config = cluster(&["n1.lab.example", "n2", "N2.lab", "n3.x", "n3.y", "10.0.0.4"]);
        assert_eq!(found(&config, "n1.lab.example"), Some(1));
        assert_eq!(found(&config, "n1"), Some(1));
        assert_eq!(found(&config, "n1.lab"), Some(1));
        assert_eq!(found(&config, "N1.LAB.EXAMPLE"), Some(1));
        assert_eq!(found(&config, "n1.other.example"), None);
        assert_eq!(found(&config, "n"), None);
        assert_eq!(found(&config, "n2"), Some(2));
        assert_eq!(found(&config, "n2.lab.example"), Some(3));
        assert_eq!(found(&config, "n2.elsewhere"), Some(2));
        assert_eq!(found(&config, "n3"), None, "two nodes fit");
        assert_eq!(found(&config, "n3.y"), Some(5));
    }

    #[test]
    fn addresses_only_match_whole() {
        let config = cluster(&["10.0.0.4", "node", "fd00:0::3"]);
        let hosts = cluster(&["10.0.0.9.lab"]);
        assert_eq!(found(&hosts, "10.0.0.9"), None, "an address is no host name");
        assert_eq!(found(&config, "FD00::3"), Some(3));
        assert_eq!(found(&config, "10.0.0.4"), Some(1));
        assert_eq!(found(&config, "10"), None);
        assert_eq!(found(&config, "10.0.0.4.example"), None);
        assert_eq!(found(&config, ""), None);
    }

    #[test]
    fn nodes_are_found_by_id() {
        let config = cluster(&["n1", "n2"]);
        assert_eq!(config.node(NodeId::new(2).unwrap()).unwrap().name, "n2");
        assert_eq!(config.node(NodeId::new(3).unwrap()), None);
        assert_eq!(config.data_port(), 5404);
    }
}
