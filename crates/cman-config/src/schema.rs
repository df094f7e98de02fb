//! Every element and attribute there is, and what becomes of it.
//!
//! One table, so that the reader, the messages about unknown names and the manual cannot disagree:
//! whatever is not [`Fate::Read`] has no effect, and says so.

/// What becomes of an element or attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It is part of the configuration.
    Read,
    /// Older versions read it, cman does not: what to write instead.
    NoEffect(&'static str),
    /// It has a meaning that this version does nothing with: what the author should know. What it
    /// contains is not looked at.
    NotUsedYet(&'static str),
}

/// An element, its attributes and what it may contain.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: &'static str,
    pub(crate) attributes: &'static [(&'static str, Fate)],
    pub(crate) children: &'static [Child],
    /// Whether it may be given only once within its parent.
    pub(crate) once: bool,
}

/// What may stand within an element.
#[derive(Debug)]
pub(crate) enum Child {
    /// An element whose contents are looked at.
    Known(&'static Element),
    /// An element whose contents are not, because of its own fate.
    Closed(&'static str, Fate),
}

impl Child {
    /// The name of the element.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Known(element) => element.name,
            Self::Closed(name, _) => name,
        }
    }
}

impl Element {
    /// What is known of a child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&'static Child> {
        self.children.iter().find(|child| child.name() == name)
    }

    /// What becomes of an attribute of this name.
    pub(crate) fn attribute(&self, name: &str) -> Option<Fate> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|&(_, fate)| fate)
    }
}

use Child::{Closed, Known};
use Fate::{NoEffect, NotUsedYet, Read};

/// The root.
pub(crate) static CLUSTER: Element = Element {
    name: "cluster",
    attributes: &[
        ("name", Read),
        ("config_version", Read),
        ("alias", NoEffect("remove it; `name` is the only name of the cluster")),
    ],
    children: &[
        Known(&CMAN),
        Known(&TOTEM),
        Known(&CLUSTERNODES),
        Closed("aisexec", NoEffect("remove it; cman has no other daemon beneath it")),
        Closed("amf", NoEffect("remove it; there is no such service")),
        Closed("dlm", NotUsedYet("locks are not managed by this version; it may stay in the file")),
        Closed("event", NoEffect("remove it; there is no such service")),
        Closed(
            "fence_daemon",
            NotUsedYet("no node is fenced by this version: protect shared storage by other means"),
        ),
        Closed(
            "fencedevices",
            NotUsedYet("no node is fenced by this version: protect shared storage by other means"),
        ),
        Closed(
            "gfs_controld",
            NotUsedYet("file systems are not managed by this version; it may stay in the file"),
        ),
        Closed("group", NoEffect("remove it; groups need no settings of their own")),
        Closed(
            "logging",
            NotUsedYet("what is logged is chosen when cmand is started; it may stay in the file"),
        ),
        Closed(
            "quorumd",
            NotUsedYet(
                "no disk has votes in this version: leave its votes out of `expected_votes`",
            ),
        ),
        Closed(
            "rm",
            NotUsedYet("services are not managed by this version; it may stay in the file"),
        ),
        Closed("service", NoEffect("remove it; services are built in")),
        Closed(
            "uidgid",
            NotUsedYet("only root may use the sockets of this version; it may stay in the file"),
        ),
    ],
    once: true,
};

/// What concerns the cluster as a whole.
pub(crate) static CMAN: Element = Element {
    name: "cman",
    attributes: &[
        ("cluster_id", Read),
        ("encryption", Read),
        ("expected_votes", Read),
        ("keyfile", Read),
        ("port", Read),
        ("quorum_dev_poll", Read),
        ("shutdown_timeout", Read),
        ("transport", Read),
        ("two_node", Read),
        ("wait_for_all", Read),
        ("broadcast", NoEffect("write `transport=\"udpu\"` where multicast does not pass")),
        ("ccsd_poll", NoEffect("remove it; there is no ccsd")),
        ("debug_mask", NoEffect("remove it; what is logged is chosen when cmand is started")),
        ("disable_openais", NoEffect("remove it; cman has no other daemon beneath it")),
        ("hash_cluster_id", NoEffect("write the number itself: `cluster_id=\"...\"`")),
        ("max_queued", NoEffect("remove it; queues are bounded by the windows of the protocol")),
        ("nodename", NoEffect("start `cmand --name NODENAME`: the file is the same on every node")),
        ("upgrading", NoEffect("remove it; versions are negotiated between the nodes")),
    ],
    children: &[
        Known(&MULTICAST),
        Closed(
            "config",
            NoEffect("write `<totem token=\"...\"/>`; the other times follow from the token"),
        ),
    ],
    once: true,
};

/// The multicast address.
pub(crate) static MULTICAST: Element = Element {
    name: "multicast",
    attributes: &[
        ("addr", Read),
        (
            "interface",
            NoEffect("remove it; the interface is the one with the address of the node's name"),
        ),
        (
            "ttl",
            NotUsedYet("for nodes in other networks, write `<cman transport=\"udpu\"/>` instead"),
        ),
    ],
    children: &[],
    once: true,
};

const TOKEN_DECIDES: Fate = NoEffect("remove it; the time follows from `token`");
const NO_RETRANSMITS: Fate = NoEffect("remove it; no token is passed that could be resent");
const NO_RINGS: Fate = NoEffect("remove it; there are no redundant rings to choose from");
const WINDOWS_ADAPT: Fate = NoEffect("remove it; windows are bounded by the protocol itself");
const ENCRYPTION: Fate =
    NoEffect("remove it; encryption is on, unless `<cman encryption=\"off\"/>` says otherwise");

/// Times.
pub(crate) static TOTEM: Element = Element {
    name: "totem",
    attributes: &[
        ("token", Read),
        ("clear_node_high_bit", NoEffect("remove it; each `clusternode` has a `nodeid`")),
        ("cluster_name", NoEffect("write `<cluster name=\"...\">`")),
        ("consensus", TOKEN_DECIDES),
        ("crypto_cipher", ENCRYPTION),
        ("crypto_hash", ENCRYPTION),
        ("crypto_type", ENCRYPTION),
        ("downcheck", TOKEN_DECIDES),
        ("fail_recv_const", NO_RETRANSMITS),
        ("fail_to_recv_const", NO_RETRANSMITS),
        ("heartbeat_failures_allowed", TOKEN_DECIDES),
        ("hold", TOKEN_DECIDES),
        ("join", TOKEN_DECIDES),
        ("keyfile", NoEffect("write `<cman keyfile=\"...\"/>`")),
        ("max_messages", WINDOWS_ADAPT),
        ("max_network_delay", TOKEN_DECIDES),
        ("merge", TOKEN_DECIDES),
        ("miss_count_const", NO_RETRANSMITS),
        ("netmtu", NoEffect("remove it; no datagram is larger than 1400 bytes")),
        ("nodeid", NoEffect("write `<clusternode nodeid=\"...\"/>`")),
        ("rrp_autorecovery_timeout", NO_RINGS),
        ("rrp_mode", NO_RINGS),
        ("rrp_problem_count_mcast_threshold", NO_RINGS),
        ("rrp_problem_count_threshold", NO_RINGS),
        ("rrp_problem_count_timeout", NO_RINGS),
        ("rrp_token_expired_timeout", NO_RINGS),
        ("secauth", ENCRYPTION),
        ("send_join", TOKEN_DECIDES),
        ("seqno_unchanged_const", NO_RETRANSMITS),
        ("threads", NoEffect("remove it; encryption needs no threads of its own")),
        ("token_retransmit", NO_RETRANSMITS),
        ("token_retransmits_before_loss_const", NO_RETRANSMITS),
        ("transport", NoEffect("write `<cman transport=\"...\"/>`")),
        ("version", NoEffect("remove it; versions are negotiated between the nodes")),
        ("vsftype", NoEffect("remove it; `<cman expected_votes=\"...\"/>` decides quorum")),
        ("window_size", WINDOWS_ADAPT),
    ],
    children: &[
        Closed(
            "interface",
            NoEffect("write `<cman port=\"...\"><multicast addr=\"...\"/></cman>` instead"),
        ),
        Closed(
            "member",
            NoEffect(
                "write `<cman transport=\"udpu\"/>`; it uses the addresses of the nodes' names",
            ),
        ),
    ],
    once: true,
};

/// The list of nodes.
pub(crate) static CLUSTERNODES: Element =
    Element { name: "clusternodes", attributes: &[], children: &[Known(&CLUSTERNODE)], once: true };

/// One node.
pub(crate) static CLUSTERNODE: Element = Element {
    name: "clusternode",
    attributes: &[
        ("name", Read),
        ("nodeid", Read),
        ("votes", Read),
        (
            "ifname",
            NoEffect("remove it; the interface is the one with the address of the node's name"),
        ),
        ("weight", NotUsedYet("locks are not managed by this version; it may stay in the file")),
    ],
    children: &[
        Closed(
            "altname",
            NotUsedYet("nodes have one address in this version; it may stay in the file"),
        ),
        Closed(
            "fence",
            NotUsedYet("no node is fenced by this version: protect shared storage by other means"),
        ),
        Closed(
            "multicast",
            NoEffect("write `<cman><multicast addr=\"...\"/></cman>` once for all nodes"),
        ),
        Closed(
            "unfence",
            NotUsedYet("no node is fenced by this version: protect shared storage by other means"),
        ),
    ],
    once: false,
};

/// Every element whose contents are looked at.
pub(crate) static ELEMENTS: [&Element; 6] =
    [&CLUSTER, &CMAN, &MULTICAST, &TOTEM, &CLUSTERNODES, &CLUSTERNODE];

#[cfg(test)]
mod tests {
    use super::*;

    /// Names with their fates, of an element's attributes and of the elements within it.
    fn names(element: &Element) -> Vec<(&'static str, Fate)> {
        let children = element.children.iter().map(|child| match child {
            Known(known) => (known.name, Read),
            Closed(name, fate) => (*name, *fate),
        });
        element.attributes.iter().copied().chain(children).collect()
    }

    #[test]
    fn the_manual_has_every_name_in_its_place() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual/cluster.conf.5.md");
        let manual = std::fs::read_to_string(path).unwrap();
        let (read, rest) = manual.split_once("## KNOWN, BUT NOT USED").unwrap();
        let (unused, rest) = rest.split_once("## WITHOUT EFFECT").unwrap();
        let (gone, _) = rest.split_once("## EXAMPLES").unwrap();
        for element in ELEMENTS {
            assert!(read.contains(&format!("\n### {}\n", element.name)), "{}", element.name);
            for (name, fate) in names(element) {
                let quoted = format!("`{name}`");
                let row = |chapter: &str| {
                    let of = format!("| `{}` |", element.name);
                    chapter.lines().any(|line| line.starts_with(&of) && line.contains(&quoted))
                };
                let found = match fate {
                    Read => {
                        let heads = [format!("\n**{name}**"), format!("\n### {name}\n")];
                        heads.iter().any(|head| read.contains(head))
                    }
                    NotUsedYet(_) => row(unused),
                    NoEffect(_) => row(gone),
                };
                assert!(found, "the manual lacks {name} of {}", element.name);
            }
        }
    }

    #[test]
    fn names_are_unique() {
        for element in ELEMENTS {
            let mut names: Vec<_> = names(element).into_iter().map(|(name, _)| name).collect();
            names.sort_unstable();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        }
    }
}
