//! From the tree of elements to a [`Config`].
//!
//! Every function reports what it cannot read and goes on with what it can; [`crate::parse`] then
//! refuses the file if anything reported was an error.

use crate::{
    code::Code,
    config::{
        CLUSTER_NAME_MAX, Config, DEVICE_POLL_DEFAULT, DEVICE_POLL_MAX, NodeConfig, PORT_DEFAULT,
        SHUTDOWN_TIMEOUT_DEFAULT, SHUTDOWN_TIMEOUT_MAX, TOKEN_DEFAULT, TOKEN_MAX, TOKEN_MIN,
        Transport, cluster_id_of, is_of_cluster_name,
    },
    diagnostic::Findings,
    rules,
    source::shown,
    unused,
    value::{self, Number, child, choice},
};
use cman_types::NodeId;
use core::{net::IpAddr, time::Duration};
use roxmltree::{Attribute, Node};
use std::path::PathBuf;

/// Longest name of a node, in bytes: what the C libraries have room for.
const NODE_NAME_MAX: usize = 254;

/// What one `clusternode` says, as far as it could be read.
#[derive(Debug)]
pub(crate) struct NodeRead<'a, 'input> {
    pub(crate) element: Node<'a, 'input>,
    pub(crate) id: Option<NodeId>,
    pub(crate) name: Option<&'a str>,
    pub(crate) votes: Option<u32>,
}

/// Reads everything below the root; `None` if a compulsory value is missing or unreadable.
pub(crate) fn config(root: Node<'_, '_>, findings: &mut Findings<'_>) -> Option<Config> {
    if !value::is_named(root, "cluster") {
        wrong_root(root, findings);
        return None;
    }
    unused::check(root, findings);
    let cman = child(root, "cman");
    let name = cluster_name(root, findings);
    let config_version = config_version(root, findings);
    let nodes = nodes(root, findings);
    let token = child(root, "totem").and_then(|totem| token(totem, findings));
    let cman = cman.map(|cman| Cman::read(cman, findings)).unwrap_or_default();
    rules::check(&cman, &nodes, findings);

    let cluster_name = name?;
    let mut nodes: Vec<NodeConfig> = nodes.iter().filter_map(NodeRead::complete).collect();
    nodes.sort_by_key(|node| node.id);
    let votes_sum = nodes.iter().fold(0, |sum: u32, node| sum.saturating_add(node.votes));
    let two_node = cman.two_node.unwrap_or(false);
    let votes_default = if two_node { 1 } else { votes_sum };
    Some(Config {
        config_version: config_version?,
        cluster_id: cman.cluster_id.unwrap_or_else(|| cluster_id_of(&cluster_name)),
        nodes,
        expected_votes: cman.expected_votes.unwrap_or(votes_default),
        two_node,
        wait_for_all: cman.wait_for_all.unwrap_or(two_node),
        port: cman.port.unwrap_or(PORT_DEFAULT),
        keyfile: cman.keyfile,
        multicast: cman.multicast,
        transport: cman.transport.unwrap_or(Transport::Multicast),
        encryption: cman.encryption.unwrap_or(true),
        token: token.unwrap_or(TOKEN_DEFAULT),
        shutdown_timeout: cman.shutdown_timeout.unwrap_or(SHUTDOWN_TIMEOUT_DEFAULT),
        device_poll: cman.device_poll.unwrap_or(DEVICE_POLL_DEFAULT),
        cluster_name,
    })
}

fn wrong_root(root: Node<'_, '_>, findings: &mut Findings<'_>) {
    let found = shown(value::written_name(root));
    let (message, help) = match root.tag_name().namespace() {
        Some(namespace) => (
            format!(
                "`<{found}>` of the XML namespace \"{}\", expected `<cluster>` of none",
                shown(namespace)
            ),
            "write `<cluster>` without a prefix, and remove `xmlns`",
        ),
        None => (
            format!("`<{found}>`, expected `<cluster>`"),
            "check that this is the right file; cluster.conf(5) begins with an example",
        ),
    };
    findings.report(Code::WrongRoot, value::tag_span(root), message, help);
}

fn cluster_name(root: Node<'_, '_>, findings: &mut Findings<'_>) -> Option<String> {
    let attribute =
        value::required(root, "name", "name=\"...\", the name of the cluster", findings)?;
    let name = attribute.value();
    let problem = match name.len() {
        0 => "is empty".to_owned(),
        len if len > CLUSTER_NAME_MAX => format!("has {len} bytes"),
        _ if !name.bytes().all(is_of_cluster_name) => {
            "has characters that are not allowed".to_owned()
        }
        _ => return Some(name.to_owned()),
    };
    let message = format!(
        "the cluster name \"{}\" {problem}, expected 1 to {CLUSTER_NAME_MAX} printable ASCII \
         characters without blank, `:` and `/`",
        shown(name),
    );
    let help = "choose a short name such as name=\"alpha\"; programs written against the C \
                libraries have no room for more";
    findings.report(Code::BadClusterName, attribute.range_value(), message, help);
    None
}

fn config_version(root: Node<'_, '_>, findings: &mut Findings<'_>) -> Option<u64> {
    let example = "config_version=\"1\", and increase it with each change";
    let attribute = value::required(root, "config_version", example, findings)?;
    let help = "write config_version=\"1\" in a new file, and one more with each change";
    Number { range: 1..=u64::MAX, unit: "", help }.read(&attribute, findings)
}

fn token(totem: Node<'_, '_>, findings: &mut Findings<'_>) -> Option<Duration> {
    let attribute = value::attribute(totem, "token")?;
    let help = "write the milliseconds after which a silent node is put out, such as \
                token=\"2000\", or leave it out for that default";
    Number { range: milliseconds(TOKEN_MIN)..=milliseconds(TOKEN_MAX), unit: " ms", help }
        .read(&attribute, findings)
        .map(Duration::from_millis)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn device_poll(attribute: &Attribute<'_, '_>, findings: &mut Findings<'_>) -> Option<Duration> {
    let help = "write the milliseconds within which a quorum device must be polled, such as \
                quorum_dev_poll=\"10000\", or leave it out for that default";
    Number { range: 1..=milliseconds(DEVICE_POLL_MAX), unit: " ms", help }
        .read(attribute, findings)
        .map(Duration::from_millis)
}

fn shutdown_timeout(
    attribute: &Attribute<'_, '_>,
    findings: &mut Findings<'_>,
) -> Option<Duration> {
    let help = "write the milliseconds that programs have to object when this node is to leave, \
                such as shutdown_timeout=\"5000\", or leave it out for that default";
    Number { range: 1..=milliseconds(SHUTDOWN_TIMEOUT_MAX), unit: " ms", help }
        .read(attribute, findings)
        .map(Duration::from_millis)
}

fn nodes<'a, 'input>(
    root: Node<'a, 'input>,
    findings: &mut Findings<'_>,
) -> Vec<NodeRead<'a, 'input>> {
    let list = child(root, "clusternodes");
    let elements = list.into_iter().flat_map(|list| list.children());
    let nodes: Vec<_> = elements
        .filter(|node| value::is_named(*node, "clusternode"))
        .map(|element| NodeRead::read(element, findings))
        .collect();
    if nodes.is_empty() {
        let span = value::tag_span(list.unwrap_or(root));
        let message = "the cluster has no nodes, expected at least one `<clusternode>`";
        let help = "write `<clusternodes><clusternode name=\"...\" nodeid=\"1\"/></clusternodes>`";
        findings.report(Code::MissingElement, span, message, help);
    }
    nodes
}

impl<'a, 'input> NodeRead<'a, 'input> {
    fn read(element: Node<'a, 'input>, findings: &mut Findings<'_>) -> Self {
        let name = value::required(element, "name", "name=\"...\", its host name", findings)
            .and_then(|attribute| node_name(&attribute, findings));
        let example = "nodeid=\"...\", a number that no other node has; never change it later";
        let id = value::required(element, "nodeid", example, findings)
            .and_then(|attribute| node_id(&attribute, findings));
        Self { element, id, name, votes: votes(element, findings) }
    }

    fn complete(&self) -> Option<NodeConfig> {
        Some(NodeConfig { id: self.id?, name: self.name?.to_owned(), votes: self.votes? })
    }
}

fn votes(element: Node<'_, '_>, findings: &mut Findings<'_>) -> Option<u32> {
    let Some(attribute) = value::attribute(element, "votes") else { return Some(1) };
    let help = "write votes=\"1\", or leave it out; votes=\"0\" for a node that does not count for \
                quorum";
    Number { range: 0..=65535, unit: "", help }.read(&attribute, findings)
}

fn node_id(attribute: &Attribute<'_, '_>, findings: &mut Findings<'_>) -> Option<NodeId> {
    // Programs written against the C libraries see it as a signed number of 32 bits.
    let help = "give each node a small number of its own, such as nodeid=\"1\"";
    Number { range: 1..=2_147_483_647, unit: "", help }
        .read(attribute, findings)
        .and_then(NodeId::new)
}

fn node_name<'a>(attribute: &Attribute<'a, '_>, findings: &mut Findings<'_>) -> Option<&'a str> {
    let name = attribute.value();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
    if let Ok(address) = name.parse::<IpAddr>()
        && let Some(kind) = unreachable_kind(address)
    {
        let message = format!("the node \"{name}\" is {kind}, which no other node can reach");
        let help = "write the host name of the node, or the address of its network interface";
        findings.report(Code::UnusableNodeAddress, attribute.range_value(), message, help);
        return None;
    }
    let problem = match name.len() {
        0 => "is empty".to_owned(),
        len if len > NODE_NAME_MAX => format!("has {len} bytes"),
        _ if !name.bytes().all(allowed) => "has characters that are not allowed".to_owned(),
        _ => return Some(name),
    };
    let message = format!(
        "the node name \"{}\" {problem}, expected a host name or an IP address of 1 to \
         {NODE_NAME_MAX} characters",
        shown(name),
    );
    let help = "write the host name as `uname -n` prints it on that node";
    findings.report(Code::BadNodeName, attribute.range_value(), message, help);
    None
}

/// What kind of address this is, if it is one that other machines cannot send to.
fn unreachable_kind(address: IpAddr) -> Option<&'static str> {
    if address.to_canonical().is_loopback() {
        Some("a loopback address")
    } else if address.to_canonical().is_unspecified() {
        Some("the unspecified address")
    } else if address.to_canonical().is_multicast() {
        Some("a multicast address")
    } else {
        None
    }
}

/// What `cman` says; `None` for what is not given or could not be read.
#[derive(Default, Debug)]
pub(crate) struct Cman<'a, 'input> {
    pub(crate) element: Option<Node<'a, 'input>>,
    pub(crate) cluster_id: Option<u16>,
    pub(crate) device_poll: Option<Duration>,
    pub(crate) encryption: Option<bool>,
    pub(crate) expected_votes: Option<u32>,
    pub(crate) keyfile: Option<PathBuf>,
    pub(crate) multicast: Option<IpAddr>,
    pub(crate) port: Option<u16>,
    pub(crate) shutdown_timeout: Option<Duration>,
    pub(crate) transport: Option<Transport>,
    pub(crate) two_node: Option<bool>,
    pub(crate) wait_for_all: Option<bool>,
}

/// The two positions of a switch.
const SWITCH: [(&str, bool); 2] = [("1", true), ("0", false)];

impl<'a, 'input> Cman<'a, 'input> {
    fn read(element: Node<'a, 'input>, findings: &mut Findings<'_>) -> Self {
        let given = |name: &str| value::attribute(element, name);
        let transports = [("udp", Transport::Multicast), ("udpu", Transport::Unicast)];
        let id_help = "leave it out: it then follows from the name of the cluster";
        let votes_help = "leave it out: it is then the sum of the votes of the nodes";
        let port_help = "write port=\"5405\", or leave it out; the port below it is used as well";
        Self {
            element: Some(element),
            cluster_id: given("cluster_id").and_then(|attribute| {
                Number { range: 1..=u16::MAX, unit: "", help: id_help }.read(&attribute, findings)
            }),
            device_poll: given("quorum_dev_poll")
                .and_then(|attribute| device_poll(&attribute, findings)),
            encryption: given("encryption").and_then(|attribute| {
                choice(&attribute, &[("on", true), ("off", false)], findings)
            }),
            expected_votes: given("expected_votes").and_then(|attribute| {
                Number { range: 1..=2_147_483_647, unit: "", help: votes_help }
                    .read(&attribute, findings)
            }),
            keyfile: given("keyfile").and_then(|attribute| keyfile(&attribute, findings)),
            multicast: multicast(element, findings),
            port: given("port").and_then(|attribute| {
                Number { range: 2..=u16::MAX, unit: "", help: port_help }.read(&attribute, findings)
            }),
            shutdown_timeout: given("shutdown_timeout")
                .and_then(|attribute| shutdown_timeout(&attribute, findings)),
            transport: given("transport")
                .and_then(|attribute| choice(&attribute, &transports, findings)),
            two_node: given("two_node").and_then(|attribute| choice(&attribute, &SWITCH, findings)),
            wait_for_all: given("wait_for_all")
                .and_then(|attribute| choice(&attribute, &SWITCH, findings)),
        }
    }
}

fn keyfile(attribute: &Attribute<'_, '_>, findings: &mut Findings<'_>) -> Option<PathBuf> {
    let path = attribute.value();
    if path.starts_with('/') && !path.ends_with('/') && !path.chars().any(char::is_control) {
        return Some(PathBuf::from(path));
    }
    let message = format!("`keyfile` is \"{}\", expected an absolute path of a file", shown(path));
    let help = "write keyfile=\"/etc/cluster/cman.key\", or leave it out for that default";
    findings.report(Code::BadKeyfile, attribute.range_value(), message, help);
    None
}

/// The multicast address. Several `multicast` elements are refused elsewhere; the first counts.
fn multicast(cman: Node<'_, '_>, findings: &mut Findings<'_>) -> Option<IpAddr> {
    let element = child(cman, "multicast")?;
    let example = "addr=\"239.192.1.1\", or remove the element for the default";
    let attribute = value::required(element, "addr", example, findings)?;
    let help = "write an address such as addr=\"239.192.1.1\" or addr=\"ff15::1\", or remove \
                `<multicast>` for the default";
    let address = value::address(&attribute, help, findings)?;
    rules::multicast_address(address, help, &attribute, findings).then_some(address)
}
