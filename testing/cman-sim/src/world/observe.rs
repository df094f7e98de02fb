//! What nodes say, handed to the checkers.

use cman_node::{Event, Refusal, Status, ViewEvent};
use cman_types::NodeId;
use cman_wire::frame::{Reason, RefuseReason};
use std::{collections::VecDeque, rc::Rc};

use super::World;
use crate::{
    checkers::{
        agreement, confirmed, decided, freshness, lease, lineage, lives, memory, messages::Phase,
        nonces, protection, statement,
    },
    clock::nanos,
    host::{Claim, End},
    reach::Place,
    violation::{Check, Violation},
};

impl World {
    /// Takes all events of the node of a host.
    pub(super) fn hear_events(&mut self, index: usize) {
        let mut batch = VecDeque::new();
        let (mut transitional, mut heard) = (false, false);
        while let Some(life) = &mut self.hosts[index].life {
            batch.extend(core::iter::from_fn(|| life.node.poll_event()));
            // What is delivered together with the end of a view is part of that end.
            let ends = |event: &Event| matches!(event, Event::Transitional(_));
            let closing = batch.iter().any(ends);
            let Some(event) = batch.pop_front() else {
                break;
            };
            heard = true;
            match event {
                Event::Deliver(deliver) => {
                    let phase = match (closing, transitional) {
                        (_, true) => Phase::Transitional,
                        (true, false) => Phase::Closing,
                        (false, false) => Phase::Working,
                    };
                    let check = self.delivers(index, &deliver, phase);
                    self.checked(check);
                }
                Event::Transitional(_) => transitional = true,
                // Nobody reads files here.
                Event::Room | Event::ConfigWanted { .. } => {}
                Event::Client { session, event } => {
                    let check = self.client_hears(index, session, event);
                    self.checked(check);
                }
                Event::View(event) => {
                    transitional = false;
                    let check = self.installs(index, &event);
                    self.checked(check);
                }
                Event::Quorum { quorate, votes, needed, text, .. } => {
                    self.quorum(index, quorate);
                    self.log(index, || {
                        let word = if quorate { "quorate" } else { "inquorate" };
                        format!("{word}, {votes} of {needed}: {text}")
                    });
                }
                Event::Amended { ticket, result } => {
                    self.amending.remove(&index);
                    if result.is_ok() {
                        self.reach.hit(Place::Amendments);
                    }
                    self.log(index, || format!("answers amendment {ticket}: {result:?}"));
                }
                Event::Device { text, .. } => self.device(index, &text),
                Event::Store(store) => self.write(index, store),
                Event::Notice { warning, text, .. } => self
                    .log(index, || format!("{}: {text}", if warning { "warns" } else { "notes" })),
                Event::Left => self.stops(index, End::Left, "left"),
                Event::Fatal { text, refusal } => {
                    let disallowed = |refusal: &Refusal| refusal.reason == RefuseReason::Disallowed;
                    if let Some(refusal) = refusal.filter(disallowed) {
                        self.is_disallowed(index, refusal.by);
                    }
                    self.stops(index, End::Fatal, &text);
                }
            }
        }
        if heard {
            self.look_at_services(index);
        }
    }

    /// The quorum device of a host lives, or does not any more.
    fn device(&mut self, index: usize, text: &str) {
        self.log(index, || format!("notes: {text}"));
        let host = &self.hosts[index];
        let status = host.life.as_ref().map(|life| life.node.status(host.clock.local(self.now)));
        let alive = status.and_then(|status| status.device).filter(|device| device.alive);
        match alive {
            Some(device) => self.votes.devices.insert(host.node, device.votes),
            None => self.votes.devices.remove(&host.node),
        };
    }

    fn installs(&mut self, index: usize, event: &ViewEvent) -> Check {
        let host = &self.hosts[index];
        let Some(me) = host.me().filter(|_| host.observed) else {
            return Ok(());
        };
        let view = &event.view;
        let nodes: Vec<u32> = view.nodes().map(NodeId::get).collect();
        self.log(index, || {
            format!("installs e{} {nodes:?}: {}", view.id.epoch, event.text.replace('\n', " "))
        });
        let previous = self.hosts[index].view().map(|view| view.id);
        let token = nanos(self.hosts[index].cluster.token);
        agreement::check(&self.history, &me, view)?;
        confirmed::check(&self.history, &me, view)?;
        decided::check(&self.history, &me, previous, view)?;
        lives::check(&self.history, self.now, token, &me, previous, event)?;
        self.sleepers.check(
            self.now,
            nanos(self.hosts[index].cluster.beat()),
            index,
            &me,
            event,
        )?;
        self.epochs.check(index, &me, view.id)?;
        let previous = self.history.install(self.now, me, view.id, view.ids());
        lineage::check(&self.history, &me, previous, event)?;
        protection::merged(&self.history, &me, previous, view.id)?;
        self.messages.install(me, previous, view.id)?;
        self.groups.install(me, previous, view.id)?;
        self.ports.install(me, previous, view.id, &event.transitional)?;
        let cluster = Rc::clone(&self.hosts[index].cluster);
        self.votes.install(&cluster, me, view, event.amending);
        self.reach.hit(Place::Views);
        let lagging = event.reasons.iter().any(|came| came.reason == Reason::Lagging);
        if lagging && view.id.coordinator == me {
            self.reach.hit(Place::Laggards);
        }
        let merged = event.reasons.iter().any(|came| came.reason == Reason::Merged);
        if merged && view.id.coordinator == me {
            self.reach.hit(Place::Merges);
        }
        if let Some(life) = &mut self.hosts[index].life {
            life.view = Some(Rc::new(view.clone()));
            life.views += 1;
        }
        self.check_settled(index);
        self.installed.push((self.now, index));
        Ok(())
    }

    /// A node dies that has installed views and had no time to tell of them. What it knew then may
    /// be in a plan that it sent; and if it has just said that such a view is settled, those that
    /// the view took back count all the same.
    pub(super) fn last_words(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let Some(life) = host.life.as_mut().filter(|_| host.observed) else { return };
        let (me, settled) = (life.me, life.settled);
        let cluster = Rc::clone(&host.cluster);
        while let Some(event) = life.node.poll_event() {
            let Event::View(event) = event else { continue };
            self.votes.install(&cluster, me, &event.view, event.amending);
            if settled == Some(event.view.id) {
                let check = self.votes.check(&cluster, &me, &event.view);
                self.checked(check);
                return;
            }
        }
    }

    fn quorum(&mut self, index: usize, quorate: bool) {
        let Some(life) = &mut self.hosts[index].life else {
            return;
        };
        if life.said_quorate && !quorate {
            self.lost_quorum.push((self.now, index));
            self.reach.hit(Place::LeaseExpiries);
        }
        life.said_quorate = quorate;
    }

    /// A node ends because it carries state and was away.
    fn is_disallowed(&mut self, index: usize, by: NodeId) {
        let patience = nanos(self.hosts[index].cluster.token) * 2;
        let check = protection::ended(self.now, patience, &self.hosts, index, by);
        self.checked(check);
        self.reach.hit(Place::Disallowed);
        let host = &mut self.hosts[index];
        host.disallowed = true;
        if let Some(life) = &mut host.life {
            life.doomed = true;
        }
    }

    pub(super) fn stops(&mut self, index: usize, end: End, text: &str) {
        let host = &self.hosts[index];
        let expected = host.life.as_ref().is_none_or(|life| life.doomed) || !host.observed;
        if !expected {
            let what = format!("stops without being told to: {text}");
            self.fail(Violation::new("nobody stops untold", &[host.node], what));
        }
        self.log(index, || format!("stops: {text}"));
        self.end(index, end);
    }

    /// Copies the lease deadline of a node to the published page of its host.
    pub(super) fn publish(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let Some(life) = &host.life else {
            return;
        };
        let deadline = life.node.lease_deadline();
        let until =
            if deadline == cman_types::Instant::ZERO { 0 } else { host.clock.real_at(deadline) };
        let moved = match (&life.view, &host.claim.view) {
            (Some(new), Some(old)) => !Rc::ptr_eq(new, old),
            (new, old) => new.is_some() != old.is_some(),
        };
        let longer = until > host.claim.until;
        if longer || moved || until != host.claim.until {
            host.claim = Claim { until, deadline, view: life.view.clone(), me: Some(life.me) };
        }
        host.claimed_until = host.claimed_until.max(until);
        let check = self.check_claim(index, longer, moved);
        self.checked(check);
    }

    fn check_claim(&mut self, index: usize, longer: bool, moved: bool) -> Check {
        let host = &self.hosts[index];
        if !host.observed {
            return Ok(());
        }
        lease::told_honestly(self.now, host)?;
        if !(longer || moved) || !host.claims(self.now) {
            return Ok(());
        }
        if !self.votes.taken_at_word && self.votes.devices.is_empty() {
            statement::check(self.now, &self.hosts, index)?;
        }
        let (Some(me), Some(view)) = (host.claim.me, host.claim.view.clone()) else {
            return Ok(());
        };
        if longer {
            let devices: u32 = self.votes.devices.values().sum();
            let needed = self.votes.needed(&host.cluster, &me).saturating_sub(devices);
            let votes_of = |node| self.votes.votes_of(&host.cluster, &me, node);
            lease::rests_on_grants(&self.history, host, needed, votes_of)?;
        }
        let cluster = Rc::clone(&host.cluster);
        self.votes.check(&cluster, &me, &view)
    }

    /// Compares the state of a node with what it said and with the truth.
    pub(super) fn look(&mut self, index: usize) {
        let stalled = self.is_stalled(index);
        let host = &self.hosts[index];
        let Some(life) = host.life.as_ref().filter(|_| !stalled && host.observed) else {
            return;
        };
        let status = life.node.status(host.clock.local(self.now));
        let check = freshness::check(host, &status)
            .and_then(|()| self.consistent(index, &status))
            .and_then(|()| {
                life.node.stream_stats().map_or(Ok(()), |s| memory::check(host.node, &s))
            })
            .and_then(|()| nonces::check(&self.ledger));
        self.checked(check);
    }

    /// The state for tools agrees with the events and the published page.
    fn consistent(&self, index: usize, status: &Status) -> Check {
        let host = &self.hosts[index];
        let Some(life) = &host.life else {
            return Ok(());
        };
        let fail = |what: String| Err(Violation::new("status tells the truth", &[host.node], what));
        if status.view.as_ref().map(|view| view.id) != life.view.as_ref().map(|view| view.id) {
            return fail(format!("shows {:?}, installed {:?}", status.view, life.view));
        }
        if status.quorate != host.claims(self.now) {
            return fail(format!(
                "shows quorate = {}, the page ends at {:?}",
                status.quorate, host.claim.deadline
            ));
        }
        if status.changes != u64::from(life.views) {
            return fail(format!("counts {} views, installed {}", status.changes, life.views));
        }
        if status.quorate && status.votes < status.needed {
            return fail(format!("quorate with {} of {} votes", status.votes, status.needed));
        }
        Ok(())
    }
}
