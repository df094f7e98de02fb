//! Sealing for the simulator: the text stays readable for the world, a keyed checksum makes it
//! authentic, and a ledger of all (key, nonce) pairs proves that none was ever used twice.

use cman_crypto::{Cipher, Seal};
use cman_types::MemberId;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex, PoisonError},
};

/// Bytes that sealing appends.
pub const TAG: usize = 16;

/// All nonces that were ever sealed with, in all lives of all nodes of one world.
#[derive(Debug, Default)]
pub struct Ledger {
    newest: BTreeMap<(u64, MemberId, u8), (u64, u64)>,
    broken: Option<String>,
}

impl Ledger {
    /// Invariant 8, architecture page "Security": no (key, nonce) pair is ever used twice for
    /// different contents. Counters of one key have to grow, which is how it is done.
    fn note(&mut self, key: (u64, MemberId, u8), counter: u64, content: u64) {
        match self.newest.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert((counter, content));
            }
            Entry::Occupied(mut entry) => {
                let (newest, same) = *entry.get();
                if counter > newest {
                    entry.insert((counter, content));
                } else if (counter, content) != (newest, same) {
                    self.broken.get_or_insert_with(|| {
                        format!(
                            "{:?} lane {}: counter {counter} sealed with again after {newest}",
                            entry.key().1,
                            entry.key().2
                        )
                    });
                }
            }
        }
    }

    /// A nonce that was used twice, if there was one.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }
}

/// Makes readable, authentic seals.
#[derive(Clone, Debug)]
pub struct SimCipher {
    /// Stands for the cluster's key.
    pub key: u64,
    /// Where nonces are noted down.
    pub ledger: Arc<Mutex<Ledger>>,
}

impl Cipher for SimCipher {
    fn derive(&self, sender: &MemberId, lane: u8) -> Box<dyn Seal> {
        let mut key = Checksum::new(self.key);
        key.add(&sender.node.get().to_be_bytes());
        key.add(&sender.incarnation.0.to_be_bytes());
        key.add(&sender.salt.0);
        key.add(&[lane]);
        let name = (self.key, *sender, lane);
        Box::new(SimSeal { key: key.end(), name, ledger: Arc::clone(&self.ledger) })
    }

    fn is_encrypted(&self) -> bool {
        true
    }

    fn key_id(&self) -> u8 {
        1
    }
}

/// The key of one life on one lane.
#[derive(Debug)]
struct SimSeal {
    key: u64,
    name: (u64, MemberId, u8),
    ledger: Arc<Mutex<Ledger>>,
}

impl SimSeal {
    fn tag(&self, counter: u64, clear: &[u8], plain: &[u8]) -> [u8; TAG] {
        let mut sum = Checksum::new(self.key ^ counter.rotate_left(32));
        sum.add(clear);
        sum.add(plain);
        let first = sum.end();
        let mut tag = [0; TAG];
        let (low, high) = tag.split_at_mut(8);
        low.copy_from_slice(&first.to_be_bytes());
        high.copy_from_slice(&first.rotate_left(17).wrapping_mul(Checksum::FACTOR).to_be_bytes());
        tag
    }
}

impl Seal for SimSeal {
    fn seal(&self, counter: u64, clear: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        let tag = self.tag(counter, clear, plain);
        let mut content = Checksum::new(0);
        content.add(&tag);
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.note(self.name, counter, content.end());
        out.extend_from_slice(plain);
        out.extend_from_slice(&tag);
    }

    fn open<'a>(&self, counter: u64, clear: &[u8], sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let at = sealed.len().checked_sub(TAG)?;
        let (plain, tag) = sealed.split_at(at);
        (self.tag(counter, clear, plain) == tag).then_some(plain)
    }
}

/// A fast keyed checksum, eight bytes at a time. Not cryptography: nobody attacks the simulator
/// but its own dice.
struct Checksum(u64);

impl Checksum {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

    fn new(key: u64) -> Self {
        Self(key ^ Self::FACTOR)
    }

    fn mix(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(Self::FACTOR);
        self.0 ^= self.0 >> 29;
    }

    fn add(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.mix(u64::from_le_bytes(last));
        self.mix(bytes.len() as u64);
    }

    fn end(self) -> u64 {
        let mut sum = self;
        sum.mix(Self::FACTOR);
        sum.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_types::{Incarnation, NodeId, Salt};

    fn life(salt: u8) -> MemberId {
        let node = NodeId::new(3).unwrap();
        MemberId { node, incarnation: Incarnation(9), salt: Salt([salt; 16]) }
    }

    #[test]
    fn only_the_same_key_counter_and_header_open() {
        let cipher = SimCipher { key: 5, ledger: Arc::default() };
        let mut sealed = Vec::new();
        cipher.derive(&life(1), 0).seal(7, b"clear", b"plain text", &mut sealed);
        let open = |cipher: &SimCipher, salt, lane, counter, clear: &[u8]| {
            let mut copy = sealed.clone();
            let seal = cipher.derive(&life(salt), lane);
            seal.open(counter, clear, &mut copy).map(<[u8]>::to_vec)
        };
        assert_eq!(open(&cipher, 1, 0, 7, b"clear"), Some(b"plain text".to_vec()));
        assert_eq!(open(&cipher, 2, 0, 7, b"clear"), None);
        assert_eq!(open(&cipher, 1, 1, 7, b"clear"), None);
        assert_eq!(open(&cipher, 1, 0, 8, b"clear"), None);
        assert_eq!(open(&cipher, 1, 0, 7, b"cleaR"), None);
        let other = SimCipher { key: 6, ..cipher };
        assert_eq!(open(&other, 1, 0, 7, b"clear"), None);
    }

    #[test]
    fn a_nonce_used_twice_is_noticed() {
        let cipher = SimCipher { key: 5, ledger: Arc::default() };
        let seal = cipher.derive(&life(1), 0);
        for counter in [1, 2, 3] {
            seal.seal(counter, b"", b"x", &mut Vec::new());
        }
        cipher.derive(&life(2), 0).seal(1, b"", b"another life", &mut Vec::new());
        assert_eq!(cipher.ledger.lock().unwrap().broken(), None);
        cipher.derive(&life(1), 0).seal(3, b"", b"y", &mut Vec::new());
        assert!(cipher.ledger.lock().unwrap().broken().is_some());
    }
}
