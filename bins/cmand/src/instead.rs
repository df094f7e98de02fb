//! What this node is told instead of its file: options, and the environment that `cman_tool` of
//! 2009 passed on.

use clap::{Args, builder::BoolishValueParser, value_parser};
use cman_config::Overrides;
use cman_types::NodeId;
use std::net::IpAddr;

/// Options that replace values of the configuration at this node only.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Instead of what the configuration says, at this node")]
pub(crate) struct Instead {
    /// The name of the cluster.
    #[arg(long, value_name = "NAME", env = "CMAN_CLUSTER_NAME")]
    cluster: Option<String>,

    /// The port; data takes the one below.
    #[arg(long, value_name = "PORT", env = "CMAN_IP_PORT", value_parser = value_parser!(u16).range(2..))]
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
    fn what_makes_no_sense_is_wrong_usage() {
        for wrong in ["--port=1", "--port=65536", "--multicast=n1", "--node-id=0"] {
            assert!(parsed(&[wrong]).is_err(), "{wrong}");
        }
    }
}
