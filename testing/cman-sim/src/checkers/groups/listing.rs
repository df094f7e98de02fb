//! G-04 to G-09: what a client is told makes sense. The first it hears of a group is that it came
//! in; each change leads from the members before to the members after; messages come from members,
//! numbered without a gap.

use cman_node::{GroupEvent, Process};
use cman_types::group::Reason;
use std::collections::BTreeMap;

/// What one membership of a client has been told so far.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    me: Process,
    members: Vec<Process>,
    /// The last message of each member, where it is known which one that was.
    numbers: BTreeMap<Process, u64>,
}

impl Listing {
    /// A client, as process `me`, is told the first thing of a group.
    pub(super) fn begin(me: Process, event: &GroupEvent) -> Result<Self, String> {
        let mut listing = Self { me, members: Vec::new(), numbers: BTreeMap::new() };
        let GroupEvent::Config { members, joined, .. } = event else {
            return Err(format!("{me:?} hears {event:?} before it is a member"));
        };
        if !joined.contains(&(me, Reason::Join)) || !members.contains(&me) {
            return Err(format!("the first event of {me:?} does not list it: {event:?}"));
        }
        listing.members.clone_from(members);
        listing.note_joined(joined);
        Ok(listing)
    }

    /// The next event. Returns whether it ends the membership.
    pub(super) fn hear(&mut self, event: &GroupEvent) -> Result<bool, String> {
        match event {
            GroupEvent::Config { members, left, joined, .. } => {
                self.change(members, left, joined)?;
                Ok(left.iter().any(|(who, _)| *who == self.me))
            }
            GroupEvent::Message { sender, number, .. } => {
                self.message(*sender, *number)?;
                Ok(false)
            }
            GroupEvent::Members { .. } | GroupEvent::Groups(_) => Ok(false),
        }
    }

    fn change(
        &mut self,
        members: &[Process],
        left: &[(Process, Reason)],
        joined: &[(Process, Reason)],
    ) -> Result<(), String> {
        let mut expected = self.members.clone();
        expected.retain(|who| !left.iter().any(|(gone, _)| gone == who));
        expected.extend(joined.iter().map(|(who, _)| *who));
        expected.sort_unstable();
        if expected != members || left.len() + joined.len() == 0 {
            return Err(format!(
                "from {:?} by {left:?} and {joined:?} to {members:?}",
                self.members
            ));
        }
        self.members = expected;
        for (gone, _) in left {
            self.numbers.remove(gone);
        }
        self.note_joined(joined);
        Ok(())
    }

    /// Who has just joined has sent nothing; who was a member elsewhere may have.
    fn note_joined(&mut self, joined: &[(Process, Reason)]) {
        let new = joined.iter().filter(|(_, reason)| *reason == Reason::Join);
        self.numbers.extend(new.map(|(who, _)| (*who, 0)));
    }

    fn message(&mut self, sender: Process, number: u64) -> Result<(), String> {
        if !self.members.contains(&sender) {
            return Err(format!("a message of {sender:?}, who is no member"));
        }
        match self.numbers.insert(sender, number) {
            Some(last) if last + 1 != number => {
                Err(format!("message {number} of {sender:?} after {last}"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_node::GroupName;
    use cman_types::{Incarnation, NodeId};

    fn process(node: u32) -> Process {
        Process { node: NodeId::new(node).unwrap(), pid: 7 }
    }

    fn config(members: &[u32], left: &[u32], joined: &[u32]) -> GroupEvent {
        let because = |nodes: &[u32], reason| -> Vec<_> {
            nodes.iter().map(|&node| (process(node), reason)).collect()
        };
        GroupEvent::Config {
            group: GroupName::new(b"g").unwrap(),
            members: members.iter().map(|&node| process(node)).collect(),
            left: because(left, Reason::Leave),
            joined: because(joined, Reason::Join),
        }
    }

    fn message(node: u32, number: u64) -> GroupEvent {
        GroupEvent::Message {
            group: GroupName::new(b"g").unwrap(),
            sender: process(node),
            incarnation: Incarnation(1),
            number,
            payload: Vec::new().into(),
        }
    }

    #[test]
    fn the_first_event_lists_who_joined() {
        assert!(Listing::begin(process(1), &config(&[1, 2], &[], &[1])).is_ok());
        assert!(Listing::begin(process(1), &config(&[1, 2], &[], &[2])).is_err());
        assert!(Listing::begin(process(1), &message(1, 1)).is_err());
    }

    #[test]
    fn changes_and_numbers_follow_on() {
        let begun = Listing::begin(process(1), &config(&[1], &[], &[1])).unwrap();
        let hears = |events: &[GroupEvent]| {
            let mut listing = begun.clone();
            events.iter().map(|event| listing.hear(event)).last().unwrap()
        };
        assert_eq!(hears(&[config(&[1, 2], &[], &[2]), message(2, 1), message(2, 2)]), Ok(false));
        assert_eq!(hears(&[message(1, 1), config(&[], &[1], &[])]), Ok(true));
        assert!(hears(&[message(2, 1)]).is_err(), "of a stranger");
        assert!(hears(&[message(1, 2)]).is_err(), "a gap");
        assert!(hears(&[config(&[1, 2, 3], &[], &[2])]).is_err(), "one too many");
        assert!(hears(&[config(&[1], &[], &[])]).is_err(), "no change");
    }
}
