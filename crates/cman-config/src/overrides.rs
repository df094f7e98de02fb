//! What the command line or the environment of one node says instead of its file.

use crate::{
    config::{CLUSTER_NAME_MAX, Config, NodeConfig, cluster_id_of, comparable, is_of_cluster_name},
    rules::leaves_the_machine,
};
use cman_types::NodeId;
use core::net::IpAddr;

/// What replaces values of the file at this node. Votes are not among them: nodes that count
/// differently could be quorate apart from each other, so votes are changed in the running cluster.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Overrides {
    /// The name of the cluster, 1 to 15 bytes of printable ASCII without blank, `:` and `/`.
    pub cluster_name: Option<String>,
    /// The control port, at least 2.
    pub port: Option<u16>,
    /// The multicast address.
    pub multicast: Option<IpAddr>,
    /// Whether one node of two may go on alone, if the file does not say so already.
    pub two_node: bool,
    /// The id of this node.
    pub node_id: Option<NodeId>,
    /// What this node is called. Its name is also where its address is looked up.
    pub node_name: Option<String>,
}

/// Why an override is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OverrideError {
    /// The name of the cluster is empty, too long, or has other characters.
    #[error(
        "the cluster name \"{}\" cannot be used; give one of 1 to {CLUSTER_NAME_MAX} bytes of \
         printable ASCII without blank, `:` and `/`", .0.escape_debug()
    )]
    ClusterName(String),
    /// Port 0 does not exist, and port 1 leaves none below it for data.
    #[error("the port {0} cannot be used, because data takes the one below; give one from 2 on")]
    Port(u16),
    /// The address is none that a cluster can use.
    #[error("{0} is no multicast address; give one of 224.0.0.0/4 or ff00::/8")]
    Multicast(IpAddr),
    /// `two_node` is for exactly two nodes with one vote each.
    #[error(
        "two-node mode is for two nodes with one vote each, and the configuration has {nodes} \
         nodes with {votes} votes; correct the configuration, or leave the option out"
    )]
    TwoNode {
        /// How many nodes there are.
        nodes: usize,
        /// What their votes sum up to.
        votes: u64,
    },
    /// Another node has that id.
    #[error("the node id {id} is that of {name} in the configuration; give one that is free")]
    NodeId {
        /// The id.
        id: NodeId,
        /// Whose it is.
        name: String,
    },
    /// Another node has that name.
    #[error("the name \"{name}\" is that of node {id} in the configuration; give one that is free")]
    NodeName {
        /// The name.
        name: String,
        /// Whose it is.
        id: NodeId,
    },
}

impl Config {
    /// This configuration with what its node `me` has been told instead; and that node then.
    ///
    /// # Errors
    /// The first override that makes no valid configuration; see [`OverrideError`].
    pub fn overridden(
        mut self,
        me: NodeConfig,
        overrides: &Overrides,
    ) -> Result<(Self, NodeConfig), OverrideError> {
        if let Some(name) = &overrides.cluster_name {
            self.rename(name)?;
        }
        if let Some(port) = overrides.port {
            if port < 2 {
                return Err(OverrideError::Port(port));
            }
            self.port = port;
        }
        if let Some(address) = overrides.multicast {
            if !address.is_multicast() || !leaves_the_machine(address) {
                return Err(OverrideError::Multicast(address));
            }
            self.multicast = Some(address);
        }
        if overrides.two_node && !self.two_node {
            self.become_two_node()?;
        }
        let me = self.call_node(me, overrides)?;
        Ok((self, me))
    }

    /// The number follows the name, unless the file gives one of its own.
    fn rename(&mut self, name: &str) -> Result<(), OverrideError> {
        let is_allowed = name.bytes().all(is_of_cluster_name);
        if name.is_empty() || name.len() > CLUSTER_NAME_MAX || !is_allowed {
            return Err(OverrideError::ClusterName(name.to_owned()));
        }
        if self.cluster_id == cluster_id_of(&self.cluster_name) {
            self.cluster_id = cluster_id_of(name);
        }
        name.clone_into(&mut self.cluster_name);
        Ok(())
    }

    fn become_two_node(&mut self) -> Result<(), OverrideError> {
        let votes = self.nodes.iter().map(|node| u64::from(node.votes)).sum();
        if self.nodes.len() != 2 || self.nodes.iter().any(|node| node.votes != 1) {
            return Err(OverrideError::TwoNode { nodes: self.nodes.len(), votes });
        }
        self.two_node = true;
        self.wait_for_all = true;
        self.expected_votes = 1;
        Ok(())
    }

    /// Gives a node another id and name.
    fn call_node(
        &mut self,
        me: NodeConfig,
        overrides: &Overrides,
    ) -> Result<NodeConfig, OverrideError> {
        let called = NodeConfig {
            id: overrides.node_id.unwrap_or(me.id),
            name: overrides.node_name.clone().unwrap_or(me.name),
            votes: me.votes,
        };
        for other in self.nodes.iter().filter(|node| node.id != me.id) {
            if other.id == called.id {
                return Err(OverrideError::NodeId { id: other.id, name: other.name.clone() });
            }
            if comparable(&other.name) == comparable(&called.name) {
                return Err(OverrideError::NodeName { name: called.name, id: other.id });
            }
        }
        self.nodes.retain(|node| node.id != me.id);
        self.nodes.push(called.clone());
        self.nodes.sort_unstable_by_key(|node| node.id);
        Ok(called)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u32) -> NodeId {
        NodeId::new(id).unwrap()
    }

    fn overridden(
        nodes: u32,
        overrides: &Overrides,
    ) -> Result<(Config, NodeConfig), OverrideError> {
        let names: Vec<_> = (1..=nodes).map(|id| (id, format!("n{id}"))).collect();
        let names: Vec<_> = names.iter().map(|(id, name)| (*id, name.as_str())).collect();
        let text = crate::template("alpha", &names, None);
        let config = crate::parse("cluster.conf", text.as_bytes()).unwrap().config;
        let me = config.node(id(1)).unwrap().clone();
        config.overridden(me, overrides)
    }

    #[test]
    fn nothing_said_changes_nothing() {
        let (config, me) = overridden(3, &Overrides::default()).unwrap();
        assert_eq!((config.cluster_name.as_str(), config.port, me.id), ("alpha", 5405, id(1)));
    }

    #[test]
    fn the_cluster_takes_another_name_number_port_and_address() {
        let (config, _) = overridden(
            3,
            &Overrides {
                cluster_name: Some("a".into()),
                port: Some(6809),
                multicast: Some("239.1.2.3".parse().unwrap()),
                ..Overrides::default()
            },
        )
        .unwrap();
        assert_eq!((config.cluster_name.as_str(), config.cluster_id), ("a", 97));
        assert_eq!((config.port, config.data_port()), (6809, 6808));
        assert_eq!(config.multicast, Some("239.1.2.3".parse().unwrap()));
    }

    #[test]
    fn two_nodes_become_a_two_node_cluster() {
        let two_node = Overrides { two_node: true, ..Overrides::default() };
        let (config, _) = overridden(2, &two_node).unwrap();
        assert_eq!((config.two_node, config.wait_for_all, config.expected_votes), (true, true, 1));
        let refused = overridden(3, &two_node).unwrap_err();
        assert_eq!(refused, OverrideError::TwoNode { nodes: 3, votes: 3 });
    }

    #[test]
    fn a_node_takes_a_free_id_and_name() {
        let other = Overrides {
            node_id: Some(id(9)),
            node_name: Some("n1-heart".into()),
            ..Overrides::default()
        };
        let (config, me) = overridden(3, &other).unwrap();
        assert_eq!((me.id, me.name.as_str()), (id(9), "n1-heart"));
        assert_eq!(config.node(me.id), Some(&me));
        assert_eq!(config.nodes.iter().map(|node| node.id.get()).collect::<Vec<_>>(), [2, 3, 9]);
    }

    #[test]
    fn what_others_have_or_nobody_can_use_is_refused() {
        let refused = |overrides: Overrides| overridden(3, &overrides).unwrap_err();
        let none = Overrides::default;
        let taken = refused(Overrides { node_id: Some(id(2)), ..none() });
        assert_eq!(taken, OverrideError::NodeId { id: id(2), name: "n2".into() });
        let taken = refused(Overrides { node_name: Some("N3".into()), ..none() });
        assert_eq!(taken, OverrideError::NodeName { name: "N3".into(), id: id(3) });
        assert_eq!(refused(Overrides { port: Some(1), ..none() }), OverrideError::Port(1));
        for name in ["", "a b", "0123456789abcdef"] {
            let name = Some(name.to_owned());
            let refused = refused(Overrides { cluster_name: name, ..none() });
            assert!(matches!(refused, OverrideError::ClusterName(_)));
        }
        let address = "10.0.0.1".parse().unwrap();
        let refused = refused(Overrides { multicast: Some(address), ..none() });
        assert_eq!(refused, OverrideError::Multicast(address));
    }
}
