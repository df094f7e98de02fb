//! Bytes to messages and back.

use crate::{
    group::{self, GROUP_BODY_MAX, GroupEvent, NameCache},
    hello::VERSIONS,
    kind,
    message::Message,
    request::Request,
};
use bytes::{Bytes, BytesMut};

/// Longest body, in bytes, but for messages to groups, which have [`GROUP_BODY_MAX`].
pub const BODY_MAX: usize = 1 << 20;
/// Length of the header before each body, in bytes.
pub const HEADER_LEN: usize = 8;

/// Why a message could not be written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// It would be longer than any reader accepts.
    #[error(
        "message of kind {kind:#06x} has a body of {len} bytes, more than {}",
        body_max(*.kind)
    )]
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
    #[error("message of kind {kind:#06x} announces {len} bytes, more than {}", body_max(*.kind))]
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

/// Longest body of a message of this kind, in bytes.
const fn body_max(kind: u16) -> usize {
    match kind {
        kind::GROUP_SEND | kind::EVENT_GROUP_MESSAGE => GROUP_BODY_MAX,
        _ => BODY_MAX,
    }
}

/// The bytes of a message.
///
/// # Errors
/// When its body is longer than its kind may have.
pub fn encode(message: &Message) -> Result<Vec<u8>, EncodeError> {
    match message {
        Message::Group(GroupEvent::Message(message)) => {
            let mut frame = Vec::with_capacity(group::HEAD_MAX + message.payload.len());
            group::put_message_head(message, &mut frame);
            with_payload(kind::EVENT_GROUP_MESSAGE, frame, &message.payload)
        }
        Message::Request(Request::GroupSend { group, payload, safe }) => {
            let mut frame = Vec::with_capacity(group::HEAD_MAX + payload.len());
            group::put_send_head(group, payload.len(), *safe, &mut frame);
            with_payload(kind::GROUP_SEND, frame, payload)
        }
        message => encode_cold(message),
    }
}

fn with_payload(kind: u16, mut frame: Vec<u8>, payload: &[u8]) -> Result<Vec<u8>, EncodeError> {
    frame.extend_from_slice(payload);
    let len = frame.len().saturating_sub(HEADER_LEN);
    if len > GROUP_BODY_MAX { Err(EncodeError::TooLong { kind, len }) } else { Ok(frame) }
}

fn encode_cold(message: &Message) -> Result<Vec<u8>, EncodeError> {
    let kind = message.kind();
    let mut frame = message
        .write_body(vec![0; HEADER_LEN])
        .map_err(|source| EncodeError::Body { kind, source })?;
    let len = frame.len().saturating_sub(HEADER_LEN);
    let Some(wire_len) = u32::try_from(len).ok().filter(|_| len <= BODY_MAX) else {
        return Err(EncodeError::TooLong { kind, len });
    };
    if let Some(place) = frame.first_chunk_mut() {
        *place = Header::new(wire_len, kind).to_bytes();
    }
    Ok(frame)
}

/// Makes messages of the bytes of a stream, however they are cut.
///
/// Call [`feed`](Self::feed) with what arrived, or read it straight into
/// [`buffer`](Self::buffer), then call [`next_message`](Self::next_message) until it yields
/// `None`. It never holds more than one frame and what was fed last. The payloads of messages to
/// groups are not copied: they keep the piece of the buffer alive that they stand in.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    bytes: BytesMut,
    names: NameCache,
}

impl Decoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes in the order in which they arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Where bytes can be read to, behind what is there; with room for at least `room` more.
    pub fn buffer(&mut self, room: usize) -> &mut BytesMut {
        if self.bytes.capacity().saturating_sub(self.bytes.len()) < room {
            // Room for a few reads, so that the rest is not moved each time.
            self.bytes.reserve(room.saturating_mul(4));
        }
        &mut self.bytes
    }

    /// The next whole message, or `None` until more bytes are fed.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`] again and again; the others once, and then goes on behind the
    /// message.
    pub fn next_message(&mut self) -> Result<Option<Message>, DecodeError> {
        let Some(header) = self.bytes.first_chunk() else { return Ok(None) };
        let Header { len, kind, version } = Header::from_bytes(*header);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > body_max(kind) {
            return Err(DecodeError::TooLong { kind, len });
        }
        let end = HEADER_LEN.saturating_add(len);
        if self.bytes.len() < end {
            return Ok(None);
        }
        let body = self.bytes.split_to(end).freeze().split_off(HEADER_LEN);
        decode_body(kind, version, body, &mut self.names).map(Some)
    }

    /// How many bytes the next message wants yet, as far as that is known: first those of its
    /// header, then those of its body. Zero when [`next_message`](Self::next_message) has something
    /// to say. Whoever feeds no more than this holds nothing of the message after.
    #[must_use]
    pub fn missing(&self) -> usize {
        let Some(header) = self.bytes.first_chunk() else {
            return HEADER_LEN.saturating_sub(self.bytes.len());
        };
        let Header { len, kind, .. } = Header::from_bytes(*header);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > body_max(kind) {
            return 0;
        }
        HEADER_LEN.saturating_add(len).saturating_sub(self.bytes.len())
    }

    /// Whether a message has begun and not ended: at the end of a stream, whether it was cut off.
    #[must_use]
    pub fn is_inside_message(&self) -> bool {
        !self.bytes.is_empty()
    }
}

fn decode_body(
    kind: u16,
    version: u16,
    body: Bytes,
    names: &mut NameCache,
) -> Result<Message, DecodeError> {
    // The greetings have the same layout in all versions: they are how a version is agreed.
    let is_greeting = kind & !kind::REPLY == kind::HELLO;
    if !is_greeting && !VERSIONS.contains(&version) {
        return Err(DecodeError::Version { kind, version });
    }
    Message::read_body(kind, body, names).map_err(|source| DecodeError::Body { kind, source })
}

/// What stands before each body.
pub(crate) struct Header {
    len: u32,
    kind: u16,
    version: u16,
}

impl Header {
    pub(crate) const fn new(len: u32, kind: u16) -> Self {
        Self { len, kind, version: *VERSIONS.end() }
    }

    pub(crate) fn to_bytes(&self) -> [u8; HEADER_LEN] {
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
