//! All groups, as a function of what is delivered: operations, lost nodes, the ends of syncs.

use super::{
    GroupEvent,
    codec::{self, Kind, MEMBERSHIPS_MAX, Operation, Part},
    group::{Group, because},
};
use crate::{output::Out, reader::Malformed, service::Service};
use bytes::Bytes;
use cman_types::{GroupName, MemberId, NodeId, Process, group::Reason};
use std::collections::{BTreeMap, VecDeque};

/// All groups. The members are the same at all nodes that are in step; the clients are those of
/// this node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Groups {
    pub(super) me: NodeId,
    pub(super) groups: BTreeMap<GroupName, Group>,
    /// How many memberships each node has.
    counts: BTreeMap<NodeId, usize>,
    /// How many memberships the clients of this node have or ask for.
    pub(super) own: usize,
}

impl Groups {
    pub(crate) const fn new(me: MemberId) -> Self {
        Self { me: me.node, groups: BTreeMap::new(), counts: BTreeMap::new(), own: 0 }
    }

    pub(crate) fn members(&self, group: &GroupName) -> &[Process] {
        self.groups.get(group).map_or(&[], |group| &group.members)
    }

    /// Groups with members.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&GroupName, &[Process])> {
        let with_members = self.groups.iter().filter(|(_, group)| !group.members.is_empty());
        with_members.map(|(name, group)| (name, group.members.as_slice()))
    }

    /// G-04. A process that is a member already stays what it is; no honest node sends that.
    fn join(&mut self, name: &[u8], process: Process, out: &mut VecDeque<Out>) {
        let count = self.counts.entry(process.node).or_default();
        if *count >= MEMBERSHIPS_MAX {
            return;
        }
        let Ok(name) = GroupName::new(name) else { return };
        let group = self.groups.entry(name.clone()).or_default();
        if !group.insert(process) {
            return;
        }
        *count += 1;
        if process.node == self.me
            && let Some(local) = group.local_with(process.pid)
        {
            local.joined = true;
        }
        group.announce(&name, &Vec::new(), &because(Reason::Join, [process]), out);
    }

    /// G-05: the one who leaves is told, too, if it is still there.
    fn part_with(
        &mut self,
        name: &[u8],
        process: Process,
        reason: Reason,
        out: &mut VecDeque<Out>,
    ) {
        let Some((name, _)) = self.groups.get_key_value(name) else { return };
        let name = name.clone();
        let Some(group) = self.groups.get_mut(&name) else { return };
        if !group.remove(process) {
            return;
        }
        group.announce(&name, &because(reason, [process]), &Vec::new(), out);
        if let Some(count) = self.counts.get_mut(&process.node) {
            *count -= 1;
        }
        if process.node == self.me {
            let before = group.locals.len();
            group.locals.retain(|local| local.pid != process.pid);
            self.own -= before - group.locals.len();
        }
        if group.is_empty() {
            self.groups.remove(&name);
        }
    }

    /// G-06: heard by the members, from members.
    fn message(
        &self,
        sender: MemberId,
        operation: &Operation<'_>,
        delivered: &Bytes,
        out: &mut VecDeque<Out>,
    ) {
        let Some((name, group)) = self.groups.get_key_value(operation.group) else { return };
        let process = Process { node: sender.node, pid: operation.pid };
        if group.locals.is_empty() || !group.has(process) {
            return;
        }
        let message = |session| {
            let event = GroupEvent::Message {
                group: name.clone(),
                sender: process,
                incarnation: sender.incarnation,
                number: operation.number,
                payload: delivered.slice(operation.payload.clone()),
            };
            Out::Client { session, event: event.into() }
        };
        out.extend(group.listeners().map(message));
    }

    /// Many members came or went at once.
    fn tidy(&mut self) {
        self.groups.retain(|_, group| !group.is_empty());
        self.counts.clear();
        for who in self.groups.values().flat_map(|group| &group.members) {
            *self.counts.entry(who.node).or_default() += 1;
        }
    }
}

impl Service for Groups {
    const ID: u8 = 1;

    type Part = Part;

    fn part(&self) -> Part {
        let pids = |members: &[Process]| -> Vec<u32> {
            members.iter().filter(|who| who.node == self.me).map(|who| who.pid).collect()
        };
        let part = self.all().map(|(name, members)| (name.clone(), pids(members)));
        part.filter(|(_, pids)| !pids.is_empty()).collect()
    }

    fn encode_part(part: &Part, into: &mut Vec<u8>) {
        codec::encode_part(part, into);
    }

    fn decode_part(bytes: &[u8]) -> Result<Part, Malformed> {
        codec::decode_part(bytes)
    }

    /// G-10: one change of each group for all processes of all lost nodes.
    fn on_lost(&mut self, kept: &[NodeId], out: &mut VecDeque<Out>) {
        for (name, group) in &mut self.groups {
            let is_kept = |who: &Process| kept.binary_search(&who.node).is_ok();
            let lost: Vec<_> = group.members.extract_if(.., |who| !is_kept(who)).collect();
            if !lost.is_empty() {
                group.announce(name, &because(Reason::NodeDown, lost), &Vec::new(), out);
            }
        }
        self.tidy();
    }

    /// G-11: what the members of a group are is what the nodes say of themselves.
    fn on_synced(&mut self, parts: BTreeMap<NodeId, Part>, out: &mut VecDeque<Out>) {
        let mut said: BTreeMap<GroupName, Vec<Process>> = BTreeMap::new();
        // Nodes ascend, and so do the processes of each: members come sorted.
        for (node, part) in parts {
            for (name, pids) in part {
                let processes = pids.into_iter().map(|pid| Process { node, pid });
                said.entry(name).or_default().extend(processes);
            }
        }
        for name in said.keys() {
            if !self.groups.contains_key(name) {
                self.groups.insert(name.clone(), Group::default());
            }
        }
        for (name, group) in &mut self.groups {
            let members = said.remove(name).unwrap_or_default();
            group.take_over(name, members, out);
        }
        self.tidy();
    }

    fn on_operation(&mut self, sender: MemberId, delivered: &Bytes, out: &mut VecDeque<Out>) {
        let Ok(operation) = codec::decode(delivered) else { return };
        let process = Process { node: sender.node, pid: operation.pid };
        match operation.kind {
            Kind::Join => self.join(operation.group, process, out),
            Kind::Leave => self.part_with(operation.group, process, Reason::Leave, out),
            Kind::Died => self.part_with(operation.group, process, Reason::ProcessDown, out),
            Kind::Message => self.message(sender, &operation, delivered, out),
        }
    }
}
