//! Pieces of messages inside a unit's payload.
//!
//! A payload is pieces one after another. A piece is a byte of flags (1: first of its message, 2:
//! last, 4: to be delivered safe), its length (seven bits a byte, low ones first, the top bit set
//! in all but the last byte, at most four bytes), and that many bytes of the message.

use bytes::Bytes;

const FIRST: u8 = 1;
const LAST: u8 = 2;
const SAFE: u8 = 4;

/// Most bytes in front of a piece.
pub(crate) const HEAD_MAX: usize = 1 + LENGTH_BYTES_MAX;
const LENGTH_BYTES_MAX: usize = 4;

/// What a piece says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Kind {
    pub(crate) first: bool,
    pub(crate) last: bool,
    pub(crate) safe: bool,
}

/// A part of a message, or all of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    pub(crate) kind: Kind,
    pub(crate) bytes: Bytes,
}

/// Bytes in front of a piece of `size` bytes.
pub(crate) const fn head_size(size: usize) -> usize {
    match size {
        0..0x80 => 2,
        0x80..0x4000 => 3,
        0x4000..0x20_0000 => 4,
        _ => HEAD_MAX,
    }
}

/// Appends a piece. `bytes` has less than 2^28 bytes, as no unit is that large.
pub(crate) fn write(kind: Kind, bytes: &[u8], out: &mut Vec<u8>) {
    let flag = |set, flag| if set { flag } else { 0 };
    out.push(flag(kind.first, FIRST) | flag(kind.last, LAST) | flag(kind.safe, SAFE));
    let mut rest = bytes.len();
    while rest >= 0x80 {
        out.push(low_bits(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_bits(rest));
    out.extend_from_slice(bytes);
}

fn low_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or(0)
}

/// The pieces of a payload, without copying. Ends at the first one that is malformed: all members
/// hold the same payload, and so end at the same. R-162.
#[derive(Clone, Debug)]
pub(crate) struct Pieces<'a> {
    payload: &'a Bytes,
    at: usize,
}

impl<'a> Pieces<'a> {
    pub(crate) const fn of(payload: &'a Bytes) -> Self {
        Self { payload, at: 0 }
    }

    /// What the next piece says about itself, and where in the payload its bytes are.
    fn head(&mut self) -> Option<(Kind, usize, usize)> {
        let rest = self.payload.get(self.at..)?;
        let (&flags, rest) = rest.split_first()?;
        let (size, head) = read_length(rest)?;
        let from = self.at + 1 + head;
        let to = from.checked_add(size).filter(|to| *to <= self.payload.len())?;
        if flags & !(FIRST | LAST | SAFE) != 0 {
            return None;
        }
        self.at = to;
        let has = |flag| flags & flag != 0;
        Some((Kind { first: has(FIRST), last: has(LAST), safe: has(SAFE) }, from, to))
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let (kind, from, to) = self.head()?;
        Some(Piece { kind, bytes: self.payload.slice(from..to) })
    }
}

/// Whether a message ends in this payload that is to be delivered safe.
pub(crate) fn completes_safe(payload: &Bytes) -> bool {
    let mut pieces = Pieces::of(payload);
    while let Some((kind, ..)) = pieces.head() {
        if kind.safe && kind.last {
            return true;
        }
    }
    false
}

/// A length, and how many bytes it takes.
fn read_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (at, &byte) in bytes.iter().take(LENGTH_BYTES_MAX).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((length, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Kind = Kind { first: true, last: true, safe: false };

    fn read(payload: Vec<u8>) -> Vec<(Kind, usize)> {
        let payload = Bytes::from(payload);
        Pieces::of(&payload).map(|piece| (piece.kind, piece.bytes.len())).collect()
    }

    ///
    #[test]
    fn what_is_written_is_read() {
        for size in [0, 1, 127, 128, 16_383, 16_384, (1 << 21) - 1, 1 << 21] {
            for flags in 0..8 {
                let kind =
                    Kind { first: flags & 1 != 0, last: flags & 2 != 0, safe: flags & 4 != 0 };
                let mut payload = Vec::new();
                write(kind, &vec![9; size], &mut payload);
                assert_eq!(payload.len(), size + head_size(size));
                write(WHOLE, b"next", &mut payload);
                assert_eq!(read(payload), [(kind, size), (WHOLE, 4)]);
            }
        }
    }

    /// what came before it is good.
    #[test]
    fn what_is_malformed_ends_the_unit() {
        let mut good = Vec::new();
        write(WHOLE, b"good", &mut good);
        let bad: [&[u8]; 6] =
            [&[3], &[8, 0], &[3, 5, 1, 2], &[3, 0x80], &[3, 0xff, 0xff, 0xff, 0xff, 0], &[3, 0xff]];
        for bad in bad {
            assert_eq!(read([&good, bad].concat()), [(WHOLE, 4)], "{bad:?}");
        }
    }

    #[test]
    fn only_the_end_of_a_safe_message_makes_a_unit_wait() {
        let mut payload = Vec::new();
        write(Kind { first: true, last: false, safe: true }, b"begins", &mut payload);
        assert!(!completes_safe(&payload.clone().into()));
        write(Kind { first: false, last: true, safe: true }, b"ends", &mut payload);
        assert!(completes_safe(&payload.into()));
    }
}
