//! What stands in clear at the front of every datagram.

use crate::{error::WireError, field::Field, reader::Reader};
use cman_types::{Incarnation, MemberId, NodeId, Salt};

/// The first bytes of every datagram.
pub const MAGIC: [u8; 4] = *b"CMAN";

/// The only version of the header there is.
pub const HEADER_VERSION: u8 = 1;

/// The header's size in bytes.
pub const HEADER_SIZE: usize = 4 + 5 + 8 + 4 + 8 + 16 + 4 + 8;

/// The bit of `flags` that says that what follows is encrypted.
const ENCRYPTED: u8 = 1;

/// The clear header. All of it is authenticated together with what follows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Header {
    /// The wire version of the frames.
    pub wire_version: u8,
    /// Whether the rest is encrypted, or carries a checksum only.
    pub encrypted: bool,
    /// 0 control, 1 data.
    pub lane: u8,
    /// Which of the cluster's keys was used.
    pub key_id: u8,
    /// [`name_hash`] of the cluster's name.
    pub cluster: u64,
    /// Which life of which node sent it.
    pub sender: MemberId,
    /// For which node alone it is meant; `None` for all. So what was said to one node cannot be
    /// passed off to another one that has not seen it yet.
    pub receiver: Option<NodeId>,
    /// Number of this datagram, growing per sender's life and lane: the nonce.
    pub counter: u64,
}

impl Header {
    /// Appends the header to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        let flags = if self.encrypted { ENCRYPTED } else { 0 };
        out.extend_from_slice(&[HEADER_VERSION, self.wire_version, flags, self.lane, self.key_id]);
        self.cluster.write(out);
        self.sender.write(out);
        self.receiver.map_or(0, NodeId::get).write(out);
        self.counter.write(out);
    }

    /// The header at the front of a datagram, and what follows it.
    ///
    /// Flags that this version does not know are ignored: what an old program must not ignore
    /// takes a new header version.
    ///
    /// # Errors
    /// It is no datagram of this protocol.
    pub fn parse(datagram: &[u8]) -> Result<(Self, &[u8]), WireError> {
        let mut input = Reader::new(datagram);
        if input.array().map_err(|_| WireError::NoMagic)? != MAGIC {
            return Err(WireError::NoMagic);
        }
        let [version, wire_version, flags, lane, key_id] = input.array()?;
        if version != HEADER_VERSION {
            return Err(WireError::HeaderVersion(version));
        }
        let cluster = u64::read(&mut input)?;
        let sender = MemberId {
            node: NodeId::read(&mut input)?,
            incarnation: Incarnation::read(&mut input)?,
            salt: Salt::read(&mut input)?,
        };
        let receiver = NodeId::new(u32::read(&mut input)?);
        let counter = u64::read(&mut input)?;
        let encrypted = flags & ENCRYPTED != 0;
        let header =
            Self { wire_version, encrypted, lane, key_id, cluster, sender, receiver, counter };
        Ok((header, input.rest()))
    }
}

/// The 64-bit hash that stands for the cluster's name in the header: FNV-1a. It only tells
/// clusters apart; it protects nothing.
#[must_use]
pub fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
