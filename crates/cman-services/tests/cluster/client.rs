//! The clients of a node: what they asked for, and whether what they are told can be.

use cman_services::{GroupError, GroupEvent, GroupName, GroupRequest, Process, Reason, Session};
use cman_types::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// A membership as the client sees it.
#[derive(Debug, Clone)]
struct Membership {
    pid: u32,
    leaving: bool,
    gone: bool,
    /// None until the first event.
    members: Option<BTreeSet<Process>>,
    /// The next number expected of a sender, where it is known.
    next: BTreeMap<Process, u64>,
    /// What was sent and not yet heard.
    unheard: Vec<bytes::Bytes>,
}

type Key = (Session, GroupName);

/// The events of a group, for each of its sessions that was a member before and after.
pub(crate) type Lists = BTreeMap<GroupName, Vec<GroupEvent>>;

#[derive(Debug)]
pub(crate) struct Clients {
    node: NodeId,
    memberships: BTreeMap<Key, Membership>,
    told: BTreeMap<Session, Vec<String>>,
}

impl Clients {
    pub(crate) fn new(node: NodeId) -> Self {
        Self { node, memberships: BTreeMap::new(), told: BTreeMap::new() }
    }

    /// A request was accepted or refused: rightly?
    pub(crate) fn asked(
        &mut self,
        session: Session,
        request: GroupRequest,
        result: &Result<(), GroupError>,
    ) {
        match request {
            GroupRequest::Join { group, pid } => {
                let pid_in_use = |(s, g): &Key, m: &Membership| {
                    *g == group && !m.gone && (m.pid == pid || *s == session)
                };
                let taken = self.memberships.iter().any(|(key, m)| pid_in_use(key, m));
                let ends = |(_, g): &Key, m: &Membership| *g == group && m.gone && m.pid == pid;
                let ending = self.memberships.iter().any(|(key, m)| ends(key, m));
                assert!(result.is_err() || !taken, "{session:?} joins {group:?} as {pid}");
                assert!(result.is_ok() || taken || ending, "{session:?}: {result:?}");
                if result.is_ok() {
                    self.memberships.retain(|key, m| !ends(key, m));
                    self.memberships.insert((session, group), Membership::new(pid));
                }
            }
            GroupRequest::Leave { group } => {
                let membership = self.staying(session, &group);
                assert_eq!(result.is_ok(), membership.is_some(), "{session:?} leaves {group:?}");
                if let Some(membership) = membership {
                    membership.leaving = true;
                }
            }
            GroupRequest::Send { group, payload, .. } => {
                let membership = self.staying(session, &group);
                assert_eq!(result.is_ok(), membership.is_some(), "{session:?} sends to {group:?}");
                if let Some(membership) = membership {
                    membership.unheard.push(payload);
                }
            }
            _ => assert_eq!(*result, Ok(())),
        }
    }

    fn staying(&mut self, session: Session, group: &GroupName) -> Option<&mut Membership> {
        self.memberships
            .get_mut(&(session, group.clone()))
            .filter(|membership| !membership.leaving && !membership.gone)
    }

    pub(crate) fn closed(&mut self, session: Session) {
        for ((who, _), membership) in &mut self.memberships {
            if *who == session {
                membership.gone = true;
            }
        }
    }

    /// Those who asked to join and neither left nor went.
    pub(crate) fn memberships(&self) -> impl Iterator<Item = (GroupName, Process)> {
        let stays = self.memberships.iter().filter(|(_, m)| !m.leaving && !m.gone);
        stays.map(|((_, g), m)| (g.clone(), Process { node: self.node, pid: m.pid }))
    }

    pub(crate) fn check_settled(&self) {
        for (key, membership) in &self.memberships {
            assert!(membership.gone || !membership.leaving, "{key:?} never left");
            assert!(membership.gone || membership.unheard.is_empty(), "{key:?} not heard");
        }
    }

    pub(crate) fn take(&mut self, session: Session) -> Vec<String> {
        self.told.remove(&session).unwrap_or_default()
    }

    /// The sessions were told this. Gives what the members of each group heard that were members
    /// before and are so after: all the same.
    pub(crate) fn told(&mut self, events: Vec<(Session, GroupEvent)>) -> Lists {
        let mut heard: BTreeMap<Key, Vec<GroupEvent>> = self
            .memberships
            .iter()
            .filter(|(_, m)| !m.gone && m.members.is_some())
            .map(|(key, _)| (key.clone(), Vec::new()))
            .collect();
        for (session, event) in events {
            self.told.entry(session).or_default().push(short(&event));
            let Some(group) = group_of(&event) else { continue };
            let key = (session, group);
            if let Some(list) = heard.get_mut(&key) {
                list.push(event.clone());
            }
            self.tell(&key, event);
        }
        heard.retain(|key, _| self.memberships.contains_key(key));
        let mut lists = Lists::new();
        for ((_, group), list) in heard {
            let first = lists.entry(group).or_insert_with(|| list.clone());
            assert_eq!(*first, list, "sessions of {:?} heard different things", self.node);
        }
        lists
    }

    fn tell(&mut self, key: &Key, event: GroupEvent) {
        let membership = self.memberships.get_mut(key);
        let membership = membership.unwrap_or_else(|| panic!("{key:?} is told {event:?}"));
        let me = Process { node: self.node, pid: membership.pid };
        match event {
            GroupEvent::Config { members, left, joined, .. } => {
                membership.config(me, members, left, joined);
                if membership.members.as_ref().is_some_and(|members| !members.contains(&me)) {
                    assert!(membership.leaving, "{key:?} left without wanting to");
                    assert!(membership.unheard.is_empty(), "{key:?} left before it heard itself");
                    self.memberships.remove(key);
                }
            }
            GroupEvent::Message { sender, number, payload, .. } => {
                membership.message(me, sender, number, payload);
            }
            _ => {}
        }
    }
}

impl Membership {
    fn new(pid: u32) -> Self {
        Self {
            pid,
            leaving: false,
            gone: false,
            members: None,
            next: BTreeMap::new(),
            unheard: Vec::new(),
        }
    }

    /// cpg.md: the members are those before, without who left, with who joined; sorted.
    fn config(
        &mut self,
        me: Process,
        list: Vec<Process>,
        left: Vec<(Process, Reason)>,
        joined: Vec<(Process, Reason)>,
    ) {
        assert!(list.is_sorted_by(|a, b| a < b));
        assert!(left.is_sorted() && joined.is_sorted());
        assert!(left.is_empty() != joined.is_empty(), "one cause at a time");
        let members: BTreeSet<_> = list.into_iter().collect();
        assert!(left.iter().all(|(who, _)| !members.contains(who)));
        assert!(joined.iter().all(|(who, _)| members.contains(who)));
        if let Some(before) = &self.members {
            let mut expected = before.clone();
            left.iter().for_each(|(who, _)| assert!(expected.remove(who), "{who:?} was not in"));
            joined.iter().for_each(|(who, _)| assert!(expected.insert(*who), "{who:?} was in"));
            assert_eq!(members, expected);
        } else {
            // The joiner's first event lists it, and only it, as joined.
            assert_eq!(joined, [(me, Reason::Join)]);
        }
        for (who, _) in left {
            self.next.remove(&who);
        }
        for (who, reason) in joined {
            if reason == Reason::Join {
                self.next.insert(who, 1);
            }
        }
        self.members = Some(members);
    }

    /// G-06, G-09.
    fn message(&mut self, me: Process, sender: Process, number: u64, payload: bytes::Bytes) {
        let is_in = self.members.as_ref().is_some_and(|members| members.contains(&sender));
        assert!(is_in, "{me:?} is told of a message of {sender:?}: not in {:?}", self.members);
        let next = self.next.insert(sender, number + 1).unwrap_or(number);
        assert_eq!(number, next, "the number of a message of {sender:?}");
        if sender == me {
            assert_eq!(self.unheard.remove(0), payload);
        }
    }
}

fn group_of(event: &GroupEvent) -> Option<GroupName> {
    match event {
        GroupEvent::Config { group, .. } | GroupEvent::Message { group, .. } => Some(group.clone()),
        _ => None,
    }
}

/// An event in one line: `GROUP: [MEMBERS] -LEFT REASON +JOINED REASON`, or
/// `GROUP: SENDER#NUMBER "TEXT"`.
pub(crate) fn short(event: &GroupEvent) -> String {
    let list = |list: &[Process]| {
        let each: Vec<_> = list.iter().map(|who| format!("{who:?}")).collect();
        each.join(" ")
    };
    match event {
        GroupEvent::Config { group, members, left, joined } => {
            let mut text = format!("{group}: [{}]", list(members));
            for (who, reason) in left {
                text += &format!(" -{who:?} {reason:?}");
            }
            for (who, reason) in joined {
                text += &format!(" +{who:?} {reason:?}");
            }
            text
        }
        GroupEvent::Message { group, sender, number, payload, .. } => {
            format!("{group}: {sender:?}#{number} \"{}\"", payload.escape_ascii())
        }
        GroupEvent::Members { group, members } => format!("members of {group}: {}", list(members)),
        GroupEvent::Groups(groups) => {
            let each = groups.iter().map(|(name, members)| format!("{name}: {}", list(members)));
            format!("groups: {}", each.collect::<Vec<_>>().join("; "))
        }
    }
}
