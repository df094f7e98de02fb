//! Which interface carries which address.

use std::{
    ffi::CStr,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ptr,
};

/// One address of one interface of this machine (or network namespace).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, as `ip link` shows it.
    pub name: String,
    /// Its number, which the kernel never gives twice at a time.
    pub index: u32,
    /// One of its addresses.
    pub address: IpAddr,
    /// Whether the interface passes multicasts (flag `MULTICAST`).
    pub multicast: bool,
    /// Whether the interface is up.
    pub up: bool,
    /// Whether it is up and has a carrier (flag `RUNNING`).
    pub running: bool,
}

/// Every address of every interface.
///
/// # Errors
/// When the system does not tell.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut head: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: needed because no safe wrapper exists. The call writes one pointer to a list that
    // `List` gives back.
    let result = unsafe { libc::getifaddrs(&raw mut head) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let list = List(head);
    let mut found = Vec::new();
    let mut next = list.0;
    while !next.is_null() {
        // SAFETY: not null, and an element of the list that `list` keeps alive.
        let entry = unsafe { &*next };
        found.extend(read_entry(entry));
        next = entry.ifa_next;
    }
    Ok(found)
}

/// The interface that carries `address`; `None` if no interface does.
///
/// # Errors
/// When the system does not tell.
pub fn interface_of(address: IpAddr) -> io::Result<Option<Interface>> {
    Ok(interfaces()?.into_iter().find(|interface| interface.address == address))
}

/// Owns the list that getifaddrs(3) made.
struct List(*mut libc::ifaddrs);

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: made by getifaddrs, and freed only here.
        unsafe { libc::freeifaddrs(self.0) };
    }
}

/// An entry with an IPv4 or IPv6 address; other families are of no use to us.
fn read_entry(entry: &libc::ifaddrs) -> Option<Interface> {
    let address = read_address(entry.ifa_addr)?;
    // SAFETY: the kernel's list names every entry with a string that ends in zero.
    let name = unsafe { CStr::from_ptr(entry.ifa_name) };
    // SAFETY: as above; the call only reads the name.
    let index = unsafe { libc::if_nametoindex(entry.ifa_name) };
    let has = |flag: libc::c_int| u32::try_from(flag).is_ok_and(|f| entry.ifa_flags & f != 0);
    Some(Interface {
        name: name.to_string_lossy().into_owned(),
        index,
        address,
        multicast: has(libc::IFF_MULTICAST),
        up: has(libc::IFF_UP),
        running: has(libc::IFF_RUNNING),
    })
}

fn read_address(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: not null, and every socket address begins with its family.
    let family = unsafe { (*address).sa_family };
    match libc::c_int::from(family) {
        libc::AF_INET => {
            // SAFETY: the family says that this is an IPv4 socket address; read unaligned since
            // nothing promises the alignment.
            let v4 = unsafe { ptr::read_unaligned(address.cast::<libc::sockaddr_in>()) };
            Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that this is an IPv6 socket address; read unaligned since
            // nothing promises the alignment.
            let v6 = unsafe { ptr::read_unaligned(address.cast::<libc::sockaddr_in6>()) };
            Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_found_by_its_address() {
        let Some(lo) = interface_of(Ipv4Addr::LOCALHOST.into()).unwrap() else {
            return; // A namespace whose loopback is down.
        };
        assert_eq!(lo.name, "lo");
        assert_ne!(lo.index, 0);
    }

    #[test]
    fn a_foreign_address_is_on_no_interface() {
        assert_eq!(interface_of(Ipv4Addr::new(192, 0, 2, 77).into()).unwrap(), None);
    }
}
