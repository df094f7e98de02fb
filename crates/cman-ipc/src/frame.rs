//! Bytes to messages and back.

use crate::{hello::VERSIONS, kind, message::Message};

/// Longest body, in bytes.
pub const BODY_MAX: usize = 1 << 20;
/// Length of the header before each body, in bytes.
pub const HEADER_LEN: usize = 8;

/// Why a message could not be written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// It would be longer than any reader accepts.
    #[error("message of kind {kind:#06x} has a body of {len} bytes, more than {BODY_MAX}")]
    TooLong {
        /// Its kind.
        kind: u16,
        /// The length of its body.
        len: usize,
    },
    /// The serializer refused it.
    #[error("message of kind {kind:#06x} cannot be written: {source}")]
    Body {
        /// Its kind.
        kind: u16,
        /// What the serializer says.
        source: postcard::Error,
    },
}

/// Why bytes are no message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The body of one message makes no sense. The next one can still be read.
    #[error("body of a message of kind {kind:#06x}: {source}")]
    Body {
        /// Its kind.
        kind: u16,
        /// What the deserializer says.
        source: postcard::Error,
    },
    /// The header announces more than anybody sends. Nothing after it can be read.
    #[error("message of kind {kind:#06x} announces {len} bytes, more than {BODY_MAX}")]
    TooLong {
        /// Its kind.
        kind: u16,
        /// The announced length.
        len: usize,
    },
    /// The body has a protocol version that was not agreed. The next one can still be read.
    #[error("message of kind {kind:#06x} has protocol version {version}, not {VERSIONS:?}")]
    Version {
        /// Its kind.
        kind: u16,
        /// Its version.
        version: u16,
    },
}

/// The bytes of a message.
///
/// # Errors
/// When its body is longer than [`BODY_MAX`].
pub fn encode(message: &Message) -> Result<Vec<u8>, EncodeError> {
    let kind = message.kind();
    let mut frame = message
        .write_body(vec![0; HEADER_LEN])
        .map_err(|source| EncodeError::Body { kind, source })?;
    let len = frame.len().saturating_sub(HEADER_LEN);
    let Some(wire_len) = u32::try_from(len).ok().filter(|_| len <= BODY_MAX) else {
        return Err(EncodeError::TooLong { kind, len });
    };
    let header = Header { len: wire_len, kind, version: *VERSIONS.end() };
    if let Some(place) = frame.first_chunk_mut() {
        *place = header.to_bytes();
    }
    Ok(frame)
}

/// Makes messages of the bytes of a stream, however they are cut.
///
/// Call [`feed`](Self::feed) with what arrived, then [`next_message`](Self::next_message) until it
/// yields `None`. It never holds more than one frame of [`BODY_MAX`] and what was fed last.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// Bytes at the front that were already read.
    read: usize,
}

impl Decoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), read: 0 }
    }

    /// Takes bytes in the order in which they arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, or `None` until more bytes are fed.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`] again and again; the others once, and then goes on behind the
    /// message.
    pub fn next_message(&mut self) -> Result<Option<Message>, DecodeError> {
        let unread = self.bytes.get(self.read..).unwrap_or_default();
        let Some((header, rest)) = unread.split_first_chunk() else { return Ok(None) };
        let Header { len, kind, version } = Header::from_bytes(*header);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > BODY_MAX {
            return Err(DecodeError::TooLong { kind, len });
        }
        let Some(body) = rest.get(..len) else { return Ok(None) };
        let message = decode_body(kind, version, body);
        self.read = self.read.saturating_add(HEADER_LEN).saturating_add(len);
        message.map(Some)
    }

    /// Whether a message has begun and not ended: at the end of a stream, whether it was cut off.
    #[must_use]
    pub const fn is_inside_message(&self) -> bool {
        self.read < self.bytes.len()
    }
}

fn decode_body(kind: u16, version: u16, body: &[u8]) -> Result<Message, DecodeError> {
    // The greetings have the same layout in all versions: they are how a version is agreed.
    let is_greeting = kind & !kind::REPLY == kind::HELLO;
    if !is_greeting && !VERSIONS.contains(&version) {
        return Err(DecodeError::Version { kind, version });
    }
    Message::read_body(kind, body).map_err(|source| DecodeError::Body { kind, source })
}

/// What stands before each body.
struct Header {
    len: u32,
    kind: u16,
    version: u16,
}

impl Header {
    fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let [a, b, c, d] = self.len.to_le_bytes();
        let [e, f] = self.kind.to_le_bytes();
        let [g, h] = self.version.to_le_bytes();
        [a, b, c, d, e, f, g, h]
    }

    const fn from_bytes([a, b, c, d, e, f, g, h]: [u8; HEADER_LEN]) -> Self {
        Self {
            len: u32::from_le_bytes([a, b, c, d]),
            kind: u16::from_le_bytes([e, f]),
            version: u16::from_le_bytes([g, h]),
        }
    }
}
