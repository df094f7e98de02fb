//! What happened so far, as only the world can know it: the checkers compare with it.

use cman_types::{MemberId, ViewId};
use core::ops::Bound;
use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Real;

/// Who installed a view, and coming from where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Installer {
    /// Who.
    pub member: MemberId,
    /// The view it had installed before.
    pub previous: Option<ViewId>,
}

/// A view that somebody installed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ViewRecord {
    /// Its members, as the first installer said.
    pub members: Vec<MemberId>,
    /// When the first of them installed it.
    pub first_at: Real,
    /// Who installed it, in the order of time.
    pub installers: Vec<Installer>,
}

/// One life of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LifeRecord {
    /// When it began.
    pub born: Real,
    /// When it ended.
    pub died: Option<Real>,
    /// The view it installed last.
    pub view: Option<ViewId>,
}

/// All lives and views of a world.
#[derive(Debug, Default)]
pub struct History {
    /// Every view that was installed.
    pub views: BTreeMap<ViewId, ViewRecord>,
    /// Every life there was.
    pub lives: BTreeMap<MemberId, LifeRecord>,
    /// Who said *recovered* for which ballot, and when first.
    pub confirmed: BTreeMap<ViewId, BTreeMap<MemberId, Real>>,
    /// Which view each member was in when it confirmed a ballot.
    confirmed_from: BTreeMap<(ViewId, MemberId), Option<ViewId>>,
    /// Ballots whose proposers got as far as a plan.
    planned: BTreeSet<ViewId>,
    /// The highest ballot that each life proposed or answered.
    promised: BTreeMap<MemberId, ViewId>,
    /// The highest ballot that each dirty life had proposed or answered when it was marked.
    dirty: BTreeMap<MemberId, Option<ViewId>>,
    /// Views of which some member said in an answer that it had installed them last.
    origins: BTreeSet<ViewId>,
    /// When each life last granted a lease, or told of its own as a hub.
    pub granted: BTreeMap<MemberId, Real>,
    /// When each life last spoke as a hub.
    pub spoke_as_hub: BTreeMap<MemberId, Real>,
}

impl History {
    /// A life begins.
    pub fn begin(&mut self, member: MemberId, now: Real) {
        self.lives.insert(member, LifeRecord { born: now, died: None, view: None });
    }

    /// A life ends.
    pub fn end(&mut self, member: &MemberId, now: Real) {
        if let Some(life) = self.lives.get_mut(member) {
            life.died = Some(now);
        }
    }

    /// When a life ended; for one that never was, the beginning of the world.
    #[must_use]
    pub fn died(&self, member: &MemberId) -> Option<Real> {
        self.lives.get(member).map_or(Some(0), |life| life.died)
    }

    /// Whether a member has said *recovered* for a ballot, or proposed it itself.
    #[must_use]
    pub fn has_confirmed(&self, member: &MemberId, ballot: ViewId) -> bool {
        ballot.coordinator == *member
            || self.confirmed.get(&ballot).is_some_and(|members| members.contains_key(member))
    }

    /// Whether a member that has confirmed a ballot is still in the view in which it did. If it was
    /// brought into another view since, which it had confirmed as well, it cannot be in both.
    #[must_use]
    pub fn still_there(&self, member: &MemberId, ballot: ViewId, now: Option<ViewId>) -> bool {
        self.confirmed_from.get(&(ballot, *member)).is_none_or(|from| *from == now)
    }

    /// The proposer of a ballot says how the last views end.
    pub fn plan(&mut self, ballot: ViewId) {
        self.planned.insert(ballot);
    }

    /// A member proposes a ballot, or answers one.
    pub fn promise(&mut self, member: MemberId, ballot: ViewId) {
        let promised = self.promised.entry(member).or_insert(ballot);
        *promised = ballot.max(*promised);
    }

    /// Clients of a member say that they carry state.
    pub fn mark_dirty(&mut self, member: MemberId) {
        let promised = self.promised.get(&member).copied();
        self.dirty.entry(member).or_insert(promised);
    }

    /// Whether a member carried state when it answered this ballot, or proposed it.
    #[must_use]
    pub fn was_dirty(&self, member: &MemberId, ballot: ViewId) -> bool {
        self.dirty.get(member).is_some_and(|promised| *promised < Some(ballot))
    }

    /// A member says in an answer which view it installed last.
    pub fn tell_origin(&mut self, origin: ViewId) {
        self.origins.insert(origin);
    }

    /// Whether a member takes part in a ballot above this one.
    #[must_use]
    pub fn has_gone_beyond(&self, member: &MemberId, ballot: ViewId) -> bool {
        self.promised.get(member).is_some_and(|promised| *promised > ballot)
    }

    /// Whether somebody has installed a view, by its own event or, if it died before that was
    /// told, by its answer to a later proposal.
    #[must_use]
    pub fn was_installed(&self, view: ViewId) -> bool {
        self.views.contains_key(&view) || self.origins.contains(&view)
    }

    /// The last ballot between two views that a member confirmed; none if it came further with
    /// one of its own after that.
    #[must_use]
    pub fn last_part(&self, member: &MemberId, after: ViewId, before: ViewId) -> Option<ViewId> {
        let between = (Bound::Excluded(after), Bound::Excluded(before));
        let (&last, _) = self
            .confirmed
            .range(between)
            .rev()
            .find(|(_, members)| members.contains_key(member))?;
        let since = (Bound::Excluded(last), Bound::Excluded(before));
        let own = self.planned.range(since).any(|ballot| ballot.coordinator == *member);
        Some(last).filter(|_| !own)
    }

    /// When the first member confirmed a ballot: everybody in it was alive a little before.
    #[must_use]
    pub fn first_confirmed(&self, ballot: ViewId) -> Option<Real> {
        self.confirmed.get(&ballot)?.values().min().copied()
    }

    /// A member said *recovered*.
    pub fn confirm(&mut self, now: Real, member: MemberId, ballot: ViewId) {
        self.confirmed.entry(ballot).or_default().entry(member).or_insert(now);
        let view = self.lives.get(&member).and_then(|life| life.view);
        self.confirmed_from.entry((ballot, member)).or_insert(view);
    }

    /// A member installs a view. Returns the view that it had installed before.
    pub fn install(
        &mut self,
        now: Real,
        member: MemberId,
        id: ViewId,
        members: impl Iterator<Item = MemberId>,
    ) -> Option<ViewId> {
        let previous = self.lives.get_mut(&member).and_then(|life| life.view.replace(id));
        self.views
            .entry(id)
            .or_insert_with(|| ViewRecord {
                members: members.collect(),
                first_at: now,
                installers: Vec::new(),
            })
            .installers
            .push(Installer { member, previous });
        previous
    }
}
