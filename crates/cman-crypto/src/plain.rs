//! `encryption off`: datagrams carry a checksum and the cluster's identity, and no secret.
//!
//! It finds damage and mix-ups. It protects from nobody.

use crate::{Cipher, Seal};
use cman_types::MemberId;

/// Bytes that the checksum takes.
const CHECKSUM_SIZE: usize = 8;

/// The cipher that does not encrypt.
#[derive(Clone, Debug)]
pub struct Plain {
    identity: u64,
}

impl Plain {
    /// For the cluster of this name.
    #[must_use]
    pub fn new(cluster_name: &str) -> Self {
        let mut sum = Sum::new(0);
        sum.add(b"cman plain 1");
        sum.add(cluster_name.as_bytes());
        Self { identity: sum.0 }
    }
}

impl Cipher for Plain {
    fn derive(&self, _sender: &MemberId, lane: u8) -> Box<dyn Seal> {
        // The sender stands in the clear header, which the checksum covers.
        let mut sum = Sum::new(self.identity);
        sum.add(&[lane]);
        Box::new(Checksum { identity: sum.0 })
    }

    fn is_encrypted(&self) -> bool {
        false
    }

    fn key_id(&self) -> u8 {
        0
    }
}

/// The checksum of one sender and lane.
#[derive(Debug)]
struct Checksum {
    identity: u64,
}

impl Checksum {
    fn sum(&self, counter: u64, clear: &[u8], plain: &[u8]) -> [u8; CHECKSUM_SIZE] {
        let mut sum = Sum::new(self.identity ^ counter);
        sum.add(clear);
        sum.add(plain);
        sum.0.to_be_bytes()
    }
}

impl Seal for Checksum {
    fn seal(&self, counter: u64, clear: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(plain);
        out.extend_from_slice(&self.sum(counter, clear, plain));
    }

    fn open<'a>(&self, counter: u64, clear: &[u8], sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let (plain, sum) = sealed.split_last_chunk::<CHECKSUM_SIZE>()?;
        (*sum == self.sum(counter, clear, plain)).then_some(plain)
    }
}

/// A 64-bit checksum: each word of eight bytes, and each length, is mixed into the state by a
/// bijection, so damage within one word is always found and any other but once in 2^64.
struct Sum(u64);

impl Sum {
    const fn new(start: u64) -> Self {
        Self(mix(start))
    }

    fn add(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.0 = mix(self.0 ^ u64::from_le_bytes(*word));
        }
        let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u64::from(*byte));
        self.0 = mix(self.0 ^ tail);
        self.0 = mix(self.0 ^ u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    }
}

/// The finishing step of splitmix64 (Steele, Lea and Flood, 2014), a bijection in which each bit
/// of the input stirs all bits of the output.
const fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
