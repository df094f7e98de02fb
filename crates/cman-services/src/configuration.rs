//! Which version of the configuration the members are to have. Specified in
//! `docs/spec/configuration.md`.
//!
//! The members agree on what is wanted; each finds out for itself when it has it.

use crate::{
    output::Out,
    reader::{Malformed, Reader, put_number},
    service::Service,
};
use bytes::Bytes;
use cman_types::{MemberId, NodeId};
use std::collections::{BTreeMap, VecDeque};

/// The kind of the only operation.
const WANT: u8 = 1;

/// A version of the configuration (CF-01).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct WantedConfig {
    /// Which; 0 as long as none is wanted.
    pub version: u64,
    /// A version, the oldest that somebody knows of, with which nodes count votes as they do with
    /// that one, and find each other: nodes with either may be in one cluster. At most the version.
    pub like: u64,
}

impl WantedConfig {
    /// What is wanted when both are (CF-02).
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let (newer, older) =
            if self.version >= other.version { (self, other) } else { (other, self) };
        if newer.version > older.version {
            return newer;
        }
        Self { like: newer.like.min(older.like), ..newer }
    }

    fn put(self, into: &mut Vec<u8>) {
        put_number(self.version, into);
        put_number(self.like, into);
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, Malformed> {
        let (version, like) = (reader.number()?, reader.number()?);
        reader.finish()?;
        if like > version { Err(Malformed) } else { Ok(Self { version, like }) }
    }
}

/// What is wanted, as of what was delivered.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Configuration {
    wanted: WantedConfig,
}

impl Configuration {
    pub(crate) const fn wanted(&self) -> WantedConfig {
        self.wanted
    }

    /// This node wants that. Nothing is sent if that says nothing new.
    pub(crate) fn want(&self, wanted: WantedConfig, out: &mut VecDeque<Out>) {
        if self.wanted.or(wanted) == self.wanted {
            return;
        }
        let mut bytes = vec![Self::ID, WANT];
        wanted.put(&mut bytes);
        out.push_back(Out::Multicast { payload: bytes.into(), safe: false, urgent: false });
    }

    fn take_over(&mut self, wanted: WantedConfig, out: &mut VecDeque<Out>) {
        let both = self.wanted.or(wanted);
        if both != self.wanted {
            self.wanted = both;
            out.push_back(Out::Configuration(both));
        }
    }
}

impl Service for Configuration {
    const ID: u8 = 5;

    type Part = WantedConfig;

    fn part(&self) -> WantedConfig {
        self.wanted
    }

    fn encode_part(part: &WantedConfig, into: &mut Vec<u8>) {
        part.put(into);
    }

    fn decode_part(bytes: &[u8]) -> Result<WantedConfig, Malformed> {
        WantedConfig::read(Reader::new(bytes))
    }

    /// What somebody wanted stays wanted.
    fn on_lost(&mut self, _kept: &[NodeId], _out: &mut VecDeque<Out>) {}

    /// CF-04
    fn on_synced(&mut self, parts: BTreeMap<NodeId, WantedConfig>, out: &mut VecDeque<Out>) {
        let all = parts.into_values().fold(WantedConfig::default(), WantedConfig::or);
        self.take_over(all, out);
    }

    /// CF-03
    fn on_operation(&mut self, _sender: MemberId, operation: &Bytes, out: &mut VecDeque<Out>) {
        let mut reader = Reader::new(operation);
        if reader.array() == Ok([Self::ID, WANT])
            && let Ok(wanted) = WantedConfig::read(reader)
        {
            self.take_over(wanted, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_types::{Incarnation, Salt};
    use proptest::prelude::*;

    const fn wanted(version: u64, like: u64) -> WantedConfig {
        WantedConfig { version, like }
    }

    fn node(id: u32) -> NodeId {
        NodeId::new(id).unwrap()
    }

    fn sender() -> MemberId {
        MemberId { node: node(1), incarnation: Incarnation(1), salt: Salt::default() }
    }

    /// What is sent for that, delivered to the same machine; and what came of it.
    fn deliver(machine: &mut Configuration, what: WantedConfig) -> Vec<Out> {
        let mut out = VecDeque::new();
        machine.want(what, &mut out);
        if let Some(Out::Multicast { payload, .. }) = out.pop_front() {
            machine.on_operation(sender(), &payload, &mut out);
        }
        out.into()
    }

    /// CF-03
    #[test]
    fn what_is_wanted_is_told_once() {
        let mut machine = Configuration::default();
        let told = |version, like| [Out::Configuration(wanted(version, like))];
        assert_eq!(deliver(&mut machine, wanted(7, 7)), told(7, 7));
        assert_eq!(deliver(&mut machine, wanted(7, 7)), []);
        assert_eq!(deliver(&mut machine, wanted(7, 5)), told(7, 5));
        assert_eq!(deliver(&mut machine, wanted(6, 1)), [], "older");
        assert_eq!(deliver(&mut machine, wanted(8, 8)), told(8, 8));
        assert_eq!(machine.wanted(), wanted(8, 8));
    }

    /// CF-04
    #[test]
    fn who_comes_later_is_told_what_is_wanted() {
        let (mut machine, mut out) = (Configuration::default(), VecDeque::new());
        let parts = [(node(1), wanted(7, 6)), (node(2), wanted(7, 5)), (node(3), wanted(0, 0))];
        machine.on_synced(parts.into(), &mut out);
        assert_eq!(out, [Out::Configuration(wanted(7, 5))]);
        machine.on_lost(&[], &mut out);
        assert_eq!(machine.part(), wanted(7, 5));
    }

    /// Section 3 of the page, and CF-01.
    #[test]
    fn bytes_are_as_specified() {
        let mut out = VecDeque::new();
        Configuration::default().want(wanted(300, 2), &mut out);
        let payload = Bytes::from_static(b"\x05\x01\xac\x02\x02");
        assert_eq!(out, [Out::Multicast { payload, safe: false, urgent: false }]);
        let mut part = Vec::new();
        Configuration::encode_part(&wanted(300, 2), &mut part);
        assert_eq!(part, b"\xac\x02\x02");
        for bad in [&b""[..], b"\x01", b"\x01\x02", b"\x02\x01\x00", b"\x80\x00\x00"] {
            assert_eq!(Configuration::decode_part(bad), Err(Malformed), "{bad:?}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_passed_over() {
        let (mut machine, mut out) = (Configuration::default(), VecDeque::new());
        for bad in
            [&b""[..], b"\x05", b"\x05\x02\x02\x01", b"\x05\x01\x01\x02", b"\x05\x01\x01\x01!"]
        {
            machine.on_operation(sender(), &Bytes::from_static(bad), &mut out);
        }
        assert_eq!((machine, out), (Configuration::default(), VecDeque::new()));
    }

    fn any_wanted() -> impl Strategy<Value = WantedConfig> {
        (0..9_u64, 0..9_u64).prop_map(|(version, like)| wanted(version, like.min(version)))
    }

    proptest! {
        /// CF-02: whatever the order in which it is heard of, the same is wanted.
        #[test]
        fn the_order_does_not_matter(a in any_wanted(), b in any_wanted(), c in any_wanted()) {
            prop_assert_eq!(a.or(b), b.or(a));
            prop_assert_eq!(a.or(b).or(c), a.or(b.or(c)));
            prop_assert_eq!(a.or(a), a);
            prop_assert_eq!(a.or(b).or(b), a.or(b));
        }

        #[test]
        fn parts_come_back(part in any_wanted()) {
            let mut bytes = Vec::new();
            Configuration::encode_part(&part, &mut bytes);
            prop_assert_eq!(Configuration::decode_part(&bytes), Ok(part));
        }
    }
}
