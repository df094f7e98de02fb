//! What clients ask, to bytes and back.

use super::{Malformed, append_name, rest::Rest};
use cman_node::{
    BarrierChange, BarrierOptions, BarrierRequest, ClientRequest, FenceRequest, GroupRequest,
    PortRequest,
};
use cman_types::NodeId;

pub(super) const fn kind(request: &ClientRequest) -> u8 {
    match request {
        ClientRequest::Group(GroupRequest::Join { .. }) => 24,
        ClientRequest::Group(GroupRequest::Leave { .. }) => 25,
        ClientRequest::Group(GroupRequest::Send { .. }) => 26,
        ClientRequest::Group(GroupRequest::Members { .. }) => 28,
        ClientRequest::Group(GroupRequest::Groups) => 29,
        ClientRequest::Port(PortRequest::Bind { .. }) => 30,
        ClientRequest::Port(PortRequest::Send { .. }) => 31,
        ClientRequest::Barrier(request) => barrier_kind(request),
        ClientRequest::Fence(FenceRequest::Note { .. }) => 39,
    }
}

const fn barrier_kind(request: &BarrierRequest) -> u8 {
    match request {
        BarrierRequest::Register { .. } => 32,
        BarrierRequest::Change { change: BarrierChange::Autodelete(_), .. } => 33,
        BarrierRequest::Change { change: BarrierChange::Enable, .. } => 34,
        BarrierRequest::Change { change: BarrierChange::Nodes(_), .. } => 35,
        BarrierRequest::Change { change: BarrierChange::Timeout(_), .. } => 36,
        BarrierRequest::Wait { .. } => 37,
        BarrierRequest::Delete { .. } => 38,
    }
}

/// Appends what comes after the session.
pub(super) fn append(request: &ClientRequest, to: &mut Vec<u8>) {
    match request {
        ClientRequest::Group(request) => append_group(request, to),
        ClientRequest::Port(PortRequest::Bind { port }) => to.push(*port),
        ClientRequest::Port(PortRequest::Send { to: node, port, payload }) => {
            to.extend_from_slice(&node.map_or(0, NodeId::get).to_le_bytes());
            to.push(*port);
            to.extend_from_slice(payload);
        }
        ClientRequest::Barrier(request) => append_barrier(request, to),
        ClientRequest::Fence(FenceRequest::Note { node, at, agent }) => {
            to.extend_from_slice(&node.get().to_le_bytes());
            to.extend_from_slice(&at.to_le_bytes());
            to.extend_from_slice(agent);
        }
    }
}

fn append_barrier(request: &BarrierRequest, to: &mut Vec<u8>) {
    match request {
        BarrierRequest::Register { nodes, options, .. } => {
            to.extend_from_slice(&nodes.to_le_bytes());
            to.extend([u8::from(options.autodelete), u8::from(options.enabled)]);
        }
        BarrierRequest::Change { change, .. } => match change {
            BarrierChange::Autodelete(on) => to.push(u8::from(*on)),
            BarrierChange::Enable => {}
            BarrierChange::Nodes(number) | BarrierChange::Timeout(number) => {
                to.extend_from_slice(&number.to_le_bytes());
            }
        },
        BarrierRequest::Wait { .. } | BarrierRequest::Delete { .. } => {}
    }
    to.extend_from_slice(request.name().as_bytes());
}

fn append_group(request: &GroupRequest, to: &mut Vec<u8>) {
    match request {
        GroupRequest::Join { group, pid } => {
            to.extend_from_slice(&pid.to_le_bytes());
            to.extend_from_slice(group.as_bytes());
        }
        GroupRequest::Leave { group } | GroupRequest::Members { group } => {
            to.extend_from_slice(group.as_bytes());
        }
        GroupRequest::Send { group, payload, safe } => {
            to.push(u8::from(*safe));
            append_name(to, group);
            to.extend_from_slice(payload);
        }
        GroupRequest::Groups => {}
    }
}

/// A request from what comes after the session; none if that kind is something else.
pub(super) fn parse(kind: u8, rest: &mut Rest<'_>) -> Result<Option<ClientRequest>, Malformed> {
    Ok(Some(match kind {
        24 => GroupRequest::Join { pid: rest.u32()?, group: rest.all_name()? }.into(),
        25 => GroupRequest::Leave { group: rest.all_name()? }.into(),
        26 => {
            let (safe, group) = (rest.flag()?, rest.name()?);
            GroupRequest::Send { group, payload: rest.all().to_vec().into(), safe }.into()
        }
        28 => GroupRequest::Members { group: rest.all_name()? }.into(),
        29 => GroupRequest::Groups.into(),
        30 => PortRequest::Bind { port: rest.byte()? }.into(),
        31 => {
            let (to, port) = (NodeId::new(rest.u32()?), rest.byte()?);
            PortRequest::Send { to, port, payload: rest.all().to_vec().into() }.into()
        }
        32..=38 => parse_barrier(kind, rest)?.into(),
        39 => {
            let (node, at) = (rest.node()?, rest.u64()?);
            FenceRequest::Note { node, at, agent: rest.all().to_vec().into() }.into()
        }
        _ => return Ok(None),
    }))
}

fn parse_barrier(kind: u8, rest: &mut Rest<'_>) -> Result<BarrierRequest, Malformed> {
    let change = match kind {
        32 => {
            let nodes = rest.u32()?;
            let options = BarrierOptions { autodelete: rest.flag()?, enabled: rest.flag()? };
            return Ok(BarrierRequest::Register { name: rest.barrier()?, nodes, options });
        }
        33 => BarrierChange::Autodelete(rest.flag()?),
        34 => BarrierChange::Enable,
        35 => BarrierChange::Nodes(rest.u32()?),
        36 => BarrierChange::Timeout(rest.u32()?),
        37 => return Ok(BarrierRequest::Wait { name: rest.barrier()? }),
        _ => return Ok(BarrierRequest::Delete { name: rest.barrier()? }),
    };
    Ok(BarrierRequest::Change { name: rest.barrier()?, change })
}
