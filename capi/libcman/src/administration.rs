//! Calls that change the cluster. All of them need an admin handle.

use crate::{
    constants::{VERSION, leave, shutdown},
    errno::Call,
    handle::Handle,
    layouts::Version,
};
use bytes::Bytes;
use cman_client::ipc::{ClassicRequest, Request};
use cman_types::NodeId;
use rustix::io::Errno;
use std::{
    ffi::c_int,
    thread,
    time::{Duration, Instant},
};

/// How long a leave is tried again that comes in the middle of a view change.
const LEAVE_PATIENCE: Duration = Duration::from_secs(30);
/// The pause before it is.
const LEAVE_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// `cman_set_expected_votes`.
pub(crate) fn set_expected_votes(handle: &Handle, votes: c_int) -> Result<c_int, Errno> {
    handle.must_be_admin()?;
    let votes = positive(votes)?;
    handle.order_classic(Call::Other, ClassicRequest::SetExpectedVotes { votes })
}

/// `cman_set_votes`. Node 0 is this one.
pub(crate) fn set_votes(handle: &Handle, votes: c_int, node: c_int) -> Result<c_int, Errno> {
    handle.must_be_admin()?;
    let votes = positive(votes)?;
    let node = u32::try_from(node).map_err(|_| Errno::NOENT)?;
    let node = NodeId::new(node);
    handle.order_classic(Call::Other, ClassicRequest::SetVotes { node, votes })
}

/// `cman_set_version`. Only that of the configuration can be set.
pub(crate) fn set_version(handle: &Handle, version: &Version) -> Result<c_int, Errno> {
    handle.must_be_admin()?;
    if [version.major, version.minor, version.patch] != VERSION {
        return Err(Errno::INVAL);
    }
    let version = version.config.into();
    handle.order_classic(Call::Other, ClassicRequest::SetConfigVersion { version })
}

/// `cman_kill_node`.
pub(crate) fn kill_node(handle: &Handle, node: c_int) -> Result<c_int, Errno> {
    handle.must_be_admin()?;
    let node = real(node)?;
    handle.order(Call::Kill, Request::Kill { node })
}

/// `cman_leave_cluster`.
pub(crate) fn leave_cluster(handle: &Handle, flags: c_int) -> Result<c_int, Errno> {
    handle.must_be_admin()?;
    let remove = flags & leave::REASON_MASK == leave::REMOVED;
    let force = flags & leave::FORCE != 0;
    let deadline = Instant::now() + LEAVE_PATIENCE;
    loop {
        match handle.order(Call::Other, Request::Leave { remove, force }) {
            // A view change is running.
            Err(Errno::BUSY) if Instant::now() < deadline => thread::sleep(LEAVE_AGAIN_AFTER),
            done => return done,
        }
    }
}

/// `cman_node_fenced`.
pub(crate) fn node_fenced(
    handle: &Handle,
    node: c_int,
    at: u64,
    agent: &[u8],
) -> Result<c_int, Errno> {
    handle.must_be_admin()?;
    let (node, agent) = (real(node)?, Bytes::copy_from_slice(agent));
    handle.order_classic(Call::Fence, ClassicRequest::FenceSet { node, at, agent })
}

/// `cman_shutdown`. Waits for the clients of this node.
pub(crate) fn shut_down(handle: &Handle, flags: c_int) -> Result<c_int, Errno> {
    handle.must_be_admin()?;
    let anyway = flags & shutdown::ANYWAY != 0;
    let remove = flags & shutdown::REMOVED != 0;
    handle.order_classic(Call::Other, ClassicRequest::Shutdown { anyway, remove })
}

/// `cman_set_dirty`.
pub(crate) fn set_dirty(handle: &Handle) -> Result<c_int, Errno> {
    handle.must_be_admin()?;
    handle.order_classic(Call::Other, ClassicRequest::SetDirty)
}

/// `cman_set_debuglog`.
pub(crate) fn set_debug(handle: &Handle, mask: c_int) -> Result<c_int, Errno> {
    handle.must_be_admin()?;
    handle.order_classic(Call::Other, ClassicRequest::SetDebug { mask: mask.cast_unsigned() })
}

fn positive(votes: c_int) -> Result<u32, Errno> {
    u32::try_from(votes).ok().filter(|votes| *votes > 0).ok_or(Errno::INVAL)
}

/// One node, and no name for another.
pub(crate) fn real(node: c_int) -> Result<NodeId, Errno> {
    u32::try_from(node).ok().and_then(NodeId::new).ok_or(Errno::INVAL)
}
