//! From a node's name to the address it is reached at.

use crate::interface::{Interface, interfaces};
use std::{
    io,
    net::{IpAddr, ToSocketAddrs},
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// How long the own name may take: a machine that boots may have no name service or no address
/// yet.
pub const OWN_NAME_TIMEOUT: Duration = Duration::from_secs(30);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The name service does not know the name or does not answer.
    #[error(
        "the name {name} does not resolve: {what}; add it to /etc/hosts on every node, or use an \
         address as the node's name"
    )]
    Unknown {
        /// The name.
        name: String,
        /// What the name service said.
        what: String,
    },
    /// All its addresses are this machine's loopback.
    #[error(
        "the name {name} means {address} here, a loopback address that no other node can reach; \
         give {name} its network address in /etc/hosts (Debian writes a 127.0.1.1 line there)"
    )]
    Loopback {
        /// The name.
        name: String,
        /// The first of its addresses.
        address: IpAddr,
    },
    /// None of its addresses is on an interface.
    #[error(
        "the name {name} means {}, but no interface of this machine that is up carries {}; \
         is this the right node name (--name), and is the network up?",
        list(.addresses), if .addresses.len() == 1 { "it" } else { "one of them" }
    )]
    NotHere {
        /// The name.
        name: String,
        /// All its addresses.
        addresses: Vec<IpAddr>,
    },
    /// The interfaces cannot be listed.
    #[error("cannot list this machine's interfaces: {0}")]
    Interfaces(#[from] io::Error),
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The interface that carries the address of the own node's name, tried again every second for
/// `timeout`. Where the name has several addresses, one of the family of `like` is preferred (the
/// multicast address), then the first. `progress` hears of each failed attempt.
///
/// # Errors
/// What is wrong after the last attempt; at once for a loopback address, which no waiting cures.
pub fn own_interface(
    name: &str,
    like: Option<IpAddr>,
    timeout: Duration,
    mut progress: impl FnMut(&ResolveError),
) -> Result<Interface, ResolveError> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let found = addresses_of(name, left.max(RETRY_AFTER))
            .and_then(|addresses| choose(name, &addresses, like, &interfaces()?));
        let error = match found {
            Ok(interface) => return Ok(interface),
            Err(error @ ResolveError::Loopback { .. }) => return Err(error),
            Err(error) => error,
        };
        if Instant::now() + RETRY_AFTER >= deadline {
            return Err(error);
        }
        progress(&error);
        thread::sleep(RETRY_AFTER);
    }
}

/// All addresses of a name, each once, in the order of the name service. Gives up after `timeout`;
/// the question then ends in the background.
///
/// # Errors
/// [`ResolveError::Unknown`].
pub fn addresses_of(name: &str, timeout: Duration) -> Result<Vec<IpAddr>, ResolveError> {
    if let Ok(address) = name.parse() {
        return Ok(vec![address]);
    }
    let unknown = |what: String| ResolveError::Unknown { name: name.to_owned(), what };
    let (sender, answer) = sync_channel(1);
    let question = name.to_owned();
    thread::Builder::new()
        .name("cman-resolve".into())
        .spawn(move || {
            let found = (question.as_str(), 0).to_socket_addrs();
            // Nobody listens any more after the timeout.
            let _late = sender.send(found.map(Iterator::collect::<Vec<_>>));
        })
        .map_err(|error| unknown(error.to_string()))?;
    let found = match answer.recv_timeout(timeout) {
        Ok(found) => found.map_err(|error| unknown(reason(&error)))?,
        Err(RecvTimeoutError::Timeout) => {
            return Err(unknown(format!("no answer within {} s", timeout.as_secs())));
        }
        Err(RecvTimeoutError::Disconnected) => return Err(unknown("no answer".to_owned())),
    };
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    if addresses.is_empty() {
        return Err(unknown("it has no address".to_owned()));
    }
    Ok(addresses)
}

/// What the name service said, without the words that only name the library call.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned()
}

fn choose(
    name: &str,
    addresses: &[IpAddr],
    like: Option<IpAddr>,
    interfaces: &[Interface],
) -> Result<Interface, ResolveError> {
    let mut usable: Vec<IpAddr> = addresses.iter().copied().filter(|a| !a.is_loopback()).collect();
    if let (true, Some(&address)) = (usable.is_empty(), addresses.first()) {
        return Err(ResolveError::Loopback { name: name.to_owned(), address });
    }
    if let Some(like) = like {
        usable.sort_by_key(|address| address.is_ipv4() != like.is_ipv4());
    }
    usable
        .iter()
        .find_map(|address| interfaces.iter().find(|i| i.up && i.address == *address))
        .cloned()
        .ok_or_else(|| ResolveError::NotHere { name: name.to_owned(), addresses: usable })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(address: &str) -> Interface {
        let address = address.parse().unwrap();
        Interface {
            name: "net0".into(),
            index: 2,
            address,
            multicast: true,
            up: true,
            running: true,
        }
    }

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_first_address_that_an_interface_carries_is_taken() {
        let here = [interface("10.0.0.1"), interface("fd00::1")];
        let all = addresses(&["127.0.1.1", "10.0.0.9", "fd00::1", "10.0.0.1"]);
        let chosen = choose("n1", &all, None, &here).unwrap();
        assert_eq!(chosen.address, all[2]);
        let group = Some("239.192.0.1".parse().unwrap());
        assert_eq!(choose("n1", &all, group, &here).unwrap().address, all[3]);
    }

    #[test]
    fn loopback_is_refused_with_the_way_out() {
        let all = addresses(&["127.0.1.1"]);
        let error = choose("n1", &all, None, &[interface("127.0.1.1")]).unwrap_err();
        assert!(error.to_string().contains("/etc/hosts"), "{error}");
        let error = own_interface("::1", None, Duration::ZERO, |_| ()).unwrap_err();
        assert!(matches!(error, ResolveError::Loopback { .. }), "{error:?}");
    }

    #[test]
    fn an_address_of_another_machine_is_not_ours() {
        let error = own_interface("192.0.2.9", None, Duration::ZERO, |_| ()).unwrap_err();
        assert!(error.to_string().contains("192.0.2.9"), "{error}");
        assert!(matches!(error, ResolveError::NotHere { .. }), "{error:?}");
    }

    #[test]
    fn an_interface_that_is_down_does_not_count() {
        let down = Interface { up: false, ..interface("10.0.0.1") };
        let error = choose("n1", &addresses(&["10.0.0.1"]), None, &[down]).unwrap_err();
        assert!(matches!(error, ResolveError::NotHere { .. }), "{error:?}");
    }

    #[test]
    fn an_unknown_name_is_an_error_with_the_name() {
        let error = addresses_of("no-such-node.invalid", Duration::from_secs(20)).unwrap_err();
        assert!(error.to_string().contains("no-such-node.invalid"), "{error}");
    }
}
