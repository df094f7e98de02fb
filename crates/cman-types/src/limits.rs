//! The numbers nothing may exceed.

/// Largest UDP payload that we send, in bytes: 1500 less the headers of IPv6 and UDP, with room
/// for a tunnel. No datagram is ever larger than the path carries unfragmented.
pub const DATAGRAM_MAX: usize = 1400;

/// Most nodes one configuration may name.
pub const NODES_MAX: usize = 4096;
