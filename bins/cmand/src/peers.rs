//! Resolves the names of the other nodes, in the background.
//!
//! Nobody waits for it: a peer that does not resolve is learnt from its own datagrams.

use crate::engine::{Action, Engine};
use cman_config::Config;
use cman_io::resolve::addresses_of;
use cman_types::NodeId;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    thread,
    time::Duration,
};

/// How long the name service may think about one name.
const NAME_LIMIT: Duration = Duration::from_secs(20);
/// The pause before names that did not resolve are tried again; it doubles up to the maximum.
const PAUSE_MIN: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_secs(600);
/// The name service of the C library needs room.
const STACK_BYTES: usize = 512 << 10;

/// Starts the thread. It ends when every name has resolved.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn resolve(config: &Config, me: NodeId, own: IpAddr, engine: Engine) -> io::Result<()> {
    let port = config.port;
    let mut unresolved: Vec<(NodeId, String)> = config
        .nodes
        .iter()
        .filter(|node| node.id != me)
        .map(|node| (node.id, node.name.clone()))
        .collect();
    thread::Builder::new().name("cman-peers".into()).stack_size(STACK_BYTES).spawn(move || {
        let mut pause = PAUSE_MIN;
        let mut warn = true;
        loop {
            unresolved.retain(|(node, name)| match address_of(name, own) {
                Ok(ip) => {
                    let address = SocketAddr::new(ip, port);
                    engine.tell(Action::Resolved { node: *node, address });
                    false
                }
                Err(why) => {
                    if warn {
                        tracing::warn!("{why}; node {node} will be known when it is heard");
                    }
                    true
                }
            });
            if unresolved.is_empty() {
                return;
            }
            warn = false;
            thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    })?;
    Ok(())
}

/// The first address of the own address's family: others cannot be reached from it.
fn address_of(name: &str, own: IpAddr) -> Result<IpAddr, String> {
    let all = addresses_of(name, NAME_LIMIT).map_err(|error| error.to_string())?;
    all.into_iter()
        .find(|ip| ip.is_ipv4() == own.is_ipv4() && !ip.is_loopback())
        .ok_or_else(|| format!("the name {name} has no address that can be reached from {own}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_must_be_of_our_family() {
        let own = "10.0.0.1".parse().unwrap();
        assert_eq!(address_of("10.0.0.2", own), Ok("10.0.0.2".parse().unwrap()));
        assert!(address_of("fd00::2", own).unwrap_err().contains("fd00::2"));
        assert!(address_of("127.0.0.1", own).is_err());
    }
}
