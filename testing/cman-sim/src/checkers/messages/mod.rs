//! The invariants of messages (architecture 2, 3 and 5; P1 to P5 of the protocol), one file each.
//! They know every message that any life was told is accepted, and what each delivered where.
//!
//! | file | invariant | source |
//! |---|---|---|
//! | [`agreement`] | members of a view deliver prefixes of one sequence | architecture 3, P1 |
//! | [`causes`] | no effect before its cause | P5 |
//! | [`genuine`] | what is delivered was sent, whole | architecture 3 |
//! | [`safe`] | a safe message is delivered by all who go on | P4 |
//! | [`senders`] | per sender no gap in a view, nothing twice, own ones all | P3, architecture 5 |
//! | [`synchrony`] | who goes on together delivered the same | architecture 2, P2 |

mod agreement;
mod causes;
mod genuine;
mod safe;
mod senders;
mod synchrony;

use cman_node::Deliver;
use cman_types::{MemberId, ViewId};
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use crate::violation::{Check, Violation};

/// One message: whose, and the how many-th of that life, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key {
    /// Who sent it.
    pub sender: MemberId,
    /// Its number among those that this life was told are accepted.
    pub number: u64,
}

/// What is known of a message that was accepted.
#[derive(Clone, Debug)]
struct Sent {
    /// Length of its payload.
    length: usize,
    safe: bool,
    /// What its sender had delivered last, and in which view.
    after: Option<(ViewId, Key)>,
}

/// What one life delivers in the view it is in.
#[derive(Clone, Debug, Default)]
struct Delivered {
    view: Option<ViewId>,
    sequence: Vec<Key>,
    /// The same, to look up.
    set: BTreeSet<Key>,
    /// Newest of each sender in this view.
    newest: BTreeMap<MemberId, u64>,
    /// Global sequence of the last one, and how many had it.
    place: (u64, u32),
}

/// What a life delivered in a view that it has left for another.
#[derive(Clone, Debug)]
struct Done {
    set: Rc<BTreeSet<Key>>,
}

/// All messages of a world.
#[derive(Debug, Default)]
pub struct Messages {
    sent: BTreeMap<MemberId, Vec<Sent>>,
    now: BTreeMap<MemberId, Delivered>,
    /// Newest message of each sender that a life ever delivered.
    ever: BTreeMap<(MemberId, MemberId), u64>,
    agreement: agreement::Agreement,
    safe: safe::Safe,
    senders: senders::Senders,
    synchrony: synchrony::Synchrony,
    /// What each life delivered in each view it left.
    done: BTreeMap<(ViewId, MemberId), Done>,
    /// How many messages were accepted, and delivered at all members together.
    pub accepted: u64,
    /// Deliveries at all members together.
    pub delivered: u64,
}

/// When a message is delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// While the view works.
    Working,
    /// As its stream is closed, before the transitional event.
    Closing,
    /// After it.
    Transitional,
}

/// Which message that is, if no service has sent it.
#[must_use]
pub fn key_of(deliver: &Deliver) -> Option<Key> {
    let number = genuine::number_of(deliver).filter(|_| genuine::is_plain(deliver))?;
    Some(Key { sender: deliver.sender, number })
}

impl Messages {
    /// Whether somebody has delivered this message at a place in the sequence of its view.
    #[must_use]
    pub fn had_a_place(&self, deliver: &Deliver) -> bool {
        key_of(deliver).is_some_and(|key| self.agreement.has_placed(deliver.view, &key))
    }

    /// Whether a life has delivered a message in the view it is in.
    #[must_use]
    pub fn has_delivered(&self, me: &MemberId, key: &Key) -> bool {
        self.now.get(me).is_some_and(|delivered| delivered.set.contains(key))
    }

    /// The next message of a life: its key and payload. It counts once [`Messages::accept`] says
    /// that the node took it.
    #[must_use]
    pub fn compose(&self, sender: MemberId, length: usize) -> (Key, Vec<u8>) {
        let number = self.sent.get(&sender).map_or(0, Vec::len) as u64 + 1;
        let key = Key { sender, number };
        (key, genuine::payload(&key, length))
    }

    /// The node took a message.
    pub fn accept(&mut self, key: Key, length: usize, safe: bool) {
        let after = self
            .now
            .get(&key.sender)
            .and_then(|delivered| Some((delivered.view?, *delivered.sequence.last()?)));
        self.sent.entry(key.sender).or_default().push(Sent { length, safe, after });
        self.accepted += 1;
    }

    /// The node did not take the message after all.
    pub fn refuse(&mut self, sender: &MemberId) {
        if let Some(sent) = self.sent.get_mut(sender)
            && sent.pop().is_some()
        {
            self.accepted -= 1;
        }
    }

    /// `me` delivers a message. Those of the services are not looked at.
    ///
    /// # Errors
    /// It must not.
    pub fn deliver(&mut self, me: MemberId, deliver: &Deliver, phase: Phase) -> Check {
        if !genuine::is_plain(deliver) {
            return Ok(());
        }
        let sent = self.sent.get(&deliver.sender).map_or(&[][..], Vec::as_slice);
        let key = genuine::check(&me, deliver, |number| {
            let at = usize::try_from(number.checked_sub(1)?).ok()?;
            sent.get(at).map(|sent| (sent.length, sent.safe))
        })?;
        let after =
            usize::try_from(key.number - 1).ok().and_then(|at| sent.get(at)).and_then(|s| s.after);
        let mine = self.now.entry(me).or_default();
        if mine.view != Some(deliver.view) {
            let what = format!("{key:?} of view {:?} delivered in {:?}", deliver.view, mine.view);
            return Err(Violation::new("delivered in its view", &[me.node], what));
        }
        causes::check(&me, mine, &key, deliver.view, after)?;
        let last = self.ever.insert((me, key.sender), key.number);
        self.senders.check(&me, mine, &key, deliver.view, last)?;
        let place = if deliver.number == mine.place.0 {
            (deliver.number, mine.place.1 + 1)
        } else {
            (deliver.number, 0)
        };
        if deliver.number > 0 {
            self.agreement.check(&me, deliver.view, mine.place, place, &key, phase)?;
        }
        mine.place = place;
        mine.sequence.push(key);
        mine.set.insert(key);
        mine.newest.insert(key.sender, key.number);
        self.delivered += 1;
        if deliver.safe && phase != Phase::Transitional {
            let done = &self.done;
            let left = |member: &MemberId| {
                done.get(&(deliver.view, *member)).map(|done| done.set.contains(&key))
            };
            self.safe.check(&me, deliver.view, key, left)?;
        }
        Ok(())
    }

    /// `me` installs `view`, coming from `previous`.
    ///
    /// # Errors
    /// It did not deliver in the old one what others did that come along.
    pub fn install(&mut self, me: MemberId, previous: Option<ViewId>, view: ViewId) -> Check {
        let old = self.now.insert(me, Delivered { view: Some(view), ..Delivered::default() });
        let (Some(previous), Some(old)) = (previous, old) else { return Ok(()) };
        self.safe.leave(&me, previous, &old.set)?;
        self.synchrony.check(&me, previous, view, &old.sequence)?;
        self.done.insert((previous, me), Done { set: Rc::new(old.set) });
        Ok(())
    }

    /// The members of a view are at rest: all that they were told is accepted has been delivered,
    /// at all of them.
    ///
    /// # Errors
    /// Something was not.
    pub fn at_rest(&self, members: &[MemberId]) -> Check {
        for me in members {
            let accepted = self.sent.get(me).map_or(0, Vec::len) as u64;
            let delivered = self.ever.get(&(*me, *me)).copied().unwrap_or(0);
            if delivered < accepted {
                let what = format!("{me:?} delivered {delivered} of its own {accepted} messages");
                return Err(Violation::new("messages flow", &[me.node], what));
            }
        }
        let sequences = members.iter().filter_map(|me| self.now.get(me).map(|now| (me, now)));
        let Some((first, expected)) = sequences.clone().max_by_key(|(_, now)| now.sequence.len())
        else {
            return Ok(());
        };
        for (me, now) in sequences {
            if now.sequence != expected.sequence {
                let (here, there) = (now.sequence.len(), expected.sequence.len());
                let what = format!("{me:?} delivered {here} messages, {first:?} {there}");
                return Err(Violation::new("messages arrive everywhere", &[me.node], what));
            }
        }
        Ok(())
    }
}
