//! The addresses of the nodes of a lab, and who knows whose.
//!
//! Linux keeps one table of neighbours for all network namespaces together, and drops packets
//! while it is full (`net.ipv4.neigh.default.gc_thresh3`, 1024 unless somebody changed it). Some
//! labs side by side would fill it. So each node knows the others from the start, by entries that
//! are permanent: these are not counted, never expire and are never asked for again.

use std::fmt::Write;

/// The IPv4 address of a node.
pub(crate) fn ipv4(node: usize) -> String {
    format!("10.77.0.{node}")
}

/// The IPv6 address of a node.
fn ipv6(node: usize) -> String {
    format!("fd77::{node:x}")
}

/// The hardware address of a node: one that is administered locally.
pub(crate) fn hardware(node: usize) -> String {
    format!("02:77:00:00:00:{node:02x}")
}

/// What `ip -batch` is to do in the namespace of a node of a lab of `nodes`.
pub(crate) fn script(node: usize, nodes: usize) -> String {
    let (own4, own6) = (ipv4(node), ipv6(node));
    let mut script = format!(
        "link set lo up\naddr add {own4}/24 dev eth0\naddr add {own6}/64 dev eth0 nodad\n\
         link set eth0 up\n"
    );
    for other in (1..=nodes).filter(|other| *other != node) {
        let hardware = hardware(other);
        for address in [ipv4(other), ipv6(other)] {
            // Writing to a string cannot fail.
            _ = writeln!(script, "neigh add {address} lladdr {hardware} nud permanent dev eth0");
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_all_others_and_not_itself() {
        let script = script(2, 250);
        assert_eq!(script.lines().filter(|line| line.starts_with("neigh")).count(), 2 * 249);
        assert!(script.contains("neigh add 10.77.0.250 lladdr 02:77:00:00:00:fa nud permanent"));
        assert!(script.contains("neigh add fd77::fa lladdr 02:77:00:00:00:fa nud permanent"));
        assert!(!script.contains("neigh add fd77::2 "));
    }
}
