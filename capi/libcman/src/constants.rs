//! Flags and numbers of the interface. `include/libcman.h` has the same, and a test compares them.

use std::ffi::c_int;

/// Longest name of a node or a quorum device, in bytes.
pub(crate) const NODENAME_MAX: usize = 255;
/// Longest name of a cluster, in bytes.
pub(crate) const CLUSTER_NAME_MAX: usize = 16;
/// Room that a program has for the name of a fence agent, its end included.
pub(crate) const AGENT_ROOM: usize = 255;

/// The local node, where one node is meant.
pub(crate) const NODEID_US: c_int = 0;
/// All nodes, where a message goes to.
pub(crate) const NODEID_ALL: c_int = 0;
/// The quorum device, where one node is meant.
pub(crate) const NODEID_QDISK: c_int = -1;

/// Reasons of an event.
pub(crate) mod reason {
    use std::ffi::c_int;

    pub(crate) const PORTCLOSED: c_int = 0;
    pub(crate) const STATECHANGE: c_int = 1;
    pub(crate) const PORTOPENED: c_int = 2;
    pub(crate) const TRY_SHUTDOWN: c_int = 3;
    pub(crate) const CONFIG_UPDATE: c_int = 4;
}

/// Flags of `cman_dispatch`.
pub(crate) mod dispatch {
    use std::ffi::c_int;

    pub(crate) const ALL: c_int = 1;
    pub(crate) const BLOCKING: c_int = 2;
    pub(crate) const IGNORE_DATA: c_int = 8;
    pub(crate) const IGNORE_EVENT: c_int = 16;
}

/// Flags of `cman_leave_cluster`; the reason is in the low bits.
pub(crate) mod leave {
    use std::ffi::c_int;

    pub(crate) const REASON_MASK: c_int = 0xf;
    pub(crate) const REMOVED: c_int = 3;
    pub(crate) const FORCE: c_int = 0x10;
}

/// Flags of `cman_shutdown`, and of the event that comes of it.
pub(crate) mod shutdown {
    use std::ffi::c_int;

    pub(crate) const ANYWAY: c_int = 1;
    pub(crate) const REMOVED: c_int = 2;
}

/// Flags of `cman_get_extra_info`.
pub(crate) mod extra {
    use std::ffi::c_int;

    pub(crate) const TWO_NODE: c_int = 1;
    pub(crate) const ERROR: c_int = 2;
    pub(crate) const SHUTDOWN: c_int = 4;
    pub(crate) const DISALLOWED: c_int = 8;
    pub(crate) const DIRTY: c_int = 16;
}

/// States of a node in `cman_get_extra_info`, and of the quorum device.
pub(crate) mod state {
    use std::ffi::c_int;

    pub(crate) const JOINING: c_int = 1;
    pub(crate) const MEMBER: c_int = 2;
    pub(crate) const DEAD: c_int = 3;
    pub(crate) const LEAVING: c_int = 4;
    pub(crate) const DISALLOWED: c_int = 5;
}

/// What `cman_barrier_change` changes.
pub(crate) mod barrier_attribute {
    use std::ffi::c_int;

    pub(crate) const AUTODELETE: c_int = 1;
    pub(crate) const ENABLED: c_int = 3;
    pub(crate) const NODES: c_int = 4;
    pub(crate) const TIMEOUT: c_int = 6;
}

/// The release that programs are told: of the library whose interface this is.
pub(crate) const VERSION: [u32; 3] = [6, 2, 0];

/// Bytes that the old library put before what it sent and received. They are part of what its
/// functions return, and programs check for that.
pub(crate) mod header {
    /// Before data.
    pub(crate) const DATA: usize = 28;
    /// An event, whole.
    pub(crate) const EVENT: usize = 28;
    /// Before the node ids of a configuration.
    pub(crate) const CONFCHG: usize = 32;
}
