//! Units back to messages.

use crate::{
    limits::{MESSAGE_BYTES_MAX, ROOM_MIN},
    piece::{Piece, Pieces},
};
use bytes::{Bytes, BytesMut};

/// Pieces that a message has at most: units of the least room are filled but for their heads.
const PIECES_MAX: usize = 2 * MESSAGE_BYTES_MAX / ROOM_MIN;

/// A message as it was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Whole {
    pub(crate) payload: Bytes,
    pub(crate) safe: bool,
}

/// The begun message of each sender, if any. Lost with the view: its sender sends it again. R-42m.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Reassembly {
    partial: Vec<Option<Partial>>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Partial {
    pieces: Vec<Bytes>,
    size: usize,
}

impl Reassembly {
    pub(crate) fn new(members: usize) -> Self {
        Self { partial: vec![None; members] }
    }

    /// Takes the units of a sender one after another; gives what they complete to `done`. A small
    /// message is a part of the unit; a large one is copied once.
    pub(crate) fn take(&mut self, sender: u16, unit: &Bytes, mut done: impl FnMut(Whole)) {
        let Some(partial) = self.partial.get_mut(usize::from(sender)) else { return };
        for Piece { kind, bytes } in Pieces::of(unit) {
            if kind.first {
                *partial = None;
                if kind.last {
                    done(Whole { payload: bytes, safe: kind.safe });
                    continue;
                }
                *partial = Some(Partial::default());
            }
            // Without a beginning, or too long: nothing that an honest member sends.
            let Some(begun) = partial else { continue };
            if !begun.add(bytes) {
                *partial = None;
            } else if kind.last {
                done(Whole { payload: begun.join(), safe: kind.safe });
                *partial = None;
            }
        }
    }
}

impl Partial {
    /// Whether it is still of a size that a message may have.
    fn add(&mut self, piece: Bytes) -> bool {
        self.size += piece.len();
        self.pieces.push(piece);
        self.size <= MESSAGE_BYTES_MAX && self.pieces.len() <= PIECES_MAX
    }

    fn join(&self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.size);
        for piece in &self.pieces {
            whole.extend_from_slice(piece);
        }
        whole.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::piece::{self, Kind};

    fn unit(pieces: &[(bool, bool, &[u8])]) -> Bytes {
        let mut out = Vec::new();
        for &(first, last, bytes) in pieces {
            piece::write(Kind { first, last, safe: false }, bytes, &mut out);
        }
        out.into()
    }

    fn taken(units: &[(u16, Bytes)]) -> Vec<Bytes> {
        let mut reassembly = Reassembly::new(2);
        let mut got = Vec::new();
        for (sender, unit) in units {
            reassembly.take(*sender, unit, |whole| got.push(whole.payload));
        }
        got
    }

    #[test]
    fn senders_do_not_mix() {
        let got = taken(&[
            (0, unit(&[(true, false, b"a")])),
            (1, unit(&[(true, false, b"x")])),
            (0, unit(&[(false, true, b"b")])),
            (1, unit(&[(false, true, b"y")])),
        ]);
        assert_eq!(got, ["ab", "xy"]);
    }

    /// a piece that goes on without a beginning is skipped.
    #[test]
    fn what_makes_no_sense_is_dropped() {
        let got = taken(&[
            (7, unit(&[(true, true, b"nobody")])),
            (0, unit(&[(false, true, b"no beginning")])),
            (0, unit(&[(true, false, b"no end"), (true, true, b"good")])),
            (0, unit(&[(false, true, b"nor this")])),
        ]);
        assert_eq!(got, ["good"]);
    }

    #[test]
    fn nobody_makes_it_grow_without_bound() {
        let mib = vec![0; 1 << 20];
        let mut units = vec![(0, unit(&[(true, false, &mib)]))];
        units.extend((0..16).map(|_| (0, unit(&[(false, false, &mib)]))));
        units.push((0, unit(&[(false, true, b"end"), (true, true, b"next")])));
        assert_eq!(taken(&units), ["next"]);
    }
}
