//! Opening one UDP socket with the options that its duty needs.

use crate::{interface::Interface, packet::receive_packets, udp::UdpError};
use rustix::{
    io::Errno,
    net::{
        AddressFamily, SocketFlags, SocketType, bind, ipproto, socket_with, sockopt,
        sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery},
    },
};
use std::{
    io,
    net::{IpAddr, SocketAddr, SocketAddrV6},
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

/// What we ask for in bytes; the kernel doubles it for its own bookkeeping.
const BUFFER_BYTES: usize = 4 << 20;
/// Precedence "network control" (DSCP CS6): routers carry it before ordinary traffic.
const NETWORK_CONTROL: u8 = 0xc0;

/// The socket that sends everything of a lane and receives what is addressed to this node alone.
/// No address reuse: whoever has the port already must be noticed.
pub(crate) fn open_unicast(
    own: SocketAddr,
    interface: &Interface,
    ttl: u8,
) -> Result<OwnedFd, UdpError> {
    let fd = open(own, interface).map_err(|error| classify(own, error))?;
    multicast_options(&fd, own, interface, ttl).map_err(|error| classify(own, error.into()))?;
    Ok(fd)
}

/// The socket that receives what is sent to the group, on the one interface that carries the own
/// address. Several nodes on one machine may share it; each gets its own copy.
pub(crate) fn open_group(group: SocketAddr, interface: &Interface) -> io::Result<OwnedFd> {
    let fd = new_socket(group)?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    bind(&fd, &scoped(group, interface))?;
    grow_buffers(&fd);
    match group.ip() {
        IpAddr::V4(v4) => {
            let any = std::net::Ipv4Addr::UNSPECIFIED;
            sockopt::set_ip_add_membership_with_ifindex(&fd, &v4, &any, interface.index)?;
        }
        IpAddr::V6(v6) => sockopt::set_ipv6_add_membership(&fd, &v6, interface.index)?,
    }
    only_own_memberships(&fd, group.ip());
    Ok(fd)
}

/// Whether this machine's other nodes hear the multicasts of `fd`.
pub(crate) fn set_multicast_loop(fd: &OwnedFd, own: IpAddr, value: bool) -> io::Result<()> {
    match own {
        IpAddr::V4(_) => sockopt::set_ip_multicast_loop(fd, value)?,
        IpAddr::V6(_) => sockopt::set_ipv6_multicast_loop(fd, value)?,
    }
    Ok(())
}

fn open(own: SocketAddr, interface: &Interface) -> io::Result<OwnedFd> {
    let fd = new_socket(own)?;
    bind(&fd, &scoped(own, interface))?;
    grow_buffers(&fd);
    Ok(fd)
}

fn new_socket(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(family, SocketType::DGRAM, flags, Some(ipproto::UDP))?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&fd, true)?;
    }
    receive_packets(&fd);
    Ok(fd)
}

/// A link-local address or group means nothing without the interface.
fn scoped(address: SocketAddr, interface: &Interface) -> SocketAddr {
    match address {
        SocketAddr::V6(v6)
            if v6.ip().is_unicast_link_local()
                || v6.ip().is_multicast() && v6.ip().segments()[0] & 0xf <= 2 =>
        {
            SocketAddrV6::new(*v6.ip(), v6.port(), 0, interface.index).into()
        }
        other => other,
    }
}

/// Room for what arrives while the daemon is not scheduled. Less than asked for is no error: a
/// daemon without permission gets what the system's limit allows.
fn grow_buffers(fd: &OwnedFd) {
    if sockopt::set_socket_recv_buffer_size_force(fd, BUFFER_BYTES).is_err() {
        let _limited = sockopt::set_socket_recv_buffer_size(fd, BUFFER_BYTES);
    }
    if sockopt::set_socket_send_buffer_size_force(fd, BUFFER_BYTES).is_err() {
        let _limited = sockopt::set_socket_send_buffer_size(fd, BUFFER_BYTES);
    }
}

/// Where multicasts leave and how far they go; never cut on the way, carried first where allowed.
/// Loopback of own multicasts is off until a node on the same machine needs it.
fn multicast_options(
    fd: &OwnedFd,
    own: SocketAddr,
    interface: &Interface,
    ttl: u8,
) -> rustix::io::Result<()> {
    if own.is_ipv4() {
        let any = std::net::Ipv4Addr::UNSPECIFIED;
        sockopt::set_ip_multicast_if_with_ifindex(fd, &any, &any, interface.index)?;
        sockopt::set_ip_multicast_ttl(fd, u32::from(ttl))?;
        sockopt::set_ip_multicast_loop(fd, false)?;
        sockopt::set_ip_mtu_discover(fd, Ipv4PathMtuDiscovery::DO)?;
        let _not_allowed = sockopt::set_ip_tos(fd, NETWORK_CONTROL);
    } else {
        sockopt::set_ipv6_multicast_if(fd, interface.index)?;
        sockopt::set_ipv6_multicast_hops(fd, u32::from(ttl))?;
        sockopt::set_ipv6_multicast_loop(fd, false)?;
        sockopt::set_ipv6_mtu_discover(fd, Ipv6PathMtuDiscovery::DO)?;
        let _not_allowed = sockopt::set_ipv6_tclass(fd, u32::from(NETWORK_CONTROL));
    }
    Ok(())
}

/// Without this a group socket also receives what arrives on interfaces where *another* process
/// joined the group.
fn only_own_memberships(fd: &OwnedFd, group: IpAddr) {
    const IPV6_MULTICAST_ALL: libc::c_int = 29;
    let (level, name) = match group {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MULTICAST_ALL),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, IPV6_MULTICAST_ALL),
    };
    let off: libc::c_int = 0;
    let size = u32::try_from(size_of_val(&off)).unwrap_or(0);
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: needed because no safe wrapper knows this option. The descriptor is open, and the
    // kernel reads `size` bytes of a live integer. An old kernel refuses it; then more is read
    // than needed and dropped, which is harmless.
    let _unknown = unsafe { libc::setsockopt(raw, level, name, (&raw const off).cast(), size) };
}

fn classify(address: SocketAddr, error: io::Error) -> UdpError {
    match Errno::from_io_error(&error) {
        Some(Errno::ADDRINUSE) => UdpError::PortInUse { address },
        Some(Errno::ADDRNOTAVAIL) => UdpError::NotOurAddress { address },
        Some(Errno::ACCESS) => UdpError::NotAllowed { address },
        _ => UdpError::Io { address, source: error },
    }
}
