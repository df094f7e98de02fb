//! The structures of the interface, with the layout that programs were compiled with: the same on
//! x86-64 and aarch64. `tests/layouts.c` asks a C compiler the same questions.

use crate::constants::{CLUSTER_NAME_MAX, NODENAME_MAX};
use libc::timeval;
use std::{
    ffi::{c_char, c_int, c_uint},
    mem::{align_of, offset_of, size_of},
};

/// Room for an address, in bytes: the larger kind, `struct sockaddr_in6`.
pub(crate) const ADDRESS_ROOM: usize = 28;
/// Room for the ports of a node, one bit each, in bytes.
pub(crate) const PORTS_ROOM: usize = 32;

/// `cman_node_address_t`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct NodeAddress {
    pub(crate) addrlen: c_int,
    pub(crate) address: [u8; ADDRESS_ROOM],
}

/// `cman_node_t`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Node {
    pub(crate) nodeid: c_int,
    pub(crate) address: NodeAddress,
    pub(crate) name: [u8; NODENAME_MAX + 1],
    pub(crate) member: c_int,
    pub(crate) incarnation: c_int,
    pub(crate) jointime: timeval,
}

/// `cman_version_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub(crate) struct Version {
    pub(crate) major: c_uint,
    pub(crate) minor: c_uint,
    pub(crate) patch: c_uint,
    pub(crate) config: c_uint,
}

/// `cman_cluster_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub(crate) struct Cluster {
    pub(crate) name: [u8; CLUSTER_NAME_MAX + 1],
    pub(crate) number: u16,
    pub(crate) generation: u32,
}

/// `cman_extra_info_t`: its beginning. Addresses follow where the last field is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub(crate) struct ExtraInfo {
    pub(crate) node_state: c_int,
    pub(crate) flags: c_int,
    pub(crate) node_votes: c_int,
    pub(crate) total_votes: c_int,
    pub(crate) expected_votes: c_int,
    pub(crate) quorum: c_int,
    pub(crate) members: c_int,
    pub(crate) ports: [u8; PORTS_ROOM],
    pub(crate) num_addresses: c_int,
    pub(crate) addresses: [u8; 4],
}

/// `cman_qdev_info_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub(crate) struct DeviceInfo {
    pub(crate) name: [u8; NODENAME_MAX + 1],
    pub(crate) state: c_int,
    pub(crate) votes: c_int,
}

/// Of a pointer to characters only its size matters here.
const _: () = assert!(size_of::<c_char>() == size_of::<u8>());

const _: () = {
    assert!(size_of::<NodeAddress>() == 32 && align_of::<NodeAddress>() == 4);
    assert!(offset_of!(NodeAddress, addrlen) == 0);
    assert!(offset_of!(NodeAddress, address) == 4);
};

const _: () = {
    assert!(size_of::<Node>() == 320 && align_of::<Node>() == 8);
    assert!(offset_of!(Node, nodeid) == 0);
    assert!(offset_of!(Node, address) == 4);
    assert!(offset_of!(Node, name) == 36);
    assert!(offset_of!(Node, member) == 292);
    assert!(offset_of!(Node, incarnation) == 296);
    assert!(offset_of!(Node, jointime) == 304);
    assert!(size_of::<timeval>() == 16);
};

const _: () = {
    assert!(size_of::<Version>() == 16 && align_of::<Version>() == 4);
    assert!(offset_of!(Version, config) == 12);
};

const _: () = {
    assert!(size_of::<Cluster>() == 24 && align_of::<Cluster>() == 4);
    assert!(offset_of!(Cluster, name) == 0);
    assert!(offset_of!(Cluster, number) == 18);
    assert!(offset_of!(Cluster, generation) == 20);
};

const _: () = {
    assert!(size_of::<ExtraInfo>() == 68 && align_of::<ExtraInfo>() == 4);
    assert!(offset_of!(ExtraInfo, node_state) == 0);
    assert!(offset_of!(ExtraInfo, flags) == 4);
    assert!(offset_of!(ExtraInfo, node_votes) == 8);
    assert!(offset_of!(ExtraInfo, total_votes) == 12);
    assert!(offset_of!(ExtraInfo, expected_votes) == 16);
    assert!(offset_of!(ExtraInfo, quorum) == 20);
    assert!(offset_of!(ExtraInfo, members) == 24);
    assert!(offset_of!(ExtraInfo, ports) == 28);
    assert!(offset_of!(ExtraInfo, num_addresses) == 60);
    assert!(offset_of!(ExtraInfo, addresses) == 64);
};

const _: () = {
    assert!(size_of::<DeviceInfo>() == 264 && align_of::<DeviceInfo>() == 4);
    assert!(offset_of!(DeviceInfo, name) == 0);
    assert!(offset_of!(DeviceInfo, state) == 256);
    assert!(offset_of!(DeviceInfo, votes) == 260);
};
