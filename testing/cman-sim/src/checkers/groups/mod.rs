//! The invariants of groups, one file each: what nodes list, and what their clients are told.
//!
//! | file | invariant | source |
//! |---|---|---|
//! | [`ghosts`] | groups list processes of members of the view only | invariant 2 of groups, G-03 |
//! | [`super::histories`] | members that stay together are told the same | G-02 |
//! | [`listing`] | events of a client make sense, from the one that lists it on | G-04 to G-09 |

mod ghosts;
mod listing;

use cman_node::{GroupEvent, GroupName, Node, Process, Session};
use cman_types::{MemberId, View, ViewId};
use std::collections::BTreeMap;

use super::histories::{Histories, Standing, Told};
use crate::violation::{Check, Violation};
use listing::Listing;

/// All groups of a world, as the clients see them.
#[derive(Debug, Default)]
pub struct Groups {
    lives: BTreeMap<MemberId, Clients>,
    histories: Histories<GroupName, GroupEvent>,
    /// Events that clients were told.
    pub events: u64,
}

/// What the clients of one life were told.
#[derive(Debug)]
struct Clients {
    standing: Standing,
    memberships: BTreeMap<(Session, GroupName), Membership>,
    /// Memberships that ended in this view.
    ended: Vec<(GroupName, Told<GroupEvent>)>,
}

/// A client in a group.
#[derive(Debug)]
struct Membership {
    listing: Listing,
    told: Told<GroupEvent>,
}

impl Groups {
    fn clients(&mut self, me: MemberId) -> &mut Clients {
        self.lives.entry(me).or_insert_with(|| Clients {
            standing: Standing::new(me),
            memberships: BTreeMap::new(),
            ended: Vec::new(),
        })
    }

    /// A client of `me` that is process `pid` is told something.
    ///
    /// # Errors
    /// It must not be told that, or not now.
    pub fn told(&mut self, me: MemberId, session: Session, pid: u32, event: GroupEvent) -> Check {
        let (GroupEvent::Config { group, .. } | GroupEvent::Message { group, .. }) = &event else {
            return Ok(());
        };
        self.events += 1;
        let process = Process { node: me.node, pid };
        let fail = |what: String| Violation::new("what clients are told", &[me.node], what);
        let key = (session, group.clone());
        let clients = self.clients(me);
        let Some(membership) = clients.memberships.get_mut(&key) else {
            let listing = Listing::begin(process, &event).map_err(fail)?;
            clients.memberships.insert(key, Membership { listing, told: Told::first(event) });
            return Ok(());
        };
        let ends = membership.listing.hear(&event).map_err(fail)?;
        membership.told.events.push(event);
        if ends && let Some(membership) = clients.memberships.remove(&key) {
            clients.ended.push((key.1, membership.told));
        }
        Ok(())
    }

    /// A client of `me` is gone, and told nothing more.
    pub fn closed(&mut self, me: MemberId, session: Session) {
        let clients = self.clients(me);
        let all = core::mem::take(&mut clients.memberships);
        let (gone, stay) = all.into_iter().partition(|((of, _), _)| *of == session);
        clients.memberships = stay;
        let gone: BTreeMap<(Session, GroupName), Membership> = gone;
        clients.ended.extend(gone.into_iter().map(|((_, group), gone)| (group, gone.told)));
    }

    /// Events that were held against what clients of others were told in the same group.
    #[must_use]
    pub const fn compared(&self) -> u64 {
        self.histories.compared
    }

    /// `me` installs `view`, coming from `previous`.
    ///
    /// # Errors
    /// Its clients were told otherwise than those of others that come along.
    pub fn install(&mut self, me: MemberId, previous: Option<ViewId>, view: ViewId) -> Check {
        let clients = self.clients(me);
        let step = clients.standing.install(previous, view);
        let mut all = core::mem::take(&mut clients.ended);
        for ((_, group), membership) in &mut clients.memberships {
            all.push((group.clone(), membership.told.end_view()));
        }
        let Some(step) = step else { return Ok(()) };
        all.into_iter().try_for_each(|(group, told)| self.histories.check(&me, &step, &group, told))
    }

    /// Looks at what the node lists after a step.
    ///
    /// # Errors
    /// It lists somebody who is not there.
    pub fn look(&mut self, me: MemberId, view: Option<&View>, node: &Node) -> Check {
        if view.is_some() && !node.is_syncing() {
            self.clients(me).standing.synced();
        }
        ghosts::check(me.node, view, node.groups())?;
        node.group_ghosts().next().map_or(Ok(()), |(group, who)| {
            let what = format!("{group:?} lists {who:?}, whom the services do not know");
            Err(Violation::new("groups list members of the view", &[me.node], what))
        })
    }

    /// The life is over.
    pub fn end(&mut self, me: &MemberId) {
        self.lives.remove(me);
    }
}

/// Nodes at rest in one view list the same.
///
/// # Errors
/// They do not, or have not agreed on it yet.
pub fn at_rest<'a>(nodes: impl Iterator<Item = (MemberId, &'a Node)>) -> Check {
    let fail = |me: MemberId, what| Err(Violation::new("groups at rest", &[me.node], what));
    let mut first = None;
    for (me, node) in nodes {
        if node.is_syncing() {
            return fail(me, "the members have not brought each other up to date".to_owned());
        }
        let listed: Vec<_> = node.groups().collect();
        match &first {
            None => first = Some((me, listed)),
            Some((_, expected)) if *expected == listed => {}
            Some((other, expected)) => {
                return fail(me, format!("lists {listed:?}, {other:?} {expected:?}"));
            }
        }
    }
    Ok(())
}
