//! Architecture, invariant 3: what is delivered was sent by its sender, whole and unchanged.

use cman_node::Deliver;
use cman_types::{MemberId, Prng};
use core::iter;

use super::Key;
use crate::violation::Violation;

/// Bytes of the service's tag and the number.
const HEAD: usize = 9;

/// The tag of a service that nobody offers: nodes hand such messages on and do nothing else.
const TAG: u8 = 255;

/// What a message of at least `length` bytes says: its number, and bytes that follow from it.
pub(super) fn payload(key: &Key, length: usize) -> Vec<u8> {
    let length = length.max(HEAD);
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&head(key));
    for word in filler(key) {
        match length - bytes.len() {
            0 => break,
            left => bytes.extend_from_slice(&word[..left.min(word.len())]),
        }
    }
    bytes
}

/// Whether these are the bytes that [`payload`] makes. They are not made for it: most of what is
/// said is compared many times.
fn is_payload(bytes: &[u8], key: &Key, length: usize) -> bool {
    let Some((said, rest)) = bytes.split_first_chunk() else { return false };
    let (words, last) = rest.as_chunks();
    let mut filler = filler(key);
    bytes.len() == length.max(HEAD)
        && *said == head(key)
        && words.iter().zip(&mut filler).all(|(said, word)| *said == word)
        && filler.next().is_some_and(|word| word.starts_with(last))
}

fn head(key: &Key) -> [u8; HEAD] {
    let mut head = [TAG; HEAD];
    head[1..].copy_from_slice(&key.number.to_be_bytes());
    head
}

fn filler(key: &Key) -> impl Iterator<Item = [u8; 8]> {
    let mut prng = Prng::new(key.number ^ key.sender.incarnation.0);
    iter::repeat_with(move || prng.next_u64().to_be_bytes())
}

/// Whether no service has sent it.
pub(super) fn is_plain(deliver: &Deliver) -> bool {
    deliver.payload.first() == Some(&TAG)
}

/// The number that a delivery says it has.
pub(super) fn number_of(deliver: &Deliver) -> Option<u64> {
    deliver.payload.get(1..HEAD)?.try_into().ok().map(u64::from_be_bytes)
}

/// Compares a delivery with what was sent: its length and whether it was to be safe.
pub(super) fn check(
    me: &MemberId,
    deliver: &Deliver,
    sent: impl Fn(u64) -> Option<(usize, bool)>,
) -> Result<Key, Violation> {
    let fail = |what| Err(Violation::new("genuine messages", &[me.node], what));
    let Some(number) = number_of(deliver) else {
        return fail(format!("{} bytes of {:?}", deliver.payload.len(), deliver.sender));
    };
    let key = Key { sender: deliver.sender, number };
    let Some((length, safe)) = sent(number) else {
        return fail(format!("{key:?} was never sent"));
    };
    if deliver.safe != safe {
        return fail(format!("{key:?} arrives with safe {}", deliver.safe));
    }
    if !is_payload(&deliver.payload, &key, length) {
        return fail(format!("{key:?} was changed on its way"));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, view};

    fn deliver(payload: Vec<u8>) -> Deliver {
        let payload = payload.into();
        Deliver { view: view(5, &[1]).id, sender: life(2), number: 1, safe: false, payload }
    }

    #[test]
    fn what_was_changed_or_never_sent_is_found() {
        let key = Key { sender: life(2), number: 3 };
        let good = payload(&key, 40);
        let sent = |number| (number == 3).then_some((40, false));
        assert_eq!(check(&life(1), &deliver(good.clone()), sent).unwrap(), key);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(check(&life(1), &deliver(bad), sent).is_err(), "byte {at}");
        }
        assert!(check(&life(1), &deliver(good[..39].to_vec()), sent).is_err());
        assert!(check(&life(1), &deliver(good), |_| None).is_err());
    }
}
