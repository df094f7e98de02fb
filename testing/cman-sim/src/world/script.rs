//! What a text scenario decides and writes down: which frames are lost, which are shown.

use cman_node::{Destination, Transmit};
use cman_types::{NodeId, ViewId};
use cman_wire::{Frame, Header, codec};
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{Happening, World};
use crate::{cipher::TAG, host::Datagram, text::words};

/// Frames of this kind do not get from one host to another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loss {
    /// From which host; any if `None`.
    pub from: Option<usize>,
    /// To which host; any if `None`.
    pub to: Option<usize>,
    /// The name of a kind of frame: a datagram that carries one is lost. All datagrams if `None`.
    pub kind: Option<String>,
    /// Whether it arrives later after all: see [`World::release`].
    pub held: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Script {
    /// Names of the kinds of frames that are written down.
    pub traced: BTreeSet<String>,
    /// What is lost.
    pub losses: Vec<Loss>,
    /// What is held back, and to which host it goes.
    pub held: Vec<(usize, Rc<Datagram>)>,
    /// The members of ballots, in their order.
    ballots: BTreeMap<ViewId, Vec<NodeId>>,
    /// What happened since they were taken last.
    pub lines: Vec<String>,
}

impl Script {
    /// Which node has this index in a view that was proposed since the script began.
    fn member(&self, view: ViewId, index: u16) -> Option<NodeId> {
        self.ballots.get(&view)?.get(usize::from(index)).copied()
    }
}

/// The frames in a sealed datagram of the simulator.
fn frames(bytes: &[u8]) -> Vec<Frame> {
    let Ok((header, sealed)) = Header::parse(bytes) else { return Vec::new() };
    let plain = sealed.get(..sealed.len().saturating_sub(TAG)).unwrap_or_default();
    codec::decode(header.wire_version, plain).map(|decoded| decoded.frames).unwrap_or_default()
}

impl World {
    /// Writes down what a host sends, as far as the script wants to see it.
    pub(super) fn script_sent(&mut self, index: usize, transmit: &Transmit) {
        let Some(script) = &mut self.script else { return };
        let to = match transmit.to {
            Destination::Multicast => "all".to_owned(),
            Destination::Unicast(address) => {
                let host = self.hosts.iter().find(|host| host.address == address);
                host.map_or(address.to_string(), |host| format!("{:?}", host.node))
            }
        };
        let from = self.hosts[index].node;
        let frames = frames(&transmit.bytes);
        for frame in &frames {
            if let Frame::Propose(propose) = frame {
                let nodes = propose.members.iter().map(|member| member.id.node);
                script.ballots.insert(propose.ballot, nodes.collect());
            }
        }
        let names = |view, index| script.member(view, index);
        let lines: Vec<_> = frames
            .iter()
            .filter(|frame| script.traced.contains(words::name(frame)))
            .map(|frame| format!("{from:?} -> {to}: {}", words::say(frame, &names)))
            .collect();
        script.lines.extend(lines);
    }

    /// Writes down what a host says or what is done to it.
    pub(super) fn script_says(&mut self, line: &str) {
        if let Some(script) = &mut self.script {
            script.lines.extend(words::told(line));
        }
    }

    /// Whether the script keeps this datagram from a host, for now or for good.
    pub(super) fn is_kept(&mut self, from: usize, to: usize, datagram: &Rc<Datagram>) -> bool {
        let Some(script) = self.script.as_mut().filter(|_| from != to) else { return false };
        let here = |loss: &&Loss| {
            loss.from.is_none_or(|host| host == from) && loss.to.is_none_or(|host| host == to)
        };
        let mut losses = script.losses.iter().filter(here).peekable();
        if losses.peek().is_none() {
            return false;
        }
        let frames = frames(&datagram.bytes);
        let carries = |kind: &String| frames.iter().any(|frame| words::is(frame, kind));
        let Some(loss) = losses.find(|loss| loss.kind.as_ref().is_none_or(carries)) else {
            return false;
        };
        if loss.held {
            script.held.push((to, Rc::clone(datagram)));
        }
        true
    }

    /// What was held back arrives now, and nothing is lost or held back any more.
    pub fn release(&mut self) {
        let Some(script) = &mut self.script else { return };
        script.losses.clear();
        for (host, datagram) in core::mem::take(&mut script.held) {
            self.queue.push(self.now, Happening::Arrive { host, datagram });
        }
    }
}
