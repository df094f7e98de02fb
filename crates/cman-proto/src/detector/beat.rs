//! What a hub says in its beats, to all and to single members.

use cman_types::{Instant, MemberId, NodeId, NodeSet};
use cman_wire::{
    Frame,
    frame::{Beat, Echo},
};

use crate::{
    engine::Engine,
    event::To,
    phase::{AnswerId, Hub, HubMember},
};

/// Echoes in one frame. So a beat fits a datagram; where members differ so much that it takes
/// more, each datagram is of use by itself. R-111.
const ECHOES_MAX: usize = 256;

impl Engine {
    /// One beat to all; by unicast too where multicast does not pass or silence grows; through
    /// relays where there are routes. R-112.
    pub(crate) fn send_beat(&mut self, now: Instant) {
        self.count_lease(now);
        let timing = self.cfg.timing;
        let urgent = self.runs_low(now, self.book.end());
        let number = self.book.next_beat(now);
        let Some(head) = self.beat_head(now, number, urgent) else { return };
        let late = now.before(timing.share(30));
        let Some(hub) = self.hub_mut() else { return };
        hub.next_beat = now + if urgent { timing.beat / 4 } else { timing.beat };
        let needs = |member: &HubMember| member.needs_unicast || member.direct < late;
        let needy: Vec<MemberId> =
            hub.members.iter().filter(|(_, member)| needs(member)).map(|(&id, _)| id).collect();
        for part in self.with_all_echoes(&head) {
            self.push(To::All, Frame::Beat(part));
        }
        for id in needy {
            self.push(To::Member(id), Frame::Beat(self.with_echo(&head, &id)));
        }
        for id in self.routes.targets() {
            self.send_relayed(id, &Frame::Beat(self.with_echo(&head, &id)));
        }
    }

    /// The answer to an urgent member beat: a beat for this member alone. It carries the number of
    /// the newest beat to all, so the member's grant counts from that one. R-149.
    pub(super) fn answer_urgent(&mut self, now: Instant, to: MemberId) {
        if let Some(head) = self.beat_head(now, self.book.newest_beat(), false) {
            let beat = self.with_echo(&head, &to);
            self.send(to, Frame::Beat(beat));
        }
    }

    /// A beat without its echoes. R-11.
    fn beat_head(&self, now: Instant, number: u64, urgent: bool) -> Option<Beat> {
        let late_limit = now.before(self.cfg.timing.share(30));
        let hub = self.hub()?;
        let through_relay = |m: &HubMember| m.direct < late_limit && m.heard >= late_limit;
        let routed = hub.members.iter().filter(|(_, member)| through_relay(member));
        Some(Beat {
            view: self.view.as_ref()?.id,
            number,
            acting: hub.acting,
            urgent,
            lease_left: self.book.end().since(now),
            settled: self.is_settled(),
            late: hub.silent_since(late_limit).map(|(id, _)| id.node).collect(),
            routed: routed.map(|(id, _)| id.node).collect(),
            echoes_from: 0,
            echoes: Vec::new(),
        })
    }

    /// The beat for all members, in as few parts as their echoes take.
    fn with_all_echoes(&self, head: &Beat) -> Vec<Beat> {
        let (Some(view), Some(hub)) = (&self.view, self.hub()) else { return Vec::new() };
        parts(head, view.ids().map(|id| hub.echo(&id, head.number)))
    }

    /// The beat for one member.
    fn with_echo(&self, head: &Beat, to: &MemberId) -> Beat {
        let index = self.view.as_ref().and_then(|view| view.index_of(to));
        let echo = self.hub().map(|hub| hub.echo(to, head.number));
        Beat {
            late: only(&head.late, to.node),
            routed: only(&head.routed, to.node),
            echoes_from: index.and_then(|index| u16::try_from(index).ok()).unwrap_or(0),
            echoes: echo.filter(|_| index.is_some()).into_iter().collect(),
            ..*head
        }
    }
}

impl Hub {
    /// What the beat of this number says to one member.
    fn echo(&self, id: &MemberId, number: u64) -> Echo {
        echo(number, self.members.get(id).and_then(|member| member.newest))
    }
}

/// How the beat of this number names the newest member beat of one member.
fn echo(number: u64, newest: Option<AnswerId>) -> Echo {
    let age = |answered: u64| u8::try_from(number.wrapping_sub(answered)).ok();
    let (age, answer) = newest
        .and_then(|(answered, answer)| Some((age(answered)?, answer)))
        .filter(|&(age, _)| age != Echo::NONE)
        .unwrap_or((Echo::NONE, 0));
    Echo { age, answer, members: 1 }
}

/// Which member beat of the member at this place the hub heard last, if the beat tells.
pub(super) fn echoed(beat: &Beat, index: usize) -> Option<AnswerId> {
    let mut ahead = index.checked_sub(usize::from(beat.echoes_from))?;
    for echo in &beat.echoes {
        let members = usize::from(echo.members);
        if ahead < members {
            let number = beat.number.wrapping_sub(u64::from(echo.age));
            return (echo.age != Echo::NONE).then_some((number, echo.answer));
        }
        ahead -= members;
    }
    None
}

/// A beat with the echoes of all members, in the order of the view, in as few parts as they take.
fn parts(head: &Beat, echoes: impl Iterator<Item = Echo>) -> Vec<Beat> {
    let mut echoes_from = 0;
    let part = |echoes: &[Echo]| {
        let part = Beat { echoes_from, echoes: echoes.to_vec(), ..head.clone() };
        echoes_from += echoes.iter().map(|echo| echo.members).sum::<u16>();
        part
    };
    joined(echoes).chunks(ECHOES_MAX).map(part).collect()
}

/// Neighbours of whom the same is said share one echo.
fn joined(echoes: impl Iterator<Item = Echo>) -> Vec<Echo> {
    let mut joined: Vec<Echo> = Vec::new();
    for echo in echoes {
        match joined.last_mut() {
            Some(last) if (last.age, last.answer) == (echo.age, echo.answer) => {
                last.members += echo.members;
            }
            _ => joined.push(echo),
        }
    }
    joined
}

/// What a set says of one node.
fn only(nodes: &NodeSet, node: NodeId) -> NodeSet {
    Some(node).filter(|&node| nodes.contains(node)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_types::{
        Epoch, Incarnation, Prng, Salt, ViewId,
        limits::{DATAGRAM_MAX, NODES_MAX},
    };
    use cman_wire::{codec, header::HEADER_SIZE};
    use core::time::Duration;

    fn head(number: u64) -> Beat {
        let node = NodeId::new(1).unwrap();
        let coordinator = MemberId { node, incarnation: Incarnation(1), salt: Salt::default() };
        Beat {
            view: ViewId { epoch: Epoch(1), coordinator },
            number,
            acting: false,
            urgent: false,
            lease_left: Duration::ZERO,
            settled: true,
            late: NodeSet::new(),
            routed: NodeSet::new(),
            echoes_from: 0,
            echoes: Vec::new(),
        }
    }

    /// Bytes of a datagram that carries nothing but this beat.
    fn size(beat: &Beat) -> usize {
        let mut bytes = Vec::new();
        codec::encode(&Frame::Beat(beat.clone()), &mut bytes);
        HEADER_SIZE + bytes.len() + 16
    }

    /// What the member at this place learns from all parts.
    fn learned(parts: &[Beat], index: usize) -> Vec<AnswerId> {
        parts.iter().filter_map(|part| echoed(part, index)).collect()
    }

    #[test]
    fn each_member_finds_its_newest_beat_in_one_part() {
        let mut prng = Prng::new(7);
        for members in [1, 2, 255, 256, 257, 1000, NODES_MAX] {
            let number = prng.below(2000);
            let newest: Vec<Option<AnswerId>> = (0..members)
                .map(|_| {
                    let age = prng.below(5);
                    let answer = u8::try_from(prng.below(2)).unwrap();
                    (age < 4).then(|| (number.wrapping_sub(age), answer))
                })
                .collect();
            let parts = parts(&head(number), newest.iter().map(|&newest| echo(number, newest)));
            for (index, newest) in newest.iter().enumerate() {
                assert_eq!(learned(&parts, index), Vec::from_iter(*newest), "{index}");
            }
            assert_eq!(learned(&parts, members), []);
            assert!(parts.iter().all(|part| size(part) <= DATAGRAM_MAX));
        }
    }

    #[test]
    fn what_is_older_than_can_be_said_is_not_said() {
        let told = |newest| echoed(&parts(&head(1000), [echo(1000, newest)].into_iter())[0], 0);
        assert_eq!(told(Some((1000, 3))), Some((1000, 3)));
        assert_eq!(told(Some((746, 0))), Some((746, 0)));
        assert_eq!(told(Some((745, 0))), None);
        assert_eq!(told(Some((1001, 0))), None, "a beat that was never sent");
        assert_eq!(told(None), None);
    }

    #[test]
    fn the_beat_of_an_idle_cluster_does_not_grow_with_it() {
        let sizes = [3, 100, NODES_MAX].map(|members| {
            let parts = parts(&head(9), (0..members).map(|_| echo(9, Some((8, 0)))));
            assert_eq!(parts.len(), 1);
            size(&parts[0])
        });
        assert!(sizes.iter().all(|&size| size == sizes[0]), "{sizes:?}");
    }
}
