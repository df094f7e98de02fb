//! What this node is told instead of its file: options, and the environment that `cman_tool` of
//! 2009 passed on. Votes are asked of the cluster when this node is a member, since all must count
//! the same.

use clap::{Args, builder::BoolishValueParser, value_parser};
use cman_config::Overrides;
use cman_types::{Amendment, NodeId};
use std::net::IpAddr;

/// Options that replace values of the configuration at this node only.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Instead of what the configuration says, at this node")]
pub(crate) struct Instead {
    /// The name of the cluster.
    #[arg(long, value_name = "NAME", env = "CMAN_CLUSTER_NAME")]
    cluster: Option<String>,

    /// The port; data takes the one below.
    #[arg(long, value_name = "PORT", env = "CMAN_IP_PORT")]
    #[arg(value_parser = value_parser!(u16).range(2..))]
    port: Option<u16>,

    /// The multicast address.
    #[arg(long, value_name = "ADDRESS", env = "CMAN_MCAST_ADDR")]
    multicast: Option<IpAddr>,

    /// One node of two may go on alone.
    #[arg(long, env = "CMAN_2NODE", value_parser = BoolishValueParser::new())]
    two_node: bool,

    /// The id of this node.
    #[arg(long, value_name = "ID", env = "CMAN_NODEID", value_parser = node_id)]
    node_id: Option<NodeId>,

    /// What this node is called, and where its address is looked up.
    #[arg(long, value_name = "NODENAME")]
    override_name: Option<String>,
}

/// What is asked of the cluster once this node is a member.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Asked of the cluster once this node is a member")]
pub(crate) struct Asked {
    /// The votes of this node.
    #[arg(long, value_name = "VOTES", env = "CMAN_VOTES")]
    #[arg(value_parser = value_parser!(u32).range(1..))]
    votes: Option<u32>,

    /// The votes that are expected in all.
    #[arg(long, value_name = "VOTES", env = "CMAN_EXPECTEDVOTES")]
    #[arg(value_parser = value_parser!(u32).range(1..))]
    expected_votes: Option<u32>,
}

impl Asked {
    /// As changes of votes, for the node `me`. What is expected comes last, because it follows the
    /// votes of nodes.
    pub(crate) fn amendments(&self, me: NodeId) -> Vec<Amendment> {
        let own = self.votes.map(|votes| Amendment::Votes { node: me, votes });
        let expected = self.expected_votes.map(|votes| Amendment::Expected { votes });
        own.into_iter().chain(expected).collect()
    }
}

fn node_id(text: &str) -> Result<NodeId, String> {
    let id = text.parse().ok().and_then(NodeId::new);
    id.ok_or_else(|| "expected a number from 1 to 4294967295".to_owned())
}

/// The variable that asked for a cluster without a configuration.
const NO_CONFIGURATION: &str = "CMAN_NOCONFIG";

/// Whether the environment asks for a cluster without a configuration, which there is not.
pub(crate) fn wants_no_configuration() -> bool {
    std::env::var_os(NO_CONFIGURATION).is_some_and(|value| !value.is_empty() && value != "0")
}

impl From<Instead> for Overrides {
    fn from(instead: Instead) -> Self {
        let Instead { cluster, port, multicast, two_node, node_id, override_name } = instead;
        Self { cluster_name: cluster, port, multicast, two_node, node_id, node_name: override_name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args as All;
    use clap::Parser;

    fn parsed(options: &[&str]) -> Result<Overrides, clap::Error> {
        let all = All::try_parse_from(["cmand"].iter().chain(options))?;
        Ok(all.instead.into())
    }

    #[test]
    fn without_options_the_file_counts() {
        assert_eq!(parsed(&[]).unwrap(), Overrides::default());
    }

    #[test]
    fn each_option_replaces_its_value() {
        let said = parsed(&[
            "--cluster=beta",
            "--port=6809",
            "--multicast=239.1.2.3",
            "--two-node",
            "--node-id=7",
            "--override-name=n1-heart",
        ]);
        let expected = Overrides {
            cluster_name: Some("beta".into()),
            port: Some(6809),
            multicast: Some("239.1.2.3".parse().unwrap()),
            two_node: true,
            node_id: NodeId::new(7),
            node_name: Some("n1-heart".into()),
        };
        assert_eq!(said.unwrap(), expected);
    }

    #[test]
    fn votes_become_changes_of_votes() {
        let all = All::try_parse_from(["cmand", "--votes=3", "--expected-votes=5"]).unwrap();
        let me = NodeId::new(7).unwrap();
        let (own, expected) =
            (Amendment::Votes { node: me, votes: 3 }, Amendment::Expected { votes: 5 });
        assert_eq!(all.asked.amendments(me), [own, expected]);
        let all = All::try_parse_from(["cmand"]).unwrap();
        assert!(all.asked.amendments(me).is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_wrong_usage() {
        for wrong in [
            "--votes=0",
            "--expected-votes=x",
            "--port=1",
            "--port=65536",
            "--multicast=n1",
            "--node-id=0",
        ] {
            assert!(parsed(&[wrong]).is_err(), "{wrong}");
        }
    }
}
