//! Clients of nodes: they join groups, send in them, leave them, and die.

use cman_node::{ClientEvent, ClientRequest, GroupName, GroupRequest, Session};

use super::{World, letters::Letters};
use crate::{
    checkers::{barriers, groups},
    host::{Host, Life},
    violation::Check,
};

/// Clients that a node has at a time.
const CLIENTS: usize = 3;

/// The groups that there are; names end in all ways that names do.
const GROUPS: [&[u8]; 4] = [b"dlm", b"dlm\0", b"", b"corosync"];

/// Most bytes of most messages of clients, and of one in thirty.
const SMALL: u64 = 100;
const LARGE: u64 = 10_000;

/// The clients of one life.
#[derive(Debug)]
pub struct Clients {
    sessions: [u64; CLIENTS],
    newest: u64,
    pub(super) letters: Letters,
}

impl Default for Clients {
    fn default() -> Self {
        Self { sessions: [1, 2, 3], newest: 3, letters: Letters::default() }
    }
}

/// As which process a client joins.
#[must_use]
pub fn pid(session: Session) -> u32 {
    u32::try_from(session.0).unwrap_or(u32::MAX)
}

impl Clients {
    /// Another client takes a place; the one that had it.
    fn replace(&mut self, at: usize) -> Option<Session> {
        self.newest += 1;
        let place = self.sessions.get_mut(at)?;
        Some(Session(core::mem::replace(place, self.newest)))
    }
}

impl World {
    /// A client of a host, if it lives.
    pub(super) fn draw_client(&mut self, index: usize) -> Option<Session> {
        let at = self.draw_below(CLIENTS);
        let life = self.hosts[index].life.as_ref()?;
        life.clients.sessions.get(at).copied().map(Session)
    }

    pub(super) fn draw_below(&mut self, count: usize) -> usize {
        usize::try_from(self.prng.below(count as u64)).unwrap_or(0)
    }

    /// One of the clients of a host does something.
    pub(super) fn client_acts(&mut self, index: usize) {
        if self.prng.below(4) == 0 {
            return self.client_writes(index);
        }
        let at = self.draw_below(CLIENTS);
        let name = GROUPS.get(self.draw_below(GROUPS.len())).copied().unwrap_or_default();
        let Ok(group) = GroupName::new(name) else { return };
        let request = match self.prng.below(40) {
            0 => return self.client_dies(index, at),
            1..=8 => None,
            9..=10 => Some(GroupRequest::Leave { group: group.clone() }),
            _ => Some(self.draw_message(group.clone())),
        };
        let Some(life) = &self.hosts[index].life else { return };
        let session = Session(life.clients.sessions.get(at).copied().unwrap_or_default());
        let request = request.unwrap_or(GroupRequest::Join { group, pid: pid(session) });
        // Clients that are refused what makes no sense try something else another time.
        self.client_asks(index, session, request);
    }

    /// A client of a host asks something. Whether it was taken.
    pub fn client_asks(
        &mut self,
        index: usize,
        session: Session,
        request: impl Into<ClientRequest>,
    ) -> bool {
        let host = &mut self.hosts[index];
        let local = host.clock.local(self.now);
        let Some(life) = &mut host.life else { return false };
        let (me, request) = (life.me, request.into());
        // It may be answered at once.
        if let ClientRequest::Barrier(request) = &request {
            self.barriers.asks(me, session, request);
        }
        let of_barrier = matches!(request, ClientRequest::Barrier(_));
        let taken = life.node.handle_client(local, session, request).is_ok();
        if of_barrier && !taken {
            self.barriers.refused(me, session);
        }
        self.settle(index);
        taken
    }

    fn draw_message(&mut self, group: GroupName) -> GroupRequest {
        let most = if self.prng.below(30) == 0 { LARGE } else { SMALL };
        let length = usize::try_from(self.prng.below(most + 1)).unwrap_or(0);
        let first = self.prng.next_u64().to_be_bytes();
        let payload: Vec<u8> = first.into_iter().cycle().take(length).collect();
        let may = self.options.talk.is_none_or(|talk| talk.safe);
        let safe = self.prng.below(10) == 0 && may;
        GroupRequest::Send { group, payload: payload.into(), safe }
    }

    /// A client is killed; another takes its place.
    fn client_dies(&mut self, index: usize, at: usize) {
        let Some(life) = &mut self.hosts[index].life else { return };
        if let Some(session) = life.clients.replace(at) {
            self.client_goes(index, session);
        }
    }

    /// A client is gone.
    pub fn client_goes(&mut self, index: usize, session: Session) {
        let host = &mut self.hosts[index];
        let local = host.clock.local(self.now);
        let Some(life) = &mut host.life else { return };
        let me = life.me;
        life.node.close_session(local, session);
        self.settle(index);
        self.groups.closed(me, session);
        self.barriers.goes(me, session);
        self.ports.closed(me, session);
    }

    /// All clients of a host join all groups; for scenarios.
    pub fn clients_join(&mut self, index: usize) {
        let Some(life) = &self.hosts[index].life else { return };
        for session in life.clients.sessions.map(Session) {
            for group in GROUPS.into_iter().filter_map(|name| GroupName::new(name).ok()) {
                self.client_asks(index, session, GroupRequest::Join { group, pid: pid(session) });
            }
        }
    }

    /// A client of a host is told something.
    pub(super) fn client_hears(
        &mut self,
        index: usize,
        session: Session,
        event: ClientEvent,
    ) -> Check {
        let host = &self.hosts[index];
        let Some(me) = host.me().filter(|_| host.observed) else { return Ok(()) };
        match event {
            ClientEvent::Group(event) => self.groups.told(me, session, pid(session), event),
            ClientEvent::Port(event) => self.ports.told(me, session, event),
            ClientEvent::Barrier(event) => {
                let place = self.place_of(index);
                self.barriers.told(self.now, me, place.as_ref(), session, &event)
            }
            ClientEvent::Fence(_) => Ok(()),
        }
    }

    /// Where clients of a host are told something; none if its node has installed the next view
    /// and is about to say so.
    fn place_of(&self, index: usize) -> Option<barriers::Place> {
        let host = self.hosts.get(index)?;
        let view = host.view()?.id;
        let status = host.life.as_ref()?.node.status(host.clock.local(self.now));
        let is_there = |host: &&Host| host.view().is_some_and(|of| of.id == view);
        let members = self.hosts.iter().filter(is_there).filter_map(Host::me).collect();
        let place = barriers::Place { view, members };
        status.view.is_some_and(|present| present.id == view).then_some(place)
    }

    /// After a step of the node of a host.
    pub(super) fn look_at_services(&mut self, index: usize) {
        let host = &self.hosts[index];
        let Some(life) = host.life.as_ref().filter(|_| host.observed) else { return };
        let view = life.view.as_deref();
        let check = self.groups.look(life.me, view, &life.node);
        let check = check.and_then(|()| self.ports.look(life.me, view, &life.node));
        self.checked(check);
    }

    /// The living members of the view of a host list the same groups, and know the same ports.
    pub(super) fn services_at_rest(&self, index: usize) -> Check {
        let Some(view) = self.hosts[index].view() else { return Ok(()) };
        let lives = self.hosts.iter().filter_map(|host| host.life.as_ref());
        let members = lives.filter(|life: &&Life| view.contains(&life.me));
        let members = members.map(|life| (life.me, &life.node));
        groups::at_rest(members.clone())?;
        self.ports.at_rest(members)
    }
}
