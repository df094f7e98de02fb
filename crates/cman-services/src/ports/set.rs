//! Some of the 256 ports.

use core::fmt;

/// Bytes of a set.
pub(crate) const SIZE: usize = 32;

/// The ports that a node has bound. Port 0 is always among them: it is the node's own.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PortSet {
    /// Port `p` is bit `p % 8` of byte `p / 8`.
    bits: [u8; SIZE],
}

impl Default for PortSet {
    /// Port 0 only.
    fn default() -> Self {
        let mut bits = [0; SIZE];
        bits[0] = 1;
        Self { bits }
    }
}

impl fmt::Debug for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Where a port is: which byte, and the bit in it.
const fn place(port: u8) -> (usize, u8) {
    ((port / 8) as usize, 1 << (port % 8))
}

impl PortSet {
    /// Whether the port is bound.
    #[must_use]
    pub fn contains(&self, port: u8) -> bool {
        let (byte, bit) = place(port);
        self.bits.get(byte).is_some_and(|bits| bits & bit != 0)
    }

    /// The ports, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u8> {
        let set = *self;
        (0..=u8::MAX).filter(move |port| set.contains(*port))
    }

    /// A port is bound. False if it was.
    pub(crate) fn insert(&mut self, port: u8) -> bool {
        let (byte, bit) = place(port);
        let was = self.contains(port);
        if let Some(bits) = self.bits.get_mut(byte) {
            *bits |= bit;
        }
        !was
    }

    /// A port is bound no more. False if it was not, and of port 0.
    pub(crate) fn remove(&mut self, port: u8) -> bool {
        let (byte, bit) = place(port);
        let goes = port != 0 && self.contains(port);
        if let Some(bits) = self.bits.get_mut(byte).filter(|_| goes) {
            *bits &= !bit;
        }
        goes
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; SIZE] {
        &self.bits
    }

    /// None without port 0: nobody says that.
    pub(crate) fn from_bytes(bits: [u8; SIZE]) -> Option<Self> {
        let set = Self { bits };
        set.contains(0).then_some(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};
    use std::collections::BTreeSet;

    #[test]
    fn port_0_stays() {
        let mut set = PortSet::default();
        assert!(!set.insert(0) && !set.remove(0));
        assert_eq!(set.iter().collect::<Vec<_>>(), [0]);
        assert_eq!(PortSet::from_bytes([0xfe; SIZE]), None);
    }

    #[test]
    fn bits_are_where_they_are_said_to_be() {
        let mut set = PortSet::default();
        assert!(set.insert(11) && set.insert(255));
        let mut expected = [0; SIZE];
        (expected[0], expected[1], expected[31]) = (1, 8, 128);
        assert_eq!(set.as_bytes(), &expected);
    }

    proptest! {
        #[test]
        fn it_is_a_set(steps in vec((any::<bool>(), 1u8..), 0..200)) {
            let (mut set, mut model) = (PortSet::default(), BTreeSet::from([0]));
            for (comes, port) in steps {
                if comes {
                    prop_assert_eq!(set.insert(port), model.insert(port));
                } else {
                    prop_assert_eq!(set.remove(port), model.remove(&port));
                }
                prop_assert_eq!(set.iter().collect::<BTreeSet<_>>(), model.clone());
            }
            prop_assert_eq!(PortSet::from_bytes(*set.as_bytes()), Some(set));
        }
    }
}
