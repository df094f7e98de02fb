//! What the node is made with.

use crate::{start_error::StartError, startup::Prepared};
use cman_config::Transport;
use cman_io::clock;
use cman_node::{Peer, Setup, WIRE_VERSIONS};
use cman_types::{Epoch, Salt};
use std::{
    fmt::Write,
    net::{IpAddr, SocketAddr},
};

/// Puts together what the node must know, with fresh random numbers.
///
/// # Errors
/// When the system has no random numbers.
pub(crate) fn setup(prepared: &Prepared) -> Result<Setup, StartError> {
    let Prepared { config, me, interface, found_state, incarnation, .. } = prepared;
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(StartError::Random)?;
    let own = SocketAddr::new(interface.address, config.port);
    let peers = config.nodes.iter().map(|node| Peer {
        id: node.id,
        votes: node.votes,
        // Names are resolved later, in the background; an address is one already.
        address: if node.id == me.id {
            Some(own)
        } else {
            node.name.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, config.port))
        },
    });
    Ok(Setup {
        me: me.id,
        incarnation: *incarnation,
        salt: Salt(salt),
        seed: getrandom::u64().map_err(StartError::Random)?,
        address: own,
        cluster_name: config.cluster_name.clone(),
        cluster_id: config.cluster_id,
        config_version: config.config_version,
        peers: peers.collect(),
        expected_votes: config.expected_votes,
        two_node: config.two_node,
        wait_for_all: config.wait_for_all,
        token: config.token,
        multicast: config.transport == Transport::Multicast,
        wire_versions: WIRE_VERSIONS,
        // Zero is what a life stored that lost its state and ended before it needed an epoch.
        epoch_ceiling: found_state
            .map(|state| state.epoch_ceiling)
            .filter(|ceiling| *ceiling != Epoch(0)),
        wall_seconds: clock::wall().as_secs(),
        removed: found_state.is_some_and(|state| state.removed),
        observe: false,
    })
}

/// The setup as it stands in a recording: one `name value` on each line.
pub(crate) fn describe(setup: &Setup, encrypted: bool) -> String {
    let mut text = String::new();
    let salt = setup.salt.0.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let ceiling = setup.epoch_ceiling.map_or("none".to_owned(), |epoch| epoch.to_string());
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        // Writing to a string cannot fail.
        let _never = writeln!(text, "{name} {value}");
    };
    line("release", &env!("CARGO_PKG_VERSION"));
    line("encrypted", &encrypted);
    line("me", &setup.me);
    line("incarnation", &setup.incarnation);
    line("salt", &salt);
    line("seed", &setup.seed);
    line("address", &setup.address);
    line("cluster_name", &setup.cluster_name);
    line("cluster_id", &setup.cluster_id);
    line("config_version", &setup.config_version);
    line("expected_votes", &setup.expected_votes);
    line("two_node", &setup.two_node);
    line("wait_for_all", &setup.wait_for_all);
    line("token_ns", &setup.token.as_nanos());
    line("multicast", &setup.multicast);
    line("wire_version_min", &setup.wire_versions.0);
    line("wire_version_max", &setup.wire_versions.1);
    line("epoch_ceiling", &ceiling);
    line("wall_seconds", &setup.wall_seconds);
    line("removed", &setup.removed);
    for Peer { id, votes, address } in &setup.peers {
        let address = address.map_or("none".to_owned(), |address| address.to_string());
        line("peer", &format_args!("{id} {votes} {address}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_types::{Incarnation, NodeId};
    use std::time::Duration;

    #[test]
    fn a_recording_names_everything_the_node_was_made_with() {
        let me = NodeId::new(2).unwrap();
        let setup = Setup {
            me,
            incarnation: Incarnation(17),
            salt: Salt([0xab; 16]),
            seed: 5,
            address: "10.0.0.2:5405".parse().unwrap(),
            cluster_name: "alpha".into(),
            cluster_id: 3169,
            config_version: 4,
            peers: vec![Peer { id: me, votes: 1, address: None }],
            expected_votes: 1,
            two_node: false,
            wait_for_all: false,
            token: Duration::from_secs(2),
            multicast: true,
            wire_versions: (1, 1),
            epoch_ceiling: Some(Epoch(48)),
            wall_seconds: 9,
            removed: false,
            observe: false,
        };
        let text = describe(&setup, true);
        let hex = "ab".repeat(16);
        for line in ["me 2", &format!("salt {hex}"), "epoch_ceiling 48", "peer 2 1 none"] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
