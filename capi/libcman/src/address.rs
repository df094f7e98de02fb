//! Addresses as the system writes them.

use crate::layouts::{ADDRESS_ROOM, NodeAddress};
use std::{ffi::c_int, net::IpAddr};

/// Room for any address of the system, `struct sockaddr_storage`, in bytes.
pub(crate) const STORAGE: usize = 128;

/// Length of `struct sockaddr_in`, in bytes.
const V4_LEN: c_int = 16;
/// Length of `struct sockaddr_in6`, in bytes.
const V6_LEN: c_int = 28;

/// No address at all.
pub(crate) const NONE: NodeAddress = NodeAddress { addrlen: 0, address: [0; ADDRESS_ROOM] };

/// An address without a port: family, port, for IPv6 the flow, and the address.
pub(crate) fn written(ip: IpAddr) -> NodeAddress {
    let mut address = [0; ADDRESS_ROOM];
    let (addrlen, family, at, octets) = match ip {
        IpAddr::V4(ip) => (V4_LEN, libc::AF_INET, 4, ip.octets().to_vec()),
        IpAddr::V6(ip) => (V6_LEN, libc::AF_INET6, 8, ip.octets().to_vec()),
    };
    let family = u16::try_from(family).unwrap_or_default().to_ne_bytes();
    for (place, byte) in address.iter_mut().zip(family) {
        *place = byte;
    }
    for (place, byte) in address.iter_mut().skip(at).zip(octets) {
        *place = byte;
    }
    NodeAddress { addrlen, address }
}

/// The same with as much room as the system gives an address.
pub(crate) fn stored(ip: IpAddr) -> [u8; STORAGE] {
    let mut storage = [0; STORAGE];
    for (place, byte) in storage.iter_mut().zip(written(ip).address) {
        *place = byte;
    }
    storage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_what_the_system_makes_of_them() {
        let v4 = written("10.77.0.1".parse().unwrap());
        assert_eq!(v4.addrlen, 16);
        assert_eq!(v4.address[..2], 2_u16.to_ne_bytes());
        assert_eq!(v4.address[2..8], [0, 0, 10, 77, 0, 1]);
        assert_eq!(v4.address[8..], [0; 20]);
        let v6 = written("fe80::1".parse().unwrap());
        assert_eq!(v6.addrlen, 28);
        assert_eq!(v6.address[..2], 10_u16.to_ne_bytes());
        assert_eq!(v6.address[2..10], [0, 0, 0, 0, 0, 0, 0xfe, 0x80]);
        assert_eq!((v6.address[23], &v6.address[24..]), (1, &[0; 4][..]));
    }
}
