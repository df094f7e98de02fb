//! Queries about the cluster and the daemon.

use crate::{
    address::{STORAGE, stored},
    constants::{CLUSTER_NAME_MAX, VERSION, extra, state},
    errno::Call,
    handle::Handle,
    layouts::{Cluster, ExtraInfo, PORTS_ROOM, Version},
    nodes::{low_half, shortened},
    pointer::{counted, padded},
};
use cman_client::ipc::{
    Reply, Request, StatusReply,
    reply::VersionReply,
    status::{Flag, LinkStatus, State},
};
use rustix::io::Errno;
use std::{
    ffi::{c_int, c_uint},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// `cman_get_subsys_count`.
pub(crate) fn subsystems(handle: &Handle) -> Result<c_int, Errno> {
    Ok(counted(status(handle)?.active_subsystems))
}

/// `cman_is_active`: a daemon that answers is.
pub(crate) fn is_active(handle: &Handle) -> Result<c_int, Errno> {
    ask_version(handle).map(|_| 1)
}

/// `cman_is_quorate`. Read from the page that the daemon publishes, so that one that is stalled
/// says no; a daemon that publishes none is asked.
pub(crate) fn is_quorate(handle: &Handle) -> Result<c_int, Errno> {
    if handle.is_gone() {
        return Err(Errno::HOSTDOWN);
    }
    match handle.lease_says() {
        Some(quorate) => Ok(quorate.into()),
        None => Ok(status(handle)?.quorum.quorate.into()),
    }
}

/// `cman_get_version`.
pub(crate) fn version(handle: &Handle) -> Result<Version, Errno> {
    let config = c_uint::try_from(ask_version(handle)?.config_version).unwrap_or(c_uint::MAX);
    let [major, minor, patch] = VERSION;
    Ok(Version { major, minor, patch, config })
}

/// `cman_get_cluster`.
pub(crate) fn cluster(handle: &Handle) -> Result<Cluster, Errno> {
    let status = status(handle)?;
    let view = status.view.ok_or(Errno::NOENT)?;
    Ok(Cluster {
        name: padded::<{ CLUSTER_NAME_MAX + 1 }>(status.cluster.as_bytes()),
        number: status.cluster_id,
        generation: low_half(view.epoch.0),
    })
}

/// `cman_get_extra_info`: the structure, and the addresses that follow where its last field is.
pub(crate) fn extra_info(handle: &Handle) -> Result<(ExtraInfo, Vec<u8>), Errno> {
    let status = status(handle)?;
    Ok((extra(&status), addresses(&status.links)))
}

fn extra(status: &StatusReply) -> ExtraInfo {
    ExtraInfo {
        node_state: match status.state {
            State::Starting | State::Joining => state::JOINING,
            State::Member => state::MEMBER,
            State::Leaving => state::LEAVING,
            State::Disallowed => state::DISALLOWED,
            State::Left => state::DEAD,
        },
        flags: status.flags.iter().map(|flag| bit(*flag)).fold(0, |all, bit| all | bit),
        node_votes: counted(status.node_votes),
        total_votes: counted(status.quorum.votes),
        expected_votes: counted(status.quorum.expected_votes),
        quorum: counted(status.quorum.needed),
        members: shortened(status.view.as_ref().map_or(0, |view| view.members.len())),
        ports: ports(&status.ports_bound),
        num_addresses: shortened(status.links.len()),
        addresses: [0; 4],
    }
}

const fn bit(flag: Flag) -> c_int {
    match flag {
        Flag::TwoNode => extra::TWO_NODE,
        Flag::Error => extra::ERROR,
        Flag::Shutdown => extra::SHUTDOWN,
        Flag::DisallowedNodes => extra::DISALLOWED,
        Flag::Dirty => extra::DIRTY,
        Flag::WaitForAll | Flag::Removed => 0,
    }
}

/// One bit for each port. That of the daemon itself is always there.
fn ports(bound: &[u8]) -> [u8; PORTS_ROOM] {
    let mut bits = [0; PORTS_ROOM];
    for port in bound.iter().chain([&0]) {
        if let Some(byte) = bits.get_mut(usize::from(port / 8)) {
            *byte |= 1 << (port % 8);
        }
    }
    bits
}

/// The multicast address of each network, then the own address on each.
fn addresses(links: &[LinkStatus]) -> Vec<u8> {
    let multicast = links.iter().map(|link| link.multicast.unwrap_or(unspecified(link.address)));
    let own = links.iter().map(|link| link.address);
    let mut bytes = Vec::with_capacity(links.len().saturating_mul(2 * STORAGE));
    for ip in multicast.chain(own) {
        bytes.extend(stored(ip));
    }
    bytes
}

/// What stands for no address.
const fn unspecified(kind: IpAddr) -> IpAddr {
    match kind {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

fn status(handle: &Handle) -> Result<Box<StatusReply>, Errno> {
    match handle.ask(Call::Query, Request::Status)? {
        Reply::Status(status) => Ok(status),
        _ => Err(handle.mistrust()),
    }
}

fn ask_version(handle: &Handle) -> Result<VersionReply, Errno> {
    match handle.ask(Call::Query, Request::Version)? {
        Reply::Version(version) => Ok(version),
        _ => Err(handle.mistrust()),
    }
}
