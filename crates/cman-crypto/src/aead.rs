//! Encryption by AES-256-GCM, with a key of its own for each life of each sender on each lane.
//!
//! The key is HKDF-SHA256 of the cluster's key over the cluster's name, the sender's node id,
//! incarnation and salt, and the lane. The salt is drawn at every start; so whatever state was
//! lost, no key is used in two lives, and within one the counter is the nonce.

use crate::{Cipher, ClusterKey, SEAL_MAX, Seal};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Prk, Salt},
};
use cman_types::MemberId;
use core::fmt;

/// Separates these keys from whatever else may be derived from a cluster's key.
const PURPOSE: &[u8] = b"cman datagrams 1";

/// The cipher that encrypts.
pub struct Aead {
    root: Prk,
    cluster_name: String,
    key_id: u8,
}

impl Aead {
    /// For the cluster of this name, with its key. `key_id` names the key in clear headers.
    #[must_use]
    pub fn new(key: &ClusterKey, cluster_name: &str, key_id: u8) -> Self {
        let root = Salt::new(HKDF_SHA256, PURPOSE).extract(key.bytes());
        Self { root, cluster_name: cluster_name.to_owned(), key_id }
    }
}

impl fmt::Debug for Aead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aead")
            .field("cluster_name", &self.cluster_name)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Cipher for Aead {
    fn derive(&self, sender: &MemberId, lane: u8) -> Box<dyn Seal> {
        let info: [&[u8]; 5] = [
            &sender.node.get().to_be_bytes(),
            &sender.incarnation.0.to_be_bytes(),
            &sender.salt.0,
            &[lane],
            // Last, for it is the only one whose length varies.
            self.cluster_name.as_bytes(),
        ];
        let key = self.root.expand(&info, &AES_256_GCM).ok().map(UnboundKey::from);
        // HKDF fails only for outputs of more than 255 hashes; without a key nothing is sealed
        // and nothing opens.
        Box::new(SenderKey { key: key.map(LessSafeKey::new) })
    }

    fn is_encrypted(&self) -> bool {
        true
    }

    fn key_id(&self) -> u8 {
        self.key_id
    }
}

/// The key of one life of one sender on one lane.
struct SenderKey {
    key: Option<LessSafeKey>,
}

/// The counter is the nonce: 32 bits of zeros, then the counter, big endian.
fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    if let Some(place) = nonce.last_chunk_mut() {
        *place = counter.to_be_bytes();
    }
    Nonce::assume_unique_for_key(nonce)
}

impl Seal for SenderKey {
    fn seal(&self, counter: u64, clear: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        let Some(key) = &self.key else { return };
        out.reserve(plain.len() + SEAL_MAX);
        let start = out.len();
        out.extend_from_slice(plain);
        let Some(sealed) = out.get_mut(start..) else { return };
        let tag = key.seal_in_place_separate_tag(nonce(counter), Aad::from(clear), sealed);
        match tag {
            Ok(tag) => out.extend_from_slice(tag.as_ref()),
            // Only beyond 64 GiB. Better nothing than something in clear.
            Err(_) => out.truncate(start),
        }
    }

    fn open<'a>(&self, counter: u64, clear: &[u8], sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let key = self.key.as_ref()?;
        key.open_in_place(nonce(counter), Aad::from(clear), sealed).ok().map(|plain| &*plain)
    }
}

impl fmt::Debug for SenderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SenderKey(..)")
    }
}
