//! What happens in groups, and how messages to them stand in bytes.
//!
//! Messages are many, so their bodies are not written by a serializer: fixed fields, the group's
//! name, and the payload up to the end, which is never copied when it is read.
//!
//! | body of a message to the daemon | bytes |
//! |---|---|
//! | 0 | bit 0: deliver when all hold it |
//! | 1 | length of the name |
//! | 2.. | the name, then the payload |
//!
//! | body of a message to a client | bytes |
//! |---|---|
//! | 0..4 | node of the sender |
//! | 4..8 | process of the sender |
//! | 8..16 | incarnation of the sender's node |
//! | 16..24 | number of the message |
//! | 24 | length of the name |
//! | 25.. | the name, then the payload |

use crate::{
    frame::{HEADER_LEN, Header},
    kind,
    reply::ErrorReply,
};
use bytes::{Buf, BufMut, Bytes};
use cman_types::{
    GroupName, Incarnation, NodeId, Process,
    group::{GROUP_MESSAGE_MAX, Reason},
};

/// Longest body of a message to or from a group, in bytes.
pub const GROUP_BODY_MAX: usize = MESSAGE_FIELDS + GroupName::SIZE_MAX + GROUP_MESSAGE_MAX;
/// Longest frame up to where the payload begins, in bytes.
pub const HEAD_MAX: usize = HEADER_LEN + MESSAGE_FIELDS + GroupName::SIZE_MAX;
/// Bytes before the name in a message to a client.
const MESSAGE_FIELDS: usize = 25;
/// Bytes before the name in a message to the daemon.
const SEND_FIELDS: usize = 2;
/// Deliver when all hold it.
const SAFE: u8 = 1;

/// Something happened in a group that this client is a member of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupEvent {
    /// Its members changed.
    Config(GroupConfig),
    /// A message.
    Message(GroupMessage),
    /// A message of this client was not sent.
    Refused(GroupRefused),
}

/// Who is in a group from now on. All members see it between the same messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupConfig {
    /// Which group.
    pub group: GroupName,
    /// All members, ascending.
    pub members: Vec<Process>,
    /// Who is not a member any more, and why.
    pub left: Vec<(Process, Reason)>,
    /// Who is a member now, and why.
    pub joined: Vec<(Process, Reason)>,
}

/// A group that has members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedGroup {
    /// Which.
    pub group: GroupName,
    /// Its members, ascending; at least one.
    pub members: Vec<Process>,
}

/// A message to a group. All members see the same ones in the same order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupMessage {
    /// Which group.
    pub group: GroupName,
    /// Who sent it.
    pub sender: Process,
    /// The life of the sender's node.
    pub incarnation: Incarnation,
    /// Its number; the same at all receivers.
    pub number: u64,
    /// What was sent.
    pub payload: Bytes,
}

/// A message of this client was not sent. Told where messages are not answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupRefused {
    /// To which group.
    pub group: GroupName,
    /// Why.
    pub error: ErrorReply,
}

/// Appends the frame of a message to the daemon up to where its payload of `len` bytes begins.
pub fn put_send_head(group: &GroupName, len: usize, safe: bool, to: &mut impl BufMut) {
    let name = group.as_bytes();
    put_header(kind::GROUP_SEND, SEND_FIELDS + name.len() + len, to);
    to.put_u8(if safe { SAFE } else { 0 });
    put_name(name, to);
}

/// Appends the frame of a message to a client up to where its payload begins.
pub fn put_message_head(message: &GroupMessage, to: &mut impl BufMut) {
    let GroupMessage { group, sender, incarnation, number, payload } = message;
    let name = group.as_bytes();
    put_header(kind::EVENT_GROUP_MESSAGE, MESSAGE_FIELDS + name.len() + payload.len(), to);
    to.put_u32_le(sender.node.get());
    to.put_u32_le(sender.pid);
    to.put_u64_le(incarnation.0);
    to.put_u64_le(*number);
    put_name(name, to);
}

fn put_header(kind: u16, len: usize, to: &mut impl BufMut) {
    // Whoever gives a message that is too long finds its frame refused by the reader.
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    to.put_slice(&Header::new(len, kind).to_bytes());
}

fn put_name(name: &[u8], to: &mut impl BufMut) {
    // Names are no longer than that.
    to.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
    to.put_slice(name);
}

/// The last name that was read: most messages are to the same group as the one before.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameCache(Option<GroupName>);

/// A message to the daemon: group, payload, whether it is safe.
pub(crate) fn read_send(body: Bytes, names: &mut NameCache) -> Option<(GroupName, Bytes, bool)> {
    let mut body = body;
    let flags = body.try_get_u8().ok()?;
    let group = read_name(&mut body, names)?;
    (flags & !SAFE == 0).then_some((group, body, flags & SAFE != 0))
}

/// A message to a client.
pub(crate) fn read_message(body: Bytes, names: &mut NameCache) -> Option<GroupMessage> {
    let mut body = body;
    let node = NodeId::new(body.try_get_u32_le().ok()?)?;
    let sender = Process { node, pid: body.try_get_u32_le().ok()? };
    let incarnation = Incarnation(body.try_get_u64_le().ok()?);
    let number = body.try_get_u64_le().ok()?;
    let group = read_name(&mut body, names)?;
    Some(GroupMessage { group, sender, incarnation, number, payload: body })
}

/// Takes a name off the front.
fn read_name(body: &mut Bytes, names: &mut NameCache) -> Option<GroupName> {
    let len = usize::from(body.try_get_u8().ok()?);
    let bytes = body.get(..len)?;
    let name = match &names.0 {
        Some(last) if last.as_bytes() == bytes => last.clone(),
        _ => names.0.insert(GroupName::new(bytes).ok()?).clone(),
    };
    body.advance(len);
    Some(name)
}
