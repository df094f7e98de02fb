//! Counters, packing and sealing of what this node says.

use cman_crypto::{Cipher, SEAL_MAX, Seal};
use cman_types::{MemberId, NodeId, limits::DATAGRAM_MAX};
use cman_wire::{Frame, HEADER_SIZE, Header, Packer, WIRE_VERSION};

/// What one datagram carries of frames, in bytes.
pub(crate) const ROOM: usize = DATAGRAM_MAX - HEADER_SIZE - SEAL_MAX;

/// One lane out of this node.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The header of the last datagram; its counter is the nonce and never used twice.
    header: Header,
    /// The header's bytes, kept to save their allocation.
    clear: Vec<u8>,
    seal: Box<dyn Seal>,
    packer: Packer,
}

impl Outgoing {
    pub(super) fn new(me: MemberId, cluster: u64, lane: u8, cipher: &dyn Cipher) -> Self {
        let header = Header {
            wire_version: WIRE_VERSION,
            encrypted: cipher.is_encrypted(),
            lane,
            key_id: cipher.key_id(),
            cluster,
            sender: me,
            receiver: None,
            counter: 0,
        };
        Self {
            header,
            clear: Vec::with_capacity(HEADER_SIZE),
            seal: cipher.derive(&me, lane),
            packer: Packer::new(ROOM),
        }
    }

    ///
    pub(super) const fn set_wire_version(&mut self, version: u8) {
        self.header.wire_version = version;
    }

    /// Calls `send` with each sealed datagram.
    pub(super) fn seal(
        &mut self,
        receiver: Option<NodeId>,
        frames: &[Frame],
        mut send: impl FnMut(Vec<u8>),
    ) {
        let Self { header, clear, seal, packer } = self;
        header.receiver = receiver;
        let left_out = packer.pack(frames, |plain| {
            send(seal_one(header, clear, seal.as_ref(), plain));
        });
        if left_out > 0 {
            tracing::error!(left_out, "frames were too long to send: please report this");
        }
    }

    /// Seals what need not be frames.
    #[cfg(test)]
    pub(super) fn seal_raw(&mut self, plain: &[u8]) -> Vec<u8> {
        seal_one(&mut self.header, &mut self.clear, self.seal.as_ref(), plain)
    }
}

/// The next datagram of this lane, carrying `plain`.
fn seal_one(header: &mut Header, clear: &mut Vec<u8>, seal: &dyn Seal, plain: &[u8]) -> Vec<u8> {
    header.counter += 1;
    clear.clear();
    header.write(clear);
    let mut bytes = Vec::with_capacity(HEADER_SIZE + plain.len() + SEAL_MAX);
    bytes.extend_from_slice(clear);
    seal.seal(header.counter, clear, plain, &mut bytes);
    bytes
}
