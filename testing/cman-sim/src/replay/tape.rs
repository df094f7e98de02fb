//! The cipher of a replay: it opens nothing and seals nothing. What came of opening a datagram
//! stands on the tape, and what the node wants sealed is put there.

use cman_crypto::{Cipher, Seal};
use cman_types::MemberId;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// What passes between the replay and the cipher of its node.
#[derive(Debug, Default)]
pub(super) struct Tape {
    /// What is inside the datagram at hand, if it opened.
    pub(super) inside: Option<Vec<u8>>,
    /// How often the node opened a datagram since this was reset.
    pub(super) opened: u32,
    /// What the node sealed: the clear header, the contents.
    pub(super) sealed: VecDeque<(Vec<u8>, Vec<u8>)>,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct TapeCipher {
    pub(super) tape: Arc<Mutex<Tape>>,
    pub(super) encrypted: bool,
    pub(super) key_id: u8,
}

impl Cipher for TapeCipher {
    fn derive(&self, _sender: &MemberId, _lane: u8) -> Box<dyn Seal> {
        Box::new(self.clone())
    }

    fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    fn key_id(&self) -> u8 {
        self.key_id
    }
}

impl Seal for TapeCipher {
    fn seal(&self, _counter: u64, clear: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        tape.sealed.push_back((clear.to_vec(), plain.to_vec()));
        out.extend_from_slice(plain);
    }

    fn open<'a>(&self, _counter: u64, _clear: &[u8], sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        tape.opened += 1;
        let inside = tape.inside.take()?;
        // The replay made the datagram long enough.
        let place = sealed.get_mut(..inside.len())?;
        place.copy_from_slice(&inside);
        Some(place)
    }
}
