//! Sealing for the simulator: the text stays readable for the world, a keyed checksum makes it
//! authentic, and a ledger of all (key, nonce) pairs proves that none was ever used twice.

use cman_crypto::{Cipher, Seal};
use cman_types::MemberId;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Bytes that sealing appends.
pub const TAG: usize = 16;

/// Whose key: the cluster's, the life's, the lane's.
type Name = (u64, MemberId, u8);

/// All nonces that were ever sealed with, in all lives of all nodes of one world.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Where in `newest` each key is.
    places: BTreeMap<Name, usize>,
    /// The newest counter of each key, and what was sealed with it.
    newest: Vec<Option<(u64, u64)>>,
    broken: Option<String>,
}

impl Ledger {
    /// Where a key is noted. All who derive the same key share a place.
    fn place(&mut self, name: Name) -> usize {
        let next = self.newest.len();
        let place = *self.places.entry(name).or_insert(next);
        if place == next {
            self.newest.push(None);
        }
        place
    }

    /// Invariant 8, architecture page "Security": no (key, nonce) pair is ever used twice for
    /// different contents. Counters of one key have to grow, which is how it is done.
    fn note(&mut self, place: usize, name: &Name, counter: u64, content: u64) {
        let Some(noted) = self.newest.get_mut(place) else { return };
        match *noted {
            Some((newest, _)) if counter < newest => self.reuse(name, counter, newest),
            Some((newest, same)) if counter == newest && content != same => {
                self.reuse(name, counter, newest);
            }
            _ => *noted = Some((counter, content)),
        }
    }

    fn reuse(&mut self, (_, life, lane): &Name, counter: u64, newest: u64) {
        self.broken.get_or_insert_with(|| {
            format!("{life:?} lane {lane}: counter {counter} sealed with again after {newest}")
        });
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
        let place = self.ledger.lock().unwrap_or_else(PoisonError::into_inner).place(name);
        Box::new(SimSeal { key: key.end(), name, place, ledger: Arc::clone(&self.ledger) })
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
    name: Name,
    /// Where the ledger notes it.
    place: usize,
    ledger: Arc<Mutex<Ledger>>,
}

impl SimSeal {
    /// The checksum of a datagram.
    fn sum(&self, counter: u64, clear: &[u8], plain: &[u8]) -> u64 {
        let mut sum = Checksum::new(self.key ^ counter.rotate_left(32));
        sum.add(clear);
        sum.add(plain);
        sum.end()
    }

    fn tag(sum: u64) -> [u8; TAG] {
        let other = sum.rotate_left(17).wrapping_mul(Checksum::FACTOR);
        (u128::from(sum) << 64 | u128::from(other)).to_be_bytes()
    }
}

impl Seal for SimSeal {
    fn seal(&self, counter: u64, clear: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        let sum = self.sum(counter, clear, plain);
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.note(self.place, &self.name, counter, sum);
        out.extend_from_slice(plain);
        out.extend_from_slice(&Self::tag(sum));
    }

    fn open<'a>(&self, counter: u64, clear: &[u8], sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let (plain, tag) = sealed.split_last_chunk::<TAG>()?;
        (Self::tag(self.sum(counter, clear, plain)) == *tag).then_some(plain)
    }
}

/// A fast keyed checksum, sixteen bytes at a time. Not cryptography: nobody attacks the simulator
/// but its own dice.
struct Checksum(u64);

impl Checksum {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

    fn new(key: u64) -> Self {
        Self(key ^ Self::FACTOR)
    }

    /// Folds a product of both halves of a block, so that each bit of it counts everywhere.
    fn mix(&mut self, block: [u8; 16]) {
        let (low, high) = halves(u128::from_le_bytes(block));
        // Never too large: without the check.
        let product = u128::from(self.0 ^ low).wrapping_mul(u128::from(high ^ Self::FACTOR));
        let (low, high) = halves(product);
        self.0 = high ^ low.wrapping_add(self.0);
    }

    fn add(&mut self, bytes: &[u8]) {
        // Zeros at the end count.
        self.0 = self.0.wrapping_add(bytes.len() as u64);
        let (blocks, rest) = bytes.as_chunks::<16>();
        blocks.iter().for_each(|block| self.mix(*block));
        let mut last = [0; 16];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.mix(last);
    }

    fn end(mut self) -> u64 {
        self.mix([0; 16]);
        self.0
    }
}

/// The lower and the upper half.
#[expect(clippy::cast_possible_truncation, reason = "halves are what is wanted")]
fn halves(wide: u128) -> (u64, u64) {
    (wide as u64, (wide >> 64) as u64)
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
