//! The cluster's key and the text of its file.

use core::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of a key.
pub const KEY_SIZE: usize = 32;

/// The first word of a key file; the number is the version of its format.
const WORD: &[u8] = b"cman-key-1";

/// The secret that all nodes of a cluster share.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ClusterKey([u8; KEY_SIZE]);

/// Why a key file is none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Nothing is in it.
    #[error("the key file is empty; make a key with `cman_tool keygen` and copy it to all nodes")]
    Empty,
    /// It does not begin as a key file does.
    #[error(
        "this is not a cman key file: it must begin with `cman-key-1 `; make one with `cman_tool \
         keygen` and copy it to all nodes"
    )]
    NotAKey,
    /// A later format.
    #[error(
        "the key file is of a newer format than this program knows (`cman-key-1`); update cman on \
         this node, or make a key with its own `cman_tool keygen` for all nodes"
    )]
    NewerFormat,
    /// Too few or too many digits.
    #[error(
        "the key has {found} hexadecimal digits where 64 are expected; copy the file again, whole, \
         from a node where it works"
    )]
    Length {
        /// How many there are.
        found: usize,
    },
    /// A character that is no lower-case hexadecimal digit.
    #[error(
        "character {column} of the key file is not one of 0-9 and a-f; copy the file again from a \
         node where it works"
    )]
    Digit {
        /// Where, counted from 1.
        column: usize,
    },
    /// More after the key's line.
    #[error(
        "something follows the first line of the key file; it must hold one key and nothing else"
    )]
    MoreLines,
}

impl ClusterKey {
    /// A key from 32 bytes that must be random and secret.
    #[must_use]
    pub const fn from_random(bytes: [u8; KEY_SIZE]) -> Self {
        Self(bytes)
    }

    /// Reads the content of a key file: `cman-key-1 `, 64 lower-case hexadecimal digits and a
    /// newline, which may be missing or be that of other systems.
    ///
    /// # Errors
    /// It is something else; the error says what to do, and never shows the content.
    pub fn parse(file: &[u8]) -> Result<Self, KeyError> {
        let line = match file.split_last() {
            Some((b'\n', line)) => line.strip_suffix(b"\r").unwrap_or(line),
            _ => file,
        };
        if line.is_empty() {
            return Err(KeyError::Empty);
        }
        let digits = match line.strip_prefix(WORD).and_then(|rest| rest.strip_prefix(b" ")) {
            Some(digits) => digits,
            None if is_newer(line) => return Err(KeyError::NewerFormat),
            None => return Err(KeyError::NotAKey),
        };
        if digits.contains(&b'\n') {
            return Err(KeyError::MoreLines);
        }
        if digits.len() != 2 * KEY_SIZE {
            return Err(KeyError::Length { found: digits.len() });
        }
        let mut key = Self([0; KEY_SIZE]);
        for (at, digit) in digits.iter().enumerate() {
            let column = WORD.len() + 2 + at;
            let value = value_of(*digit).ok_or(KeyError::Digit { column })?;
            if let Some(byte) = key.0.get_mut(at / 2) {
                *byte = *byte << 4 | value;
            }
        }
        Ok(key)
    }

    /// The content of a key file with this key.
    #[must_use]
    pub fn to_file_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(WORD.len() + 2 + 2 * KEY_SIZE));
        text.extend(WORD.iter().map(|byte| char::from(*byte)));
        text.push(' ');
        for byte in self.0 {
            text.extend([byte >> 4, byte & 15].map(digit_of));
        }
        text.push('\n');
        text
    }

    /// The key itself.
    #[cfg_attr(not(feature = "aws-lc"), expect(dead_code, reason = "only ciphers use it"))]
    pub(crate) const fn bytes(&self) -> &[u8; KEY_SIZE] {
        &self.0
    }
}

/// Never the key itself.
impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey(..)")
    }
}

/// Whether this is the first line of a later format: `cman-key-` and another number.
fn is_newer(line: &[u8]) -> bool {
    line.strip_prefix(b"cman-key-").is_some_and(|rest| {
        let number = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
        number != b"1" && !number.is_empty() && number.iter().all(u8::is_ascii_digit)
    })
}

const fn value_of(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

const fn digit_of(value: u8) -> char {
    match value {
        0..=9 => (b'0' + value) as char,
        _ => (b'a' + value - 10) as char,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "cman-key-1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff\n";

    fn key() -> ClusterKey {
        let mut bytes = core::array::from_fn(|at| u8::try_from(at).unwrap());
        bytes[31] = 0xff;
        ClusterKey::from_random(bytes)
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(key().to_file_text().as_str(), TEXT);
        assert_eq!(ClusterKey::parse(TEXT.as_bytes()), Ok(key()));
        assert_eq!(ClusterKey::parse(TEXT.trim_end().as_bytes()), Ok(key()));
        assert_eq!(ClusterKey::parse(TEXT.replace('\n', "\r\n").as_bytes()), Ok(key()));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let cases: [(&str, KeyError); 9] = [
            ("", KeyError::Empty),
            ("\n", KeyError::Empty),
            ("-----BEGIN PRIVATE KEY-----\n", KeyError::NotAKey),
            ("cman-key-1\n", KeyError::NotAKey),
            ("cman-key-2 00\n", KeyError::NewerFormat),
            ("cman-key-1 00\n", KeyError::Length { found: 2 }),
            ("cman-key-1 00\ncman-key-1 00\n", KeyError::MoreLines),
            (&TEXT.replace("1eff", "1eFf"), KeyError::Digit { column: 74 }),
            (&TEXT.replace("00010", "\u{e9}010"), KeyError::Digit { column: 12 }),
        ];
        for (text, error) in cases {
            assert_eq!(ClusterKey::parse(text.as_bytes()), Err(error), "{text:?}");
        }
        assert_eq!(ClusterKey::parse(&[0xff; 4096]), Err(KeyError::NotAKey));
    }

    #[test]
    fn debug_output_does_not_show_the_key() {
        assert_eq!(format!("{:?}", key()), "ClusterKey(..)");
    }
}
