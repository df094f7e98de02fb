//! The phases of a node: candidate, normal, frozen.

use cman_quorum::lease::SendTimes;
use cman_types::{Instant, MemberId, NodeId, ViewId};
use cman_wire::frame::{Change, Flush, Plan, Propose, Reason};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// A node is in exactly one phase.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Phase {
    /// Without a working view.
    Candidate(Candidate),
    /// In a working view.
    Normal(Normal),
    /// In a view change.
    Frozen(Frozen),
    /// Left, killed or refused.
    Ended,
}

/// Looking for a view.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Candidate {
    /// Since when.
    pub since: Instant,
    /// How long it listens before it may propose.
    pub listen: Duration,
    /// When it says hello again.
    pub next_hello: Instant,
    /// When it looks around again.
    pub next_look: Instant,
    /// How many hellos it said.
    pub hellos: u32,
    /// Since when it heard a working coordinator that could take it in.
    pub coordinator_since: Option<Instant>,
    /// Since when all configured nodes are heard.
    pub complete_since: Option<Instant>,
    /// The probe under way before a proposal.
    pub probing: Option<Probing>,
}

/// A candidate's probe of those it wants to propose.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Probing {
    /// The nonce they must repeat.
    pub nonce: u64,
    /// When it began.
    pub since: Instant,
    /// When unanswered probes are sent again.
    pub resend_at: Instant,
    /// Whom, and whether they answered.
    pub targets: BTreeMap<MemberId, bool>,
}

/// In a working view: every node watches the coordinator; one, or a deputy, is a hub.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Normal {
    /// The coordinator's work, or that of a deputy acting for it.
    pub hub: Option<Hub>,
    /// The member's watch over the coordinator; idle at the coordinator itself.
    pub watch: Watch,
}

/// The work of a hub.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Hub {
    /// A deputy, acting for a silent coordinator.
    pub acting: bool,
    /// Since when.
    pub since: Instant,
    /// When the next beat is due.
    pub next_beat: Instant,
    /// When silence must be judged again, at the latest.
    pub check_at: Instant,
    /// When the coordinator says hello again.
    pub next_hello: Instant,
    /// How many hellos it said.
    pub hellos: u32,
    /// What is known of each other member; the acting hub knows only those that answered it.
    pub members: BTreeMap<MemberId, HubMember>,
}

/// What names a member beat between a member and a hub: the number of the hub's beat that it
/// answers, and how often that was answered before. Grows with each member beat, except that all
/// from the 256th answer to the same beat on share a name.
pub(crate) type AnswerId = (u64, u8);

/// What a hub knows of a member.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct HubMember {
    /// When it was last heard, directly or through a relay.
    pub heard: Instant,
    /// When it was last heard directly.
    pub direct: Instant,
    /// The moment of the newest evidence of its life; never shifted.
    pub evidence: Option<Instant>,
    /// Which answer to which beat its newest member beat is; none if it was not heard in this view.
    pub newest: Option<AnswerId>,
    /// It does not hear our multicast.
    pub needs_unicast: bool,
    /// Since when it has said so.
    pub deaf_since: Option<Instant>,
    /// Multicast has not passed to it for a token, though unicast does.
    pub deaf: bool,
    /// Its own stall, as told.
    pub delay: Duration,
    /// It carries state, as told (R-80m).
    pub dirty: bool,
    /// When an urgent beat of it was answered last.
    pub urgent_answered: Instant,
}

/// A member's watch over the coordinator.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Watch {
    /// When the coordinator was last heard, directly or through a relay.
    pub heard: Instant,
    /// When it was last heard directly.
    pub direct: Instant,
    /// The moment of the newest evidence of its life; never shifted.
    pub evidence: Option<Instant>,
    /// When its multicast was last heard.
    pub multicast: Instant,
    /// Newest moment for which a two-way path is proven.
    pub contact: Instant,
    /// This node's place in the order in which members stand in for the coordinator.
    pub place: Option<u32>,
    /// Whether the newest beat lists this node as late.
    pub listed_late: bool,
    /// Whether the newest beat says that this node is heard only through relays.
    pub routed: bool,
    /// When a new life of the coordinator's node was first heard.
    pub restarted: Option<Instant>,
    /// When this node last needed a relay.
    pub relay_needed: Instant,
    /// When the next member beat is due.
    pub next_beat: Instant,
    /// When the relays may be asked for again.
    pub next_who: Instant,
    /// The hubs whose beats were heard in this view.
    pub hubs: BTreeMap<MemberId, HubSeen>,
}

/// What a member knows of a hub.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct HubSeen {
    /// The name of the next member beat to it: the number of its newest beat, and how often that
    /// was answered.
    pub next: AnswerId,
    /// When the newest member beats to it were sent.
    pub sent: SendTimes<AnswerId>,
    /// When that beat was received.
    pub received: Instant,
    /// When one of its beats came by multicast.
    pub multicast: Instant,
    /// When one of its beats came by unicast.
    pub unicast: Option<Instant>,
    /// When it was answered last.
    pub answered: Instant,
}

/// In a view change.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Frozen {
    /// What is proposed.
    pub propose: Propose,
    /// When this node froze.
    pub since: Instant,
    /// When the plan came.
    pub planned: Option<Instant>,
    /// When something last went forward.
    pub progress: Instant,
    /// Proposer or participant.
    pub role: Role,
}

/// The part a frozen node plays.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Role {
    /// Runs the view change.
    Proposer(Box<Proposer>),
    /// Answers.
    Participant {
        /// How the last views end, once that is planned.
        plan: Option<Box<Plan>>,
        /// Whether it holds all that the plan asks for.
        recovered: bool,
        /// When it says so again.
        resend_at: Instant,
    },
}

/// The proposer's state.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Proposer {
    /// Answers to the proposal.
    pub flushes: BTreeMap<MemberId, Flush>,
    /// Members told to complete an earlier view first.
    pub committing: BTreeMap<MemberId, ViewId>,
    /// The plan, once all have answered.
    pub plan: Option<Plan>,
    /// Who holds all of the plan.
    pub recovered: BTreeSet<MemberId>,
    /// What the others still lack of it, as they told.
    pub missing: BTreeMap<MemberId, u32>,
    /// When the silent are asked again.
    pub resend_at: Instant,
    /// When the silent are left out.
    pub deadline: Instant,
    /// Set when the proposal was outvoted: when to propose again.
    pub retry_at: Option<Instant>,
    /// Members who refused for good.
    pub refused: BTreeSet<MemberId>,
    /// Set when there are any: when to propose again without them, if not all answer before.
    pub leave_out_at: Option<Instant>,
}

/// A ballot that this node answered *recovered* to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Pending {
    /// The ballot.
    pub propose: Propose,
    /// Its plan.
    pub plan: Plan,
}

/// Why the proposer's view changes, collected before a proposal.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Changes(pub Vec<Change>);

impl Changes {
    /// Notes one.
    pub(crate) fn note(&mut self, node: NodeId, reason: Reason, witness: NodeId, silent: Duration) {
        if !self.0.iter().any(|change| change.node == node) {
            self.0.push(Change { node, reason, witness, silent });
        }
    }
}

impl Frozen {
    /// Whether this node runs the view change.
    pub(crate) const fn proposing(&self) -> bool {
        matches!(self.role, Role::Proposer(_))
    }
}
