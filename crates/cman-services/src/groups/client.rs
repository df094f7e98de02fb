//! What clients of this node ask of groups.

use super::{
    GroupError, GroupEvent, GroupRequest, Groups,
    codec::{self, Kind, MEMBERSHIPS_MAX},
    group::Local,
};
use crate::output::{Out, Session};
use bytes::Bytes;
use cman_types::GroupName;
use std::collections::VecDeque;

impl Groups {
    /// What is accepted is sent, or answered at once (G-16); nothing has changed if it is refused.
    pub(crate) fn on_client(
        &mut self,
        session: Session,
        request: GroupRequest,
        out: &mut VecDeque<Out>,
    ) -> Result<(), GroupError> {
        let (payload, safe) = match request {
            GroupRequest::Join { group, pid } => (self.ask_join(session, group, pid)?, false),
            GroupRequest::Leave { group } => (self.ask_leave(session, group)?, false),
            GroupRequest::Send { group, payload, safe } => {
                (self.ask_send(session, group, &payload)?, safe)
            }
            GroupRequest::Members { group } => {
                let members = self.members(&group).to_vec();
                let event = GroupEvent::Members { group, members };
                out.push_back(Out::Client { session, event: event.into() });
                return Ok(());
            }
            GroupRequest::Groups => {
                let groups = self.all().map(|(name, members)| (name.clone(), members.to_vec()));
                let event = GroupEvent::Groups(groups.collect());
                out.push_back(Out::Client { session, event: event.into() });
                return Ok(());
            }
        };
        out.push_back(Out::Multicast { payload, safe, urgent: false });
        Ok(())
    }

    /// G-13, G-17.
    fn ask_join(
        &mut self,
        session: Session,
        name: GroupName,
        pid: u32,
    ) -> Result<Bytes, GroupError> {
        if self.own >= MEMBERSHIPS_MAX {
            return Err(GroupError::TooManyMemberships { max: MEMBERSHIPS_MAX });
        }
        let group = self.groups.entry(name.clone()).or_default();
        let in_the_way = |local: &&Local| local.session == Some(session) || local.pid == pid;
        let mut same = group.locals.iter().filter(in_the_way);
        if let Some(stays) = same.clone().find(|local| !local.leaving) {
            return Err(GroupError::AlreadyJoined { pid: stays.pid, group: name });
        }
        if let Some(leaves) = same.next() {
            return Err(GroupError::StillLeaving { pid: leaves.pid, group: name });
        }
        let session = Some(session);
        self.own += 1;
        group.locals.push(Local { session, pid, joined: false, leaving: false, sent: 0 });
        Ok(codec::encode(Kind::Join, &name, pid))
    }

    /// G-14. Also before the join was delivered: the leave comes after it.
    fn ask_leave(&mut self, session: Session, group: GroupName) -> Result<Bytes, GroupError> {
        let Some(local) = self.staying(session, &group) else {
            return Err(GroupError::NotJoined { group });
        };
        local.leaving = true;
        Ok(codec::encode(Kind::Leave, &group, local.pid))
    }

    /// G-15.
    fn ask_send(
        &mut self,
        session: Session,
        group: GroupName,
        payload: &[u8],
    ) -> Result<Bytes, GroupError> {
        let Some(local) = self.staying(session, &group) else {
            return Err(GroupError::NotJoined { group });
        };
        local.sent += 1;
        Ok(codec::encode_message(&group, local.pid, local.sent, payload))
    }

    /// The membership of a client that joined, or joins, and does not leave.
    fn staying(&mut self, session: Session, group: &GroupName) -> Option<&mut Local> {
        self.groups.get_mut(group)?.local_of(session).filter(|local| !local.leaving)
    }

    /// G-18: one death for each membership that was not ending.
    pub(crate) fn close_session(&mut self, session: Session, out: &mut VecDeque<Out>) {
        for (name, group) in &mut self.groups {
            let Some(local) = group.local_of(session) else { continue };
            local.session = None;
            if !core::mem::replace(&mut local.leaving, true) {
                let payload = codec::encode(Kind::Died, name, local.pid);
                out.push_back(Out::Multicast { payload, safe: false, urgent: false });
            }
        }
    }
}
