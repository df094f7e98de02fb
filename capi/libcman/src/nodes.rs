//! Queries about nodes.

use crate::{
    address,
    administration::real,
    constants::{NODEID_QDISK, NODEID_US},
    device,
    dispatch::number,
    errno::Call,
    handle::Handle,
    layouts::{Node, NodeAddress},
    pointer::{counted, padded},
};
use cman_client::ipc::{
    ClassicRequest, NodeStatus, Reply, Request,
    classic::{DeviceStatus, FenceStatus},
    nodes::NodeState,
};
use libc::timeval;
use rustix::io::Errno;
use std::ffi::c_int;

/// `cman_get_node_count`.
pub(crate) fn count(handle: &Handle) -> Result<c_int, Errno> {
    let nodes = known(handle)?.len();
    let devices = usize::from(device::find(handle)?.is_some());
    Ok(c_int::try_from(nodes.saturating_add(devices)).unwrap_or(c_int::MAX))
}

/// `cman_get_nodes`: all nodes, ascending, and behind them the quorum device if there is one.
pub(crate) fn all(handle: &Handle) -> Result<Vec<Node>, Errno> {
    let nodes = known(handle)?;
    let device = device::find(handle)?;
    Ok(nodes.iter().map(node).chain(device.iter().map(device_as_node)).collect())
}

/// `cman_get_disallowed_nodes`.
pub(crate) fn disallowed(handle: &Handle) -> Result<Vec<Node>, Errno> {
    let nodes = known(handle)?;
    Ok(nodes.iter().filter(|node| node.state == NodeState::Disallowed).map(node).collect())
}

/// `cman_get_node`: by its name if there is one, else by its id.
pub(crate) fn one(handle: &Handle, id: c_int, name: &[u8]) -> Result<Node, Errno> {
    let nodes = known(handle)?;
    let found = if !name.is_empty() {
        nodes.iter().find(|node| node.name.as_bytes() == name)
    } else if id == NODEID_QDISK {
        let device = device::find(handle)?;
        return device.as_ref().map(device_as_node).ok_or(Errno::NOENT);
    } else {
        let id = if id == NODEID_US { number(handle.node()?) } else { id };
        nodes.iter().find(|node| number(node.id) == id)
    };
    found.map(node).ok_or(Errno::NOENT)
}

/// `cman_get_node_addrs`: none of a node that is no member.
pub(crate) fn addresses(handle: &Handle, id: c_int) -> Result<Vec<NodeAddress>, Errno> {
    let id = real(id)?;
    let nodes = known(handle)?;
    let node = nodes.iter().find(|node| node.id == id).ok_or(Errno::INVAL)?;
    let member = node.state == NodeState::Member;
    let addresses = node.addresses.iter().filter(|_| member);
    Ok(addresses.map(|ip| address::written(*ip)).collect())
}

/// `cman_get_fenceinfo`.
pub(crate) fn fencing(handle: &Handle, id: c_int) -> Result<FenceStatus, Errno> {
    let request = ClassicRequest::FenceGet { node: real(id)? };
    match handle.ask(Call::Fence, Request::Classic(request))? {
        Reply::Fence(status) => Ok(status),
        _ => Err(handle.mistrust()),
    }
}

/// All nodes; an error if this one has been a member of nothing yet.
fn known(handle: &Handle) -> Result<Vec<NodeStatus>, Errno> {
    let Reply::Nodes(reply) = handle.ask(Call::Query, Request::Nodes)? else {
        return Err(handle.mistrust());
    };
    let us = handle.node()?;
    let been = reply.nodes.iter().any(|node| node.id == us && node.joined_epoch != 0);
    if been { Ok(reply.nodes) } else { Err(Errno::NOENT) }
}

fn node(status: &NodeStatus) -> Node {
    Node {
        nodeid: number(status.id),
        address: status.addresses.first().map_or(address::NONE, |ip| address::written(*ip)),
        name: padded(status.name.as_bytes()),
        member: (status.state == NodeState::Member).into(),
        incarnation: low_half(status.joined_epoch).cast_signed(),
        jointime: time(status.joined_at.unwrap_or(0)),
    }
}

fn device_as_node(device: &DeviceStatus) -> Node {
    Node {
        nodeid: 0,
        address: address::NONE,
        name: padded(&device.name),
        member: device.alive.into(),
        incarnation: 0,
        jointime: time(0),
    }
}

/// Programs have 32 bits for the number of a view.
pub(crate) fn low_half(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or(0)
}

/// A time of nanoseconds since 1970.
fn time(nanos: u64) -> timeval {
    let seconds = nanos / 1_000_000_000;
    let micros = nanos % 1_000_000_000 / 1_000;
    timeval {
        tv_sec: i64::try_from(seconds).unwrap_or(i64::MAX),
        tv_usec: i64::try_from(micros).unwrap_or(0),
    }
}

/// A number of things, as much of it as there is room for.
pub(crate) fn shortened(number: usize) -> c_int {
    u32::try_from(number).map_or(c_int::MAX, counted)
}
