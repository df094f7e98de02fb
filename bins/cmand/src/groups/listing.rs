//! All groups, in pieces that hold up nobody.

use cman_ipc::{
    Reply,
    group::ListedGroup,
    reply::{CHUNK_MAX, GroupListChunk},
};
use cman_types::{GroupName, Process};

/// What a process and, beside its name, a group count for in a chunk: about what they take on the
/// socket.
const PROCESS_BYTES: usize = 8;

/// The reply that names all of them.
pub(crate) fn all<'a>(groups: impl Iterator<Item = (&'a GroupName, &'a [Process])>) -> Reply {
    let listed = |(group, members): (&GroupName, &[Process])| ListedGroup {
        group: group.clone(),
        members: members.to_vec(),
    };
    Reply::GroupList(GroupListChunk { groups: groups.map(listed).collect(), last: true })
}

/// A reply as it is said: a long list of groups in several.
pub(crate) fn pieces(reply: Reply) -> Vec<Reply> {
    let Reply::GroupList(whole) = reply else { return vec![reply] };
    let mut chunks = vec![Vec::new()];
    let mut bytes = 0;
    for listed in whole.groups {
        let more = weight(&listed);
        if bytes > 0 && bytes + more > CHUNK_MAX {
            chunks.push(Vec::new());
            bytes = 0;
        }
        bytes += more;
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(listed);
        }
    }
    let count = chunks.len();
    let chunk = |(number, groups)| GroupListChunk { groups, last: number == count };
    (1..).zip(chunks).map(chunk).map(Reply::GroupList).collect()
}

fn weight(listed: &ListedGroup) -> usize {
    listed.group.as_bytes().len() + PROCESS_BYTES * (1 + listed.members.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_types::NodeId;

    fn chunks(groups: Vec<ListedGroup>) -> Vec<GroupListChunk> {
        let whole = Reply::GroupList(GroupListChunk { groups, last: true });
        let chunk = |piece| match piece {
            Reply::GroupList(chunk) => chunk,
            other => panic!("{other:?}"),
        };
        pieces(whole).into_iter().map(chunk).collect()
    }

    fn group(number: u32, members: u32) -> ListedGroup {
        let node = NodeId::new(1).unwrap();
        ListedGroup {
            group: GroupName::new(format!("group {number}").as_bytes()).unwrap(),
            members: (0..members).map(|pid| Process { node, pid }).collect(),
        }
    }

    #[test]
    fn a_long_list_is_told_in_chunks_of_bounded_size() {
        let groups: Vec<_> = (0..10_000).map(|number| group(number, 3)).collect();
        let told = chunks(groups.clone());
        let bytes = |chunk: &GroupListChunk| chunk.groups.iter().map(weight).sum::<usize>();
        assert!(told.iter().all(|chunk| bytes(chunk) <= CHUNK_MAX));
        assert!(told.iter().rev().skip(1).all(|chunk| bytes(chunk) > CHUNK_MAX / 2));
        assert_eq!(told.iter().map(|chunk| chunk.last).filter(|last| *last).count(), 1);
        assert!(told.last().unwrap().last);
        let all: Vec<_> = told.into_iter().flat_map(|chunk| chunk.groups).collect();
        assert_eq!(all, groups);
    }

    #[test]
    fn no_groups_are_one_chunk_and_a_large_group_is_not_torn() {
        assert_eq!(chunks(Vec::new()), [GroupListChunk { groups: Vec::new(), last: true }]);
        let large = group(1, 20_000);
        let told = chunks(vec![group(0, 1), large.clone(), group(2, 1)]);
        assert_eq!(told.len(), 3);
        assert_eq!(told[1].groups, [large]);
    }

    #[test]
    fn other_replies_stay_what_they_are() {
        assert_eq!(pieces(Reply::Done), [Reply::Done]);
    }
}
