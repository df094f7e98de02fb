//! What clients of a node saw.

use cman_proto::Event;
use cman_types::{NodeId, ViewId};

/// A message as it was delivered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Message {
    /// Its global sequence; 0 if that was lost.
    pub number: u64,
    /// Who sent it.
    pub sender: NodeId,
    /// What it says: messages of one run say different things.
    pub says: u8,
}

/// What clients of a node saw.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Deed {
    /// A view was installed.
    View {
        /// Its name.
        id: ViewId,
        /// Its members.
        members: Vec<NodeId>,
        /// Members that came with this node from its view before.
        transitional: Vec<NodeId>,
    },
    /// A message was delivered.
    Message {
        /// The view in which it was sent.
        view: ViewId,
        /// Which.
        message: Message,
    },
    /// What is delivered from here to the next view was not known to be held by all.
    Transitional,
}

impl Deed {
    /// What an event of the engine means to clients, if anything.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::View(change) => Some(Self::View {
                id: change.view.id,
                members: change.view.nodes().collect(),
                transitional: change.transitional.clone(),
            }),
            Event::Deliver(deliver) => Some(Self::Message {
                view: deliver.view,
                message: Message {
                    number: deliver.number,
                    sender: deliver.sender.node,
                    says: deliver.payload.first().copied().unwrap_or_default(),
                },
            }),
            Event::Transitional(_) => Some(Self::Transitional),
            _ => None,
        }
    }
}

/// One view in a node's history.
#[derive(Clone, Debug)]
pub struct Stay {
    /// The view.
    pub id: ViewId,
    /// Its members.
    pub members: Vec<NodeId>,
    /// What was delivered in it while it worked.
    pub working: Vec<Message>,
    /// What was delivered after that.
    pub after: Vec<Message>,
    /// The next view and who went there from this one, if this node did.
    pub next: Option<(ViewId, Vec<NodeId>)>,
}

impl Stay {
    /// Everything that was delivered in the view.
    pub fn delivered(&self) -> impl Iterator<Item = (NodeId, u8)> + '_ {
        self.working.iter().chain(&self.after).map(|message| (message.sender, message.says))
    }
}

/// The views of a history, in order.
#[must_use]
pub fn stays(deeds: &[Deed]) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    let mut works = true;
    for deed in deeds {
        match deed {
            Deed::View { id, members, transitional } => {
                if let Some(last) = stays.last_mut() {
                    last.next = Some((*id, transitional.clone()));
                }
                let members = members.clone();
                let (working, after) = (Vec::new(), Vec::new());
                stays.push(Stay { id: *id, members, working, after, next: None });
                works = true;
            }
            Deed::Transitional => works = false,
            Deed::Message { message, .. } => {
                let Some(last) = stays.last_mut() else { continue };
                if works { &mut last.working } else { &mut last.after }.push(*message);
            }
        }
    }
    stays
}
