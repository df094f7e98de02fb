//! Frames to bytes and back.
//!
//! A frame in a datagram is its kind (u8), the length of its body (u16) and its body; so frames
//! of unknown kinds are skipped. A frame too long for a datagram travels in parts: see
//! [`crate::parts`].

use crate::{
    error::WireError,
    field::Field,
    frame::{
        Ack, Amend, Answer, Ask, Beat, Challenge, Commit, Data, Flush, Frame, Gone, Hears, Hello,
        Install, Kill, Leave, MemberBeat, Moved, Nack, Order, Probe, ProbeAck, Propose, PutOut,
        Recover, Recovered, Refuse, Relay, Who,
    },
    parts::{self, Part},
    reader::Reader,
};

/// The wire version that this module writes, and the highest that it reads.
pub const WIRE_VERSION: u8 = 1;

/// Bytes in front of a frame's body: kind and length.
pub(crate) const FRAME_HEAD: usize = 3;

/// Bytes of a datagram's room that a [`Data`] frame takes besides its payload.
pub const DATA_HEAD: usize = FRAME_HEAD + <Data as Field>::SIZE_MIN;

macro_rules! frames {
    ($($kind:literal = $frame:ident),+ $(,)?) => {
        /// The number that names the kind of a frame on the wire.
        #[must_use]
        pub const fn kind(frame: &Frame) -> u8 {
            match frame { $(Frame::$frame(_) => $kind),+ }
        }

        pub(crate) fn write_body(frame: &Frame, out: &mut Vec<u8>) {
            match frame { $(Frame::$frame(body) => body.write(out)),+ }
        }

        pub(crate) fn read_body(kind: u8, input: &mut Reader<'_>) -> Result<Frame, WireError> {
            match kind {
                $($kind => $frame::read(input).map(|body| Frame::$frame(body.into())),)+
                _ => Err(WireError::UnknownKind(kind)),
            }
        }
    };
}

frames! {
    1 = Beat,
    2 = MemberBeat,
    3 = Who,
    4 = Hears,
    5 = Relay,
    6 = Hello,
    7 = Probe,
    8 = ProbeAck,
    9 = Refuse,
    10 = Propose,
    11 = Flush,
    12 = Nack,
    13 = Commit,
    14 = Recover,
    15 = Recovered,
    16 = Install,
    17 = Moved,
    18 = Leave,
    19 = Gone,
    20 = Kill,
    21 = PutOut,
    22 = Challenge,
    23 = Answer,
    24 = Data,
    25 = Order,
    26 = Ask,
    27 = Ack,
    28 = Amend,
}

/// What an opened datagram consists of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Decoded<'a> {
    /// Whole frames, in order.
    pub frames: Vec<Frame>,
    /// Parts of longer ones, in order.
    pub parts: Vec<Part<'a>>,
}

/// The frames that strangers exchange before they agree on a wire version: every version can
/// read the beginning of their bodies as version 1 wrote them.
const fn is_greeting(kind: u8) -> bool {
    matches!(kind, 6..=9 | 22 | 23)
}

/// Appends one frame (kind, length, body) to `out`. The length is meaningless if the body does
/// not fit a datagram; [`crate::parts::Packer`] then cuts it.
pub fn encode(frame: &Frame, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[kind(frame), 0, 0]);
    write_body(frame, out);
    let length = u16::try_from(out.len() - start - FRAME_HEAD).unwrap_or(u16::MAX);
    if let Some(place) = out.get_mut(start + 1..start + FRAME_HEAD) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

/// What an opened datagram of wire version `wire_version` says. Frames of unknown kinds are left
/// out; of a version that is newer than ours only greetings are read.
///
/// # Errors
/// Something in it is malformed: all of it is refused then.
pub fn decode(wire_version: u8, bytes: &[u8]) -> Result<Decoded<'_>, WireError> {
    let newer = wire_version > WIRE_VERSION;
    let mut input = Reader::new(bytes);
    // Nearly all have one frame: room for more costs more than the frame.
    let mut decoded = Decoded { frames: Vec::with_capacity(1), parts: Vec::new() };
    while !input.rest().is_empty() {
        let kind = input.byte()?;
        let length = u16::read(&mut input)?;
        let body = input.take(usize::from(length))?;
        if newer && !is_greeting(kind) {
            continue;
        }
        if kind == parts::KIND {
            decoded.parts.push(Part::read(body)?);
            continue;
        }
        match decode_body(kind, body, newer) {
            Ok(frame) => decoded.frames.push(frame),
            Err(WireError::UnknownKind(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(decoded)
}

/// The frame that travelled in parts; `None` if its kind is unknown.
///
/// # Errors
/// The body is malformed.
pub fn decode_long(wire_version: u8, kind: u8, body: &[u8]) -> Result<Option<Frame>, WireError> {
    let newer = wire_version > WIRE_VERSION;
    if newer && !is_greeting(kind) {
        return Ok(None);
    }
    match decode_body(kind, body, newer) {
        Ok(frame) => Ok(Some(frame)),
        Err(WireError::UnknownKind(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The frame of this kind with this body; `longer`: bytes may follow that a newer version added.
fn decode_body(kind: u8, body: &[u8], longer: bool) -> Result<Frame, WireError> {
    let mut input = Reader::new(body);
    let frame = read_body(kind, &mut input)?;
    if !longer {
        input.finish()?;
    }
    Ok(frame)
}
