//! What the node is made with.

use crate::{start_error::StartError, startup::Prepared};
use cman_config::Transport;
use cman_io::clock;
use cman_node::{Peer, Setup, WIRE_VERSIONS};
use cman_types::{Epoch, Salt};
use std::net::{IpAddr, SocketAddr};

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
        raised: found_state.map_or(Epoch(0), |state| state.raised),
        device_poll: config.device_poll,
        observe: false,
    })
}
