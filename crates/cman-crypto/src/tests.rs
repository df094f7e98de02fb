//! What is sealed opens; nothing else does.

#[cfg(feature = "aws-lc")]
use crate::ClusterKey;
use crate::{Cipher, Plain, SEAL_MAX, Seal};
use cman_types::{Incarnation, MemberId, NodeId, Salt};
use proptest::{collection::vec, prelude::*};

const CLEAR: &[u8] = b"a clear header of some length, as long as that of a datagram";

fn life(node: u32, incarnation: u64, salt: u8) -> MemberId {
    let node = NodeId::new(node).unwrap();
    MemberId { node, incarnation: Incarnation(incarnation), salt: Salt([salt; 16]) }
}

fn sealed(seal: &dyn Seal, counter: u64, plain: &[u8]) -> Vec<u8> {
    let mut out = b"before".to_vec();
    seal.seal(counter, CLEAR, plain, &mut out);
    assert!(out.starts_with(b"before"), "appends");
    out.split_off(6)
}

fn opens(seal: &dyn Seal, counter: u64, clear: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    seal.open(counter, clear, &mut bytes.to_vec()).map(<[u8]>::to_vec)
}

/// All ciphers, for the same cluster and key.
fn ciphers() -> Vec<Box<dyn Cipher>> {
    vec![
        Box::new(Plain::new("alpha")),
        #[cfg(feature = "aws-lc")]
        Box::new(crate::Aead::new(&ClusterKey::from_random([7; 32]), "alpha", 1)),
    ]
}

proptest! {
    #[test]
    fn what_is_sealed_opens(plain in vec(any::<u8>(), 0..1400), counter: u64, lane in 0..2u8) {
        for cipher in ciphers() {
            let seal = cipher.derive(&life(1, 2, 3), lane);
            let bytes = sealed(seal.as_ref(), counter, &plain);
            prop_assert!(bytes.len() <= plain.len() + SEAL_MAX);
            prop_assert_eq!(opens(seal.as_ref(), counter, CLEAR, &bytes), Some(plain.clone()));
        }
    }

    #[test]
    fn any_flipped_bit_refuses_to_open(plain in vec(any::<u8>(), 0..40)) {
        for cipher in ciphers() {
            let seal = cipher.derive(&life(1, 2, 3), 0);
            let good = sealed(seal.as_ref(), 9, &plain);
            for bit in 0..good.len() * 8 {
                let mut bytes = good.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                prop_assert_eq!(opens(seal.as_ref(), 9, CLEAR, &bytes), None);
            }
            for bit in 0..CLEAR.len() * 8 {
                let mut clear = CLEAR.to_vec();
                clear[bit / 8] ^= 1 << (bit % 8);
                prop_assert_eq!(opens(seal.as_ref(), 9, &clear, &good), None);
            }
            for bit in 0..64 {
                prop_assert_eq!(opens(seal.as_ref(), 9 ^ (1 << bit), CLEAR, &good), None);
            }
        }
    }

    /// Two damages that might undo each other, cuts, and bytes from nowhere.
    #[test]
    fn other_damage_refuses_to_open(
        plain in vec(any::<u8>(), 1..60),
        damage in vec((any::<prop::sample::Index>(), 1..=255u8), 1..5),
        noise in vec(any::<u8>(), 0..60),
    ) {
        for cipher in ciphers() {
            let seal = cipher.derive(&life(1, 2, 3), 0);
            let good = sealed(seal.as_ref(), 9, &plain);
            let mut bytes = good.clone();
            for (at, change) in &damage {
                let at = at.index(bytes.len());
                bytes[at] ^= change;
            }
            if bytes != good {
                prop_assert_eq!(opens(seal.as_ref(), 9, CLEAR, &bytes), None);
            }
            for size in 0..good.len() {
                prop_assert_eq!(opens(seal.as_ref(), 9, CLEAR, &good[..size]), None);
            }
            prop_assert_eq!(opens(seal.as_ref(), 9, CLEAR, &noise), None);
        }
    }
}

#[test]
fn plain_datagrams_of_another_cluster_or_lane_do_not_open() {
    let seal = Plain::new("alpha").derive(&life(1, 2, 3), 0);
    let bytes = sealed(seal.as_ref(), 1, b"beat");
    let others =
        [Plain::new("beta").derive(&life(1, 2, 3), 0), Plain::new("").derive(&life(1, 2, 3), 0)];
    for other in others {
        assert_eq!(opens(other.as_ref(), 1, CLEAR, &bytes), None);
    }
    let other_lane = Plain::new("alpha").derive(&life(1, 2, 3), 1);
    assert_eq!(opens(other_lane.as_ref(), 1, CLEAR, &bytes), None);
}

/// The value was computed by another implementation, from the description in `docs/spec/wire.md`.
#[test]
fn the_checksum_has_not_changed() {
    let seal = Plain::new("alpha").derive(&life(1, 2, 3), 0);
    let bytes = sealed(seal.as_ref(), 1, b"beat of a node");
    let hex: String = bytes[14..].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "58390e1880003e8c");
}

#[cfg(feature = "aws-lc")]
mod aead {
    use super::*;
    use crate::Aead;

    #[test]
    fn each_life_lane_cluster_and_key_is_on_its_own() {
        let key = |byte| ClusterKey::from_random([byte; 32]);
        let seal = Aead::new(&key(7), "alpha", 1).derive(&life(1, 2, 3), 0);
        let bytes = sealed(seal.as_ref(), 1, b"beat");
        let others = [
            Aead::new(&key(8), "alpha", 1).derive(&life(1, 2, 3), 0),
            Aead::new(&key(7), "alphb", 1).derive(&life(1, 2, 3), 0),
            Aead::new(&key(7), "alpha", 1).derive(&life(2, 2, 3), 0),
            Aead::new(&key(7), "alpha", 1).derive(&life(1, 3, 3), 0),
            Aead::new(&key(7), "alpha", 1).derive(&life(1, 2, 4), 0),
            Aead::new(&key(7), "alpha", 1).derive(&life(1, 2, 3), 1),
            Plain::new("alpha").derive(&life(1, 2, 3), 0),
        ];
        for other in others {
            assert_eq!(opens(other.as_ref(), 1, CLEAR, &bytes), None, "{other:?}");
        }
    }

    /// The value was computed by another implementation (HKDF and AES-GCM of OpenSSL).
    #[test]
    fn the_derivation_has_not_changed() {
        let key: [u8; 32] = core::array::from_fn(|at| u8::try_from(at).unwrap());
        let cipher = Aead::new(&ClusterKey::from_random(key), "alpha", 1);
        let seal = cipher.derive(&life(2, 1_763_821_000_123, 5), 1);
        let bytes = sealed(seal.as_ref(), 258, b"beat of a node");
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "8824bf0c701905409898479e769d9437efe547c0e40b496e2980ab66610a");
    }

    #[test]
    fn debug_output_shows_no_key() {
        let cipher = Aead::new(&ClusterKey::from_random([0xab; 32]), "alpha", 1);
        let seal = cipher.derive(&life(1, 2, 3), 0);
        assert_eq!(format!("{cipher:?}"), "Aead { cluster_name: \"alpha\", key_id: 1, .. }");
        assert_eq!(format!("{seal:?}"), "SenderKey(..)");
    }
}
