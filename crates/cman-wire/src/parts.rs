//! Frames that are too long for a datagram travel in parts; short ones share datagrams.

use crate::{
    codec::{self, FRAME_HEAD},
    error::WireError,
    field::Field,
    frame::Frame,
    reader::Reader,
};
use std::collections::{BTreeMap, btree_map::Entry};

/// The kind of a part, among the kinds of frames.
pub(crate) const KIND: u8 = 64;

/// Largest body of a frame, in bytes: what a member tells of a full repair buffer, and how one view
/// ends, with room to spare.
pub const MESSAGE_MAX: usize = 2 * 1024 * 1024;

/// Frames of one sender that may be incomplete at a time.
pub const PARTIAL_MAX: usize = 4;

/// Parts of other frames that may pass before an incomplete frame is given up.
pub const PATIENCE: u32 = 2048;

/// Least bytes of a frame in each of its parts except the last: bounds their number.
const SLICE_MIN: usize = 256;

/// Bytes of a part besides those of the frame: message, index, count, kind.
const PART_HEAD: usize = 4 + 2 + 2 + 1;

/// A slice of the body of a long frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part<'a> {
    /// Which long frame of this sender and lane.
    pub message: u32,
    /// Which slice of it, from 0.
    pub index: u16,
    /// How many slices it has.
    pub count: u16,
    /// The kind of the frame.
    pub kind: u8,
    /// The slice.
    pub bytes: &'a [u8],
}

impl<'a> Part<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(body);
        let (message, index, count) =
            (u32::read(&mut input)?, u16::read(&mut input)?, u16::read(&mut input)?);
        let kind = input.byte()?;
        let bytes = input.rest();
        if index >= count || usize::from(count) > MESSAGE_MAX / SLICE_MIN {
            return Err(WireError::Value("a part's index or count"));
        }
        if bytes.len() < SLICE_MIN && index + 1 < count {
            return Err(WireError::Value("a part's size"));
        }
        Ok(Self { message, index, count, kind, bytes })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(KIND);
        u16::try_from(PART_HEAD + self.bytes.len()).unwrap_or(u16::MAX).write(out);
        self.message.write(out);
        self.index.write(out);
        self.count.write(out);
        self.kind.write(out);
        out.extend_from_slice(self.bytes);
    }
}

/// Puts frames into as few datagrams as their order allows.
#[derive(Debug)]
pub struct Packer {
    /// What one datagram carries, in bytes.
    room: usize,
    /// Number of the next frame that must be cut.
    message: u32,
    /// Frames of the datagram under way.
    datagram: Vec<u8>,
}

impl Packer {
    /// For datagrams that carry at most `room` bytes of frames, at least 512.
    #[must_use]
    pub fn new(room: usize) -> Self {
        let room = room.max(SLICE_MIN * 2);
        Self { room, message: 0, datagram: Vec::with_capacity(2 * room) }
    }

    /// Calls `send` with the content of each datagram, frames in the order given. Returns how
    /// many frames had to be left out because they are longer than [`MESSAGE_MAX`].
    pub fn pack(&mut self, frames: &[Frame], mut send: impl FnMut(&[u8])) -> usize {
        let mut left_out = 0;
        self.datagram.clear();
        for frame in frames {
            let start = self.datagram.len();
            codec::encode(frame, &mut self.datagram);
            if self.datagram.len() <= self.room {
                continue;
            }
            let (before, encoded) = self.datagram.split_at(start);
            if !before.is_empty() {
                send(before);
            }
            if encoded.len() <= self.room {
                self.datagram.drain(..start);
                continue;
            }
            let body = encoded.get(FRAME_HEAD..).unwrap_or_default();
            if body.len() <= MESSAGE_MAX {
                cut(self.message, codec::kind(frame), body, self.room, &mut send);
                self.message = self.message.wrapping_add(1);
            } else {
                left_out += 1;
            }
            self.datagram.clear();
        }
        if !self.datagram.is_empty() {
            send(&self.datagram);
        }
        left_out
    }
}

/// Sends `body` in parts that each fill a datagram.
fn cut(message: u32, kind: u8, body: &[u8], room: usize, send: &mut impl FnMut(&[u8])) {
    let slice = room - FRAME_HEAD - PART_HEAD;
    let count = u16::try_from(body.len().div_ceil(slice)).unwrap_or(u16::MAX);
    let mut datagram = Vec::with_capacity(room);
    for (index, bytes) in (0..count).zip(body.chunks(slice)) {
        datagram.clear();
        Part { message, index, count, kind, bytes }.write(&mut datagram);
        send(&datagram);
    }
}

/// One long frame of which parts are still missing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Partial {
    message: u32,
    count: u16,
    kind: u8,
    size: usize,
    /// Value of [`Assembly::parts_seen`] when its last part came.
    touched: u32,
    parts: BTreeMap<u16, Vec<u8>>,
}

impl Partial {
    fn into_body(self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.size);
        for slice in self.parts.into_values() {
            body.extend_from_slice(&slice);
        }
        body
    }
}

/// The long frames of one sender on one lane that are under way to this node.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Assembly {
    /// Touched longest ago first.
    partial: Vec<Partial>,
    parts_seen: u32,
}

impl Assembly {
    /// Takes a part; the kind and body of the frame if that completed it.
    ///
    /// Holds at most [`PARTIAL_MAX`] frames and [`MESSAGE_MAX`] bytes; what was touched longest
    /// ago goes first.
    ///
    /// # Errors
    /// The part contradicts another one of the same frame, which is then given up.
    pub fn add(&mut self, part: &Part<'_>) -> Result<Option<(u8, Vec<u8>)>, WireError> {
        self.parts_seen = self.parts_seen.wrapping_add(1);
        let seen = self.parts_seen;
        self.partial.retain(|partial| seen.wrapping_sub(partial.touched) <= PATIENCE);
        let mut partial = self.take_or_begin(part);
        if partial.count != part.count || partial.kind != part.kind {
            return Err(WireError::Value("a part's count or kind"));
        }
        partial.touched = seen;
        if let Entry::Vacant(place) = partial.parts.entry(part.index) {
            place.insert(part.bytes.to_vec());
            partial.size += part.bytes.len();
        }
        if partial.size > MESSAGE_MAX {
            return Err(WireError::TooMany("bytes in the parts of a frame"));
        }
        if partial.parts.len() == usize::from(partial.count) {
            return Ok(Some((partial.kind, partial.into_body())));
        }
        self.make_room(partial.size);
        self.partial.push(partial);
        Ok(None)
    }

    /// The frame of this part, out of the list.
    fn take_or_begin(&mut self, part: &Part<'_>) -> Partial {
        let at = self.partial.iter().position(|partial| partial.message == part.message);
        at.map(|at| self.partial.remove(at)).unwrap_or_else(|| Partial {
            message: part.message,
            count: part.count,
            kind: part.kind,
            size: 0,
            touched: self.parts_seen,
            parts: BTreeMap::new(),
        })
    }

    /// Gives up frames until there is room for one more of this size.
    fn make_room(&mut self, more: usize) {
        while !self.partial.is_empty()
            && (self.partial.len() >= PARTIAL_MAX || self.size() + more > MESSAGE_MAX)
        {
            self.partial.remove(0);
        }
    }

    /// How many frames and bytes of them are held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> (usize, usize) {
        (self.partial.len(), self.size())
    }

    fn size(&self) -> usize {
        self.partial.iter().map(|partial| partial.size).sum()
    }
}
