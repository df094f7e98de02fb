//! What is known of each life of each node.

use super::{Arrival, Heard, number, refusals::Refusal};
use crate::input::Lane;
use cman_crypto::{Cipher, ReplayWindow, Seal};
use cman_types::{Incarnation, Instant, Member, MemberId};
use cman_wire::{Assembly, Frame, Part, codec};
use core::{net::SocketAddr, time::Duration};

/// Lives of one node that are remembered at a time.
const SESSIONS_MAX: usize = 4;

/// How often a life that fell silent before it answered is challenged again.
const RETRIES: u8 = 3;

/// For so long a life that was challenged may not be pushed out by one with an older incarnation.
const GRACE: Duration = Duration::from_secs(1);

/// Challenges of one node that are answered in each second.
const ANSWERS_PER_SECOND: u32 = 50;

/// What is heard of one life on one lane.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) seal: Box<dyn Seal>,
    pub(super) window: ReplayWindow,
    assembly: Assembly,
}

impl Incoming {
    pub(super) fn new(sender: &MemberId, lane: Lane, cipher: &dyn Cipher) -> Self {
        Self {
            seal: cipher.derive(sender, number(lane)),
            window: ReplayWindow::default(),
            assembly: Assembly::default(),
        }
    }
}

/// Whether a life is believed.
#[derive(Debug)]
enum Trust {
    Unverified {
        /// What it must answer.
        nonce: u64,
        /// When it may be challenged next.
        again_at: Instant,
        retries_left: u8,
        /// Its newest hello, with the counter of its datagram: handed on once it answered.
        hello: Option<(u64, Box<Heard>)>,
    },
    Verified,
}

/// One life of another node.
#[derive(Debug)]
pub(super) struct Session {
    id: MemberId,
    pub(super) address: SocketAddr,
    heard_at: Instant,
    begun_at: Instant,
    trust: Trust,
    control: Option<Box<Incoming>>,
    data: Option<Box<Incoming>>,
}

impl Session {
    /// A life whose first authentic datagram has just come.
    pub(super) fn new(
        now: Instant,
        id: MemberId,
        address: SocketAddr,
        nonce: u64,
        lane: Lane,
        incoming: Incoming,
    ) -> Self {
        let trust = Trust::Unverified { nonce, again_at: now, retries_left: RETRIES, hello: None };
        let mut session =
            Self { id, address, heard_at: now, begun_at: now, trust, control: None, data: None };
        *session.lane_mut(lane) = Some(Box::new(incoming));
        session
    }

    pub(super) const fn is_verified(&self) -> bool {
        matches!(self.trust, Trust::Verified)
    }

    const fn lane_mut(&mut self, lane: Lane) -> &mut Option<Box<Incoming>> {
        match lane {
            Lane::Control => &mut self.control,
            Lane::Data => &mut self.data,
        }
    }

    pub(super) fn incoming(&mut self, lane: Lane, cipher: &dyn Cipher) -> &mut Incoming {
        let id = self.id;
        self.lane_mut(lane).get_or_insert_with(|| Box::new(Incoming::new(&id, lane, cipher)))
    }

    /// It was heard from there.
    pub(super) const fn touch(&mut self, now: Instant, address: SocketAddr) {
        self.heard_at = now;
        self.address = address;
    }

    /// When it may be challenged next; `None` if it is verified.
    pub(super) const fn challenge_at(&self) -> Option<Instant> {
        match self.trust {
            Trust::Unverified { again_at, .. } => Some(again_at),
            Trust::Verified => None,
        }
    }

    /// The nonce to challenge it with now, if that is due. `heard`: because it spoke, and not
    /// because it keeps silent.
    pub(super) fn challenge(
        &mut self,
        now: Instant,
        patience: Duration,
        heard: bool,
    ) -> Option<u64> {
        let Trust::Unverified { nonce, again_at, retries_left, .. } = &mut self.trust else {
            return None;
        };
        if now < *again_at {
            return None;
        }
        *retries_left = if heard { RETRIES } else { retries_left.checked_sub(1)? };
        *again_at = now + patience;
        Some(*nonce)
    }

    /// It answered a challenge. If it was this gate's, it is verified; returns its last hello.
    /// What it sealed before the answer, and comes later, is not believed.
    pub(super) fn answered(&mut self, arrival: Arrival, answer: u64) -> Option<Heard> {
        let Trust::Unverified { nonce, hello, .. } = &mut self.trust else { return None };
        if answer != *nonce {
            return None;
        }
        let hello = hello.take();
        self.trust = Trust::Verified;
        if let Some(incoming) = self.lane_mut(arrival.lane) {
            incoming.window.forget_before(arrival.counter);
        }
        hello.map(|(_, heard)| *heard)
    }

    /// Hands a frame on if this life is verified or the frame proves its own freshness; keeps
    /// the newest hello otherwise.
    pub(super) fn pass(
        &mut self,
        me: MemberId,
        arrival: Arrival,
        frame: Frame,
        heard: &mut Vec<Heard>,
    ) {
        let Arrival { address, multicast, lane, counter, .. } = arrival;
        let this = Heard { from: self.id, address, multicast, lane, frame };
        match &mut self.trust {
            Trust::Verified => heard.push(this),
            Trust::Unverified { .. } if names(&this.frame, &me) => heard.push(this),
            Trust::Unverified { hello, .. } => {
                let newer = hello.as_ref().is_none_or(|(kept, _)| counter > *kept);
                if newer && matches!(this.frame, Frame::Hello(_)) {
                    *hello = Some((counter, Box::new(this)));
                }
            }
        }
    }

    /// Takes a part of a long frame; the frame if that completed it. Unverified lives may not
    /// occupy memory with parts.
    pub(super) fn assemble(
        &mut self,
        lane: Lane,
        wire_version: u8,
        part: &Part<'_>,
    ) -> Result<Option<Frame>, Refusal> {
        if !self.is_verified() {
            return Ok(None);
        }
        let Some(incoming) = self.lane_mut(lane) else { return Ok(None) };
        let whole = incoming.assembly.add(part).map_err(|_| Refusal::Malformed)?;
        let Some((kind, body)) = whole else { return Ok(None) };
        codec::decode_long(wire_version, kind, &body).map_err(|_| Refusal::Malformed)
    }
}

/// Whether this frame names this very life of this node, salt included. Then it was said in this
/// life: nobody knew the salt before.
fn names(frame: &Frame, me: &MemberId) -> bool {
    match frame {
        Frame::Refuse(refuse) => refuse.target == *me,
        Frame::PutOut(put_out) => put_out.target == *me,
        _ => false,
    }
}

/// So many in each second.
#[derive(Debug, Default)]
pub(super) struct Rate {
    second_began: Instant,
    used: u32,
}

impl Rate {
    pub(super) fn allow(&mut self, now: Instant) -> bool {
        if self.second_began + Duration::from_secs(1) <= now {
            *self = Self { second_began: now, used: 0 };
        }
        self.used += 1;
        self.used <= ANSWERS_PER_SECOND
    }
}

/// The lives of one node.
#[derive(Debug, Default)]
pub(super) struct Slot {
    sessions: Vec<Session>,
    answers: Rate,
}

impl Slot {
    pub(super) fn get(&self, id: &MemberId) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id == *id)
    }

    pub(super) fn get_mut(&mut self, id: &MemberId) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.id == *id)
    }

    /// A session, and how often this node may still be answered.
    pub(super) fn get_with_answers(&mut self, id: &MemberId) -> Option<(&mut Session, &mut Rate)> {
        let session = self.sessions.iter_mut().find(|session| session.id == *id)?;
        Some((session, &mut self.answers))
    }

    /// Drops lives that fell silent while a later one of the same node speaks.
    pub(super) fn prune(&mut self, now: Instant, silence: Duration) {
        if self.sessions.len() < 2 {
            return;
        }
        let newest = self.sessions.iter().filter(|s| s.is_verified()).map(|s| s.heard_at).max();
        let Some(newest) = newest else { return };
        self.sessions.retain(|s| s.heard_at >= newest || s.heard_at + silence > now);
    }

    /// Takes a new life in; false if there is no room. Unverified lives go first. Somebody who
    /// replays many old lives must not push out the one that is just being challenged, so among
    /// those lately challenged the higher incarnation stays: that is the living one unless its
    /// state was lost *and* its clock stepped back, and then it gets its turn a second later.
    pub(super) fn admit(&mut self, now: Instant, session: Session) -> bool {
        if self.sessions.len() >= SESSIONS_MAX {
            let standing = |s: &Session| -> (bool, Option<Incarnation>, Instant) {
                let protected = s.begun_at + GRACE > now;
                (s.is_verified(), protected.then_some(s.id.incarnation), s.heard_at)
            };
            let least = (0..self.sessions.len())
                .min_by_key(|at| self.sessions.get(*at).map(standing))
                .unwrap_or(0);
            let stays = |s: &Session| {
                let (_, protected_as, _) = standing(s);
                !s.is_verified() && protected_as > Some(session.id.incarnation)
            };
            if self.sessions.get(least).is_some_and(stays) {
                return false;
            }
            self.sessions.remove(least);
        }
        self.sessions.push(session);
        true
    }

    /// This life is alive: a view says so.
    pub(super) fn vouch(&mut self, now: Instant, member: &Member) {
        if let Some(session) = self.get_mut(&member.id) {
            session.trust = Trust::Verified;
            return;
        }
        let session = Session {
            id: member.id,
            address: member.address,
            heard_at: now,
            begun_at: now,
            trust: Trust::Verified,
            control: None,
            data: None,
        };
        self.admit(now, session);
    }

    pub(super) fn forget_others(&mut self, id: &MemberId) {
        self.sessions.retain(|session| session.id == *id);
    }

    pub(super) fn forget(&mut self, id: &MemberId) {
        self.sessions.retain(|session| session.id != *id);
    }
}
