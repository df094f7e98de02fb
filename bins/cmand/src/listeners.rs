//! Clients of the classic interface that want to hear what happens, and have a say when this node
//! is to leave.
//!
//! What they hear is said by the service thread where it passes on what the node told, so that it
//! stands in one order with the messages to ports on the same connection. Whatever they ask then
//! is answered with the change in it: the node has changed before it tells, and its lease is
//! published before.

use crate::{
    outlet::Outlet,
    shutdown::voters::{Already, ClientId, Verdict, Voters, Wish},
};
use cman_ipc::{Message, Notice, Reply, encode, notice::ViewNotice};
use cman_node as node;
use cman_types::Instant;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, oneshot};

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    known: Mutex<Known>,
    /// Something about a vote has changed.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// The number that was given last.
    last: u64,
    clients: BTreeMap<ClientId, Client>,
    voters: Voters,
    /// Whoever wants this node to leave, and waits.
    asker: Option<Asker>,
    /// Whether the node was quorate by its last word on that.
    quorate: bool,
}

#[derive(Debug)]
struct Client {
    /// Where notices go.
    outlet: Arc<Outlet>,
    changes: bool,
    views: bool,
}

#[derive(Debug)]
struct Asker {
    program: String,
    answer: oneshot::Sender<Reply>,
}

/// What came of a vote.
#[derive(Debug)]
pub(crate) struct Decided {
    /// The program that wanted it.
    pub(crate) asker: String,
    pub(crate) verdict: Verdict,
}

impl Listeners {
    /// Whether a client hears of changes, and is asked when this node is to leave.
    pub(crate) fn hear_changes(self: &Arc<Self>, client: &Arc<Outlet>, on: bool) {
        let mut known = self.lock();
        let id = self.enrol(&mut known, client);
        known.clients.entry(id).and_modify(|client| client.changes = on);
        if !on {
            known.voters.ignore(id);
        } else if let Some(wish) = known.voters.listen(id, client.program()) {
            client.say(&Message::Notice(wish.notice()));
        }
    }

    /// Whether a client hears of views.
    pub(crate) fn hear_views(self: &Arc<Self>, client: &Arc<Outlet>, on: bool) {
        let mut known = self.lock();
        let id = self.enrol(&mut known, client);
        known.clients.entry(id).and_modify(|client| client.views = on);
    }

    /// A client wants this node to leave. The answer comes when it has left, or when it is decided
    /// that it does not. Those who are asked have so long to answer.
    ///
    /// # Errors
    /// When that is under way already.
    pub(crate) fn ask_to_leave(
        self: &Arc<Self>,
        now: Instant,
        client: &Arc<Outlet>,
        wish: Wish,
        limit: Duration,
    ) -> Result<oneshot::Receiver<Reply>, Already> {
        let mut known = self.lock();
        let id = self.enrol(&mut known, client);
        let asked = known.voters.start(now, id, wish, limit)?;
        let (sender, answer) = oneshot::channel();
        known.asker = Some(Asker { program: client.program().to_owned(), answer: sender });
        let message = Message::Notice(wish.notice());
        for outlet in asked.iter().filter_map(|id| Some(&known.clients.get(id)?.outlet)) {
            outlet.say(&message);
        }
        drop(known);
        self.changed.notify_one();
        Ok(answer)
    }

    /// A client says whether it agrees that this node leaves. Nobody listens unless it was asked.
    pub(crate) fn reply(&self, client: &Outlet, agrees: bool) {
        let mut known = self.lock();
        if let Some(id) = known.id_of(client) {
            known.voters.reply(id, agrees);
        }
        drop(known);
        self.changed.notify_one();
    }

    /// The client of this way out, from now on known until its connection ends.
    fn enrol(self: &Arc<Self>, known: &mut Known, client: &Arc<Outlet>) -> ClientId {
        if let Some(id) = known.id_of(client) {
            return id;
        }
        known.last += 1;
        let id = ClientId(known.last);
        known.clients.insert(id, Client { outlet: client.clone(), changes: false, views: false });
        let (all, outlet) = (self.clone(), client.clone());
        tokio::spawn(async move {
            outlet.ended().await;
            all.forget(id);
        });
        id
    }

    fn forget(&self, id: ClientId) {
        let mut known = self.lock();
        known.clients.remove(&id);
        known.voters.gone(id);
        drop(known);
        self.changed.notify_one();
    }

    /// Passes on what the node said. `lease_is_good`: whether the published lease is good now.
    pub(crate) fn hear(&self, event: &node::Event, lease_is_good: bool) {
        match event {
            node::Event::View(view) => {
                // A view of the same members in which only votes count otherwise is no change of
                // members.
                if view.amending.is_none() {
                    self.lock().say(|client| client.views, &view_notice(view));
                }
                self.state_changed(lease_is_good);
            }
            node::Event::Quorum { quorate, .. } => {
                self.lock().quorate = *quorate;
                self.state_changed(lease_is_good);
            }
            // Other changes of votes come with a view.
            node::Event::Device { .. } => self.state_changed(lease_is_good),
            _ => {}
        }
    }

    /// Something changed that quorum depends on. To be called after what is asked shows it.
    pub(crate) fn state_changed(&self, lease_is_good: bool) {
        let known = self.lock();
        let quorate = known.quorate && lease_is_good;
        known.say(|client| client.changes, &Notice::State { quorate });
    }

    /// A configuration of this version is in force.
    pub(crate) fn configured(&self, version: u64) {
        self.lock().say(|client| client.changes, &Notice::Config { version });
    }

    /// Something that the node said was lost. Those who must hear of each view are let go; for the
    /// others it is as if much had happened at once.
    pub(crate) fn lost(&self, lease_is_good: bool) {
        for client in self.lock().clients.values().filter(|client| client.views) {
            client.outlet.cut();
        }
        self.state_changed(lease_is_good);
    }

    /// Whether clients are being asked whether this node may leave.
    pub(crate) fn is_voting(&self) -> bool {
        self.lock().voters.due().is_some()
    }

    /// What came of the vote, once.
    pub(crate) fn verdict(&self, now: Instant) -> Option<Decided> {
        let mut known = self.lock();
        let (_, verdict) = known.voters.verdict(now)?;
        let asker = known.asker.as_ref().map_or_else(String::new, |asker| asker.program.clone());
        Some(Decided { asker, verdict })
    }

    /// When the vote ends at the latest.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.lock().voters.due()
    }

    /// Waits until something about a vote has changed. For one task.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Answers whoever wants this node to leave, if somebody does.
    pub(crate) fn answer(&self, reply: &Reply) {
        let asker = self.lock().asker.take();
        // It may be gone.
        asker.into_iter().for_each(|asker| drop(asker.answer.send(reply.clone())));
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn id_of(&self, client: &Outlet) -> Option<ClientId> {
        let mut clients = self.clients.iter();
        clients.find_map(|(id, known)| std::ptr::eq(&*known.outlet, client).then_some(*id))
    }

    /// Says a notice to those of the clients.
    fn say(&self, whom: impl Fn(&Client) -> bool, notice: &Notice) {
        let mut whom = self.clients.values().filter(|client| whom(client)).peekable();
        if whom.peek().is_none() {
            return;
        }
        match encode(&Message::Notice(notice.clone())) {
            Ok(frame) => whom.for_each(|client| client.outlet.put(&frame)),
            Err(error) => tracing::warn!("clients cannot be told something: {error}"),
        }
    }
}

/// A view as node ids, ascending.
fn view_notice(event: &node::ViewEvent) -> Notice {
    let sorted = |ids: &[_]| {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids
    };
    Notice::View(ViewNotice {
        members: event.view.nodes().collect(),
        left: sorted(&event.left),
        joined: sorted(&event.joined),
    })
}

#[cfg(test)]
mod tests;
