//! The sockets of a node.
//!
//! Two lanes, so that a flood of data neither delays beats nor fills their buffer: *control* on
//! the configured port and *data* on the port below. Each lane has a socket bound to the node's
//! own address, out of which everything is sent, and, where multicast is used, one bound to the
//! group's address. So a datagram's socket tells how it came, and its source names the node.

use crate::{
    interface::Interface,
    packet::{self, PACKET_MAX, Packets},
    socket::{open_group, open_unicast, set_multicast_loop},
};
use std::{
    io::{self, IoSlice},
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// Longer than any datagram of ours, so that a longer one shows by its length.
const DATAGRAM_BYTES: usize = 2048;

/// Which pair of sockets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// Beats and view changes: the configured port.
    Control,
    /// Messages and repair: the port below.
    Data,
}

impl Lane {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Control, Self::Data];
}

/// What the sockets are opened for.
#[derive(Clone, Debug)]
pub struct UdpConfig {
    /// The interface that carries the own address; also names that address.
    pub interface: Interface,
    /// The control port, 2..=65535; data uses the one below.
    pub port: u16,
    /// The group of this cluster; `None` for a cluster that uses unicast only.
    pub group: Option<IpAddr>,
    /// How many routers a multicast may pass, plus one; 1 stays on the link.
    pub ttl: u8,
}

/// A datagram as it came.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Who sent it, as the network says.
    pub source: SocketAddr,
    /// Whether it was addressed to the group.
    pub multicast: bool,
    /// What it carries, to be opened in place: at most 2048 bytes, the rest of a longer one is
    /// gone.
    pub bytes: &'a mut [u8],
}

/// Where a datagram goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination {
    /// To everybody in the group.
    Group,
    /// To the control or data port of one node, as the lane says. The address carries the port.
    Node(SocketAddr),
}

/// What is left after [`UdpSockets::receive`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pending {
    /// Nothing: every socket of the lane was empty.
    Nothing,
    /// The bound was reached; there may be more.
    Perhaps,
}

/// Why the sockets cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UdpError {
    /// Another program has the port.
    #[error(
        "UDP port {port} on {ip} is in use; stop the program that has it (shown by: \
         ss -ulpn 'sport = :{port}'), or give the whole cluster another one with \
         <cman port=\"...\">",
        port = .address.port(), ip = .address.ip()
    )]
    PortInUse {
        /// The address and port.
        address: SocketAddr,
    },
    /// The address has left this machine since it was looked up.
    #[error("{} is not an address of this machine (any more)", .address.ip())]
    NotOurAddress {
        /// The address and port.
        address: SocketAddr,
    },
    /// Ports below 1024 need a permission.
    #[error("no permission for UDP port {}; use one above 1023, or start as root", .address.port())]
    NotAllowed {
        /// The address and port.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("cannot open UDP port {} on {}: {source}", .address.port(), .address.ip())]
    Io {
        /// The address and port.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The group's socket cannot be opened or joined.
    #[error(
        "cannot receive multicast {group} on interface {interface}: {source}; \
         this node goes on by unicast"
    )]
    Group {
        /// The group.
        group: SocketAddr,
        /// The interface's name.
        interface: String,
        /// What the system said.
        source: io::Error,
    },
    /// Addresses of two families cannot reach each other.
    #[error(
        "the multicast address {group} and the node's address {own} are of different families; \
         use an address of the same family as the nodes' names"
    )]
    Family {
        /// The node's address.
        own: IpAddr,
        /// The group.
        group: IpAddr,
    },
}

/// The sockets of a node: see the module.
#[derive(Debug)]
pub struct UdpSockets {
    control: LaneSockets,
    data: LaneSockets,
    buffer: Box<[u8]>,
}

#[derive(Debug)]
struct LaneSockets {
    own: SocketAddr,
    unicast: OwnedFd,
    packets: Packets,
    group: Option<(SocketAddr, Option<OwnedFd>)>,
}

impl UdpSockets {
    /// Opens all sockets. If the group's cannot be opened, it says why and the node can still send
    /// to the group and be reached by unicast.
    ///
    /// # Errors
    /// When a unicast socket cannot be had, or the group's address is of another family. Nothing
    /// stays open then.
    pub fn open(config: &UdpConfig) -> Result<(Self, Vec<UdpError>), UdpError> {
        let own = config.interface.address;
        if let Some(group) = config.group.filter(|group| group.is_ipv4() != own.is_ipv4()) {
            return Err(UdpError::Family { own, group });
        }
        let mut warnings = Vec::new();
        let control = LaneSockets::open(config, config.port, &mut warnings)?;
        let data = LaneSockets::open(config, config.port.saturating_sub(1), &mut warnings)?;
        Ok((Self { control, data, buffer: vec![0; PACKET_MAX].into() }, warnings))
    }

    /// The node's own address and port on a lane: what others see as the source.
    #[must_use]
    pub fn own_address(&self, lane: Lane) -> SocketAddr {
        self.lane(lane).own
    }

    /// The descriptors to wait for on a lane.
    pub fn descriptors(&self, lane: Lane) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.lane(lane).sockets().map(|(fd, _)| fd.as_fd())
    }

    /// Whether nodes on this very machine (network namespace) hear our multicasts. Off at first,
    /// because everything sent would be read again and dropped here.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_multicast_loop(&self, value: bool) -> io::Result<()> {
        for lane in [&self.control, &self.data] {
            set_multicast_loop(&lane.unicast, lane.own.ip(), value)?;
        }
        Ok(())
    }

    /// Reads what waits on a lane: at most `budget` datagrams of each of its sockets, and those
    /// that came in one packet with the last one. Own multicasts that come back are not reported.
    /// Never blocks.
    ///
    /// # Errors
    /// What the system says about a socket; the others were read all the same.
    pub fn receive(
        &mut self,
        lane: Lane,
        budget: usize,
        mut each: impl FnMut(Datagram<'_>),
    ) -> io::Result<Pending> {
        let sockets = match lane {
            Lane::Control => &self.control,
            Lane::Data => &self.data,
        };
        let mut pending = Pending::Nothing;
        let mut failure = None;
        for (fd, multicast) in sockets.sockets() {
            let mut left = budget;
            while left > 0 {
                let received = match packet::receive(fd, &mut self.buffer) {
                    Ok(Some(received)) => received,
                    Ok(None) => break,
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                };
                let source = received.source;
                for bytes in received.datagrams(&mut self.buffer) {
                    left = left.saturating_sub(1);
                    if source != sockets.own {
                        let kept = bytes.len().min(DATAGRAM_BYTES);
                        let bytes = bytes.get_mut(..kept).unwrap_or_default();
                        each(Datagram { source, multicast, bytes });
                    }
                }
                if left == 0 {
                    pending = Pending::Perhaps;
                }
            }
        }
        failure.map_or(Ok(pending), Err)
    }

    /// Sends datagrams, in this order, with as few system calls as the system allows. Never
    /// blocks: where the kernel has no room they are lost, as they could be anywhere else on their
    /// way.
    ///
    /// # Errors
    /// What the system says about the last one that it refused; the others went.
    /// [`io::ErrorKind::Unsupported`] for the group of a cluster without one.
    pub fn send(&self, lane: Lane, to: Destination, datagrams: &[IoSlice<'_>]) -> io::Result<()> {
        let lane = self.lane(lane);
        let address = match (to, &lane.group) {
            (Destination::Node(address), _) => address,
            (Destination::Group, Some((group, _))) => *group,
            (Destination::Group, None) => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok(lane.packets.send(&lane.unicast, &address, datagrams)?)
    }

    fn lane(&self, lane: Lane) -> &LaneSockets {
        match lane {
            Lane::Control => &self.control,
            Lane::Data => &self.data,
        }
    }
}

impl LaneSockets {
    fn open(config: &UdpConfig, port: u16, warnings: &mut Vec<UdpError>) -> Result<Self, UdpError> {
        let own = SocketAddr::new(config.interface.address, port);
        let unicast = open_unicast(own, &config.interface, config.ttl)?;
        let group = config.group.map(|ip| {
            let group = SocketAddr::new(ip, port);
            let socket = open_group(group, &config.interface).map_err(|source| {
                let interface = config.interface.name.clone();
                warnings.push(UdpError::Group { group, interface, source });
            });
            (group, socket.ok())
        });
        Ok(Self { own, unicast, packets: Packets::default(), group })
    }

    /// Each socket, and whether it receives multicasts.
    fn sockets(&self) -> impl Iterator<Item = (&OwnedFd, bool)> {
        let group = self.group.as_ref().and_then(|(_, socket)| socket.as_ref());
        std::iter::once((&self.unicast, false)).chain(group.map(|fd| (fd, true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, UdpSocket};

    fn loopback(last: u8) -> UdpConfig {
        let address = Ipv4Addr::new(127, 0, 0, last).into();
        let lo = Interface {
            name: "lo".into(),
            index: 1,
            address,
            multicast: false,
            up: true,
            running: true,
        };
        UdpConfig { interface: lo, port: 0, group: None, ttl: 1 }
    }

    /// Port 0 lets the kernel choose; data then is port 0 as well, so read the real ones.
    fn open(last: u8) -> (UdpSockets, SocketAddr) {
        let (mut sockets, warnings) = UdpSockets::open(&loopback(last)).unwrap();
        assert!(warnings.is_empty());
        let name = rustix::net::getsockname(&sockets.control.unicast).unwrap();
        let own = SocketAddr::try_from(name).unwrap();
        sockets.control.own = own;
        (sockets, own)
    }

    #[test]
    fn what_is_sent_arrives_with_its_source() {
        let (mut a, a_address) = open(1);
        let (b, b_address) = open(2);
        b.send(Lane::Control, Destination::Node(a_address), &[IoSlice::new(b"beat")]).unwrap();
        let mut seen = Vec::new();
        let left = a
            .receive(Lane::Control, 8, |d| seen.push((d.source, d.multicast, d.bytes.to_vec())))
            .unwrap();
        assert_eq!(left, Pending::Nothing);
        assert_eq!(seen, [(b_address, false, b"beat".to_vec())]);
    }

    #[test]
    fn datagrams_keep_their_order_and_their_limits() {
        let (mut a, a_address) = open(1);
        let (b, b_address) = open(2);
        let sent: Vec<Vec<u8>> =
            [9, 9, 9, 4, 0, 9, 1400, 1400, 2047, 1400, 3].map(|size| vec![b'x'; size]).into();
        let slices: Vec<_> = sent.iter().map(|datagram| IoSlice::new(datagram)).collect();
        b.send(Lane::Control, Destination::Node(a_address), &slices).unwrap();
        let mut seen = Vec::new();
        let each = |d: Datagram<'_>| {
            assert_eq!(d.source, b_address);
            seen.push(d.bytes.to_vec());
        };
        assert_eq!(a.receive(Lane::Control, 64, each).unwrap(), Pending::Nothing);
        assert_eq!(seen, sent);
    }

    #[test]
    fn the_work_of_one_call_is_bounded() {
        let (mut a, a_address) = open(1);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..5 {
            sender.send_to(b"x", a_address).unwrap();
        }
        let mut count = 0;
        assert_eq!(a.receive(Lane::Control, 3, |_| count += 1).unwrap(), Pending::Perhaps);
        assert_eq!(count, 3);
        assert_eq!(a.receive(Lane::Control, 3, |_| count += 1).unwrap(), Pending::Nothing);
        assert_eq!(count, 5);
    }

    #[test]
    fn a_port_in_use_is_named() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = UdpSockets::open(&UdpConfig { port, ..loopback(1) }).unwrap_err();
        assert!(matches!(error, UdpError::PortInUse { .. }), "{error:?}");
        assert!(error.to_string().contains(&port.to_string()), "{error}");
    }

    #[test]
    fn a_group_of_another_family_is_refused() {
        let group = Some("ff05::1".parse().unwrap());
        let error = UdpSockets::open(&UdpConfig { group, ..loopback(1) }).unwrap_err();
        assert!(matches!(error, UdpError::Family { .. }), "{error:?}");
    }

    #[test]
    fn without_a_group_there_is_nobody_to_multicast_to() {
        let (a, _) = open(1);
        let error = a.send(Lane::Data, Destination::Group, &[IoSlice::new(b"x")]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }
}
