//! Reading recordings.

use crate::{
    FORMAT, MAGIC,
    record::{HEAD, Malformed, Record},
};
use cman_types::Instant;
use std::io::{self, ErrorKind, Read};

/// Longest rest of a record that is read: a message, and what else can stand beside it.
const REST_MAX: usize = (16 << 20) + 1024;

/// Longest piece that is read. Writers end a piece with the record that makes it long enough.
const PIECE_MAX: usize = 2 * REST_MAX;

/// The kind of a check: it ends a piece.
const CHECK: u8 = 3;

/// Why a recording cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It does not begin like one.
    #[error("this is not a recording of cmand: it does not begin with CMANREC")]
    Foreign,
    /// It is of another format.
    #[error(
        "this recording has format {found}, this program reads format {}: use the simulator of \
         the release that recorded it",
        char::from(FORMAT)
    )]
    Format {
        /// The digit of its format.
        found: char,
    },
    /// It ends inside a piece.
    #[error(
        "the recording is cut off: it ends at byte {end}, in the middle of the piece that begins \
         at byte {begin}"
    )]
    Truncated {
        /// Where the piece begins.
        begin: u64,
        /// Where the recording ends.
        end: u64,
    },
    /// A piece does not match its check.
    #[error(
        "the recording is damaged somewhere from byte {begin} to {end}: its checksum does not match"
    )]
    Damaged {
        /// Where the piece begins.
        begin: u64,
        /// Where it ends, or where it stopped to make sense.
        end: u64,
    },
    /// It has a record that cannot be.
    #[error("record {number} is {why}: a fault of the program that wrote it")]
    Malformed {
        /// Which record, from 0.
        number: u64,
        /// What is wrong with it.
        why: Malformed,
    },
    /// It cannot be read from where it is.
    #[error("the recording cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// One record of a recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// Its number, from 0. Checks have none.
    pub number: u64,
    /// The time that the node was told last.
    pub at: Instant,
    /// What it says.
    pub record: Record<'a>,
    /// Its bytes, without the time.
    pub rest: &'a [u8],
}

/// Reads a recording piece by piece. Nothing of a piece is handed out before its check matched.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    /// The piece at hand, without its check.
    piece: Vec<u8>,
    /// Where in it the next record begins.
    at: usize,
    /// Where in the recording the next piece begins.
    offset: u64,
    number: u64,
}

impl<R: Read> Reader<R> {
    /// Begins to read.
    ///
    /// # Errors
    /// It is no recording, or one of another format.
    pub fn new(mut source: R) -> Result<Self, ReadError> {
        let mut piece = Vec::new();
        source.by_ref().take(8).read_to_end(&mut piece)?;
        match piece.strip_prefix(MAGIC) {
            Some([FORMAT]) => {}
            Some([found]) => return Err(ReadError::Format { found: char::from(*found) }),
            Some(_) => return Err(ReadError::Truncated { begin: 0, end: as_u64(piece.len()) }),
            None => return Err(ReadError::Foreign),
        }
        let mut reader = Self { source, piece, at: MAGIC.len() + 1, offset: 0, number: 0 };
        reader.read_piece()?;
        Ok(reader)
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// The recording is damaged or cut off from here on.
    #[expect(clippy::should_implement_trait, reason = "what it returns borrows from the reader")]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>, ReadError> {
        if self.at >= self.piece.len() {
            self.piece.clear();
            self.at = 0;
            self.read_piece()?;
        }
        let Some((kind, at, length)) = self.piece.get(self.at..).and_then(head) else {
            return Ok(None);
        };
        let begin = self.at + HEAD;
        self.at = begin + length;
        let number = self.number;
        self.number += 1;
        // There, since the piece was read record by record.
        let rest = self.piece.get(begin..self.at).unwrap_or_default();
        let record =
            Record::parse(kind, rest).map_err(|why| ReadError::Malformed { number, why })?;
        Ok(Some(Entry { number, at, record, rest }))
    }

    /// Reads on to the next check, and compares. At the end of the recording there is no piece.
    fn read_piece(&mut self) -> Result<(), ReadError> {
        let begin = self.offset;
        let started = self.at;
        loop {
            let size = self.piece.len();
            let have = self.more(HEAD)?;
            if have == 0 && size == 0 {
                return Ok(());
            }
            let Some((kind, _, length)) = self.piece.get(size..).and_then(head) else {
                return Err(ReadError::Truncated { begin, end: begin + as_u64(size + have) });
            };
            if length > REST_MAX || size > PIECE_MAX {
                return Err(ReadError::Damaged { begin, end: begin + as_u64(size) });
            }
            let have = self.more(length)?;
            if have < length {
                let end = begin + as_u64(self.piece.len());
                return Err(ReadError::Truncated { begin, end });
            }
            if kind == CHECK {
                let end = begin + as_u64(self.piece.len());
                self.offset = end;
                self.at = started;
                return self.compare(size).ok_or(ReadError::Damaged { begin, end });
            }
        }
    }

    /// Reads so many bytes more, or as many as there are; how many.
    fn more(&mut self, count: usize) -> Result<usize, ReadError> {
        loop {
            match self.source.by_ref().take(as_u64(count)).read_to_end(&mut self.piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return Ok(read?),
            }
        }
    }

    /// Takes the check, which begins at `size`, off the piece, if it matches.
    fn compare(&mut self, size: usize) -> Option<()> {
        let (before, sum) = self.piece.split_at_checked(size + HEAD)?;
        let matches = crc32fast::hash(before).to_le_bytes() == sum;
        self.piece.truncate(size);
        matches.then_some(())
    }
}

/// The head of the record that begins here.
fn head(bytes: &[u8]) -> Option<(u8, Instant, usize)> {
    let (kind, bytes) = bytes.split_first()?;
    let (at, bytes) = bytes.split_first_chunk()?;
    let length = u32::from_le_bytes(*bytes.first_chunk()?);
    let at = Instant::from_nanos(u64::from_le_bytes(*at));
    Some((*kind, at, usize::try_from(length).ok()?))
}

fn as_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        recorder::{Recorder, append_check},
        setup::tests::sample,
    };

    /// A recording of three pieces.
    fn recording() -> Vec<u8> {
        let mut recorder = Recorder::new(Instant::from_nanos(1), &sample(), None);
        for at in 2..70 {
            let now = Instant::from_nanos(at);
            recorder.record(now, &Record::Drained);
            recorder.record(now, &Record::Opened(Some(&[5; 1000])));
        }
        recorder.pieces(Instant::from_nanos(70)).concat()
    }

    /// How many records are read, and what stops it.
    fn read(bytes: &[u8]) -> (usize, Result<(), ReadError>) {
        let mut reader = match Reader::new(bytes) {
            Ok(reader) => reader,
            Err(error) => return (0, Err(error)),
        };
        for count in 0.. {
            match reader.next() {
                Ok(Some(entry)) => assert_eq!(entry.number, count as u64),
                Ok(None) => return (count, Ok(())),
                Err(error) => return (count, Err(error)),
            }
        }
        unreachable!("recordings end")
    }

    #[test]
    fn a_sound_recording_is_read_to_its_end() {
        assert!(matches!(read(&recording()), (137, Ok(()))), "{:?}", read(&recording()));
    }

    #[test]
    fn every_damaged_byte_is_found_before_its_piece_is_used() {
        let good = recording();
        for at in (0..good.len()).step_by(7).chain(0..12) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            let (_, result) = read(&bad);
            let error = result.expect_err("damage");
            assert!(!matches!(error, ReadError::Malformed { .. } | ReadError::Io(_)), "{error}");
        }
    }

    #[test]
    fn a_recording_is_read_up_to_where_it_is_cut_off() {
        let good = recording();
        let (whole, _) = read(&good);
        let mut longest = 0;
        for size in (0..good.len()).step_by(61) {
            let (count, result) = read(&good[..size]);
            assert!(count < whole);
            assert!(count >= longest);
            longest = count;
            match result {
                Err(ReadError::Truncated { end, .. }) => assert_eq!(end, size as u64),
                Err(ReadError::Foreign) => assert!(size < MAGIC.len()),
                other => panic!("{other:?} at {size}"),
            }
        }
    }

    #[test]
    fn what_is_something_else_is_told() {
        let told = |bytes: &[u8]| read(bytes).1.unwrap_err().to_string();
        assert!(told(b"PNG and so on").contains("not a recording"));
        assert!(told(b"CMANREC1\x01").contains("has format 1, this program reads format 2"));
        assert!(told(b"CMANREC3\x01").contains("has format 3"));
    }

    #[test]
    fn an_unknown_kind_is_told_with_its_number() {
        let mut bytes = recording();
        let mut check = [&[99; 1][..], &[0; 12]].concat();
        append_check(Instant::ZERO, &mut check);
        bytes.extend_from_slice(&check);
        let (count, result) = read(&bytes);
        assert_eq!(count, 137);
        assert!(result.unwrap_err().to_string().contains("record 137 is of the unknown kind 99"));
    }
}
