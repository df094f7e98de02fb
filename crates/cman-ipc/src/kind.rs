//! The numbers of the messages. A number is never used for anything else again.
//!
//! A reply to a request has the request's number with the top bit set.

/// Client's first message.
pub const HELLO: u16 = 0x0001;
/// Request: see [`Request::Status`](crate::Request::Status).
pub const STATUS: u16 = 0x0010;
/// Request: see [`Request::Nodes`](crate::Request::Nodes).
pub const NODES: u16 = 0x0011;
/// Request: see [`Request::Version`](crate::Request::Version).
pub const VERSION: u16 = 0x0012;
/// Request: see [`Request::Subscribe`](crate::Request::Subscribe).
pub const SUBSCRIBE: u16 = 0x0013;
/// Request: see [`Request::Logs`](crate::Request::Logs).
pub const LOGS: u16 = 0x0014;
/// Request: see [`Request::Recorder`](crate::Request::Recorder).
pub const RECORDER: u16 = 0x0015;
/// Request: see [`Request::PastEvents`](crate::Request::PastEvents).
pub const PAST_EVENTS: u16 = 0x0016;
/// Request: see [`Request::Leave`](crate::Request::Leave).
pub const LEAVE: u16 = 0x0020;
/// Request: see [`Request::Kill`](crate::Request::Kill).
pub const KILL: u16 = 0x0021;
/// Request: see [`Request::GroupJoin`](crate::Request::GroupJoin).
pub const GROUP_JOIN: u16 = 0x0030;
/// Request: see [`Request::GroupLeave`](crate::Request::GroupLeave).
pub const GROUP_LEAVE: u16 = 0x0031;
/// Request: see [`Request::GroupSend`](crate::Request::GroupSend).
pub const GROUP_SEND: u16 = 0x0032;
/// Request: see [`Request::GroupMembers`](crate::Request::GroupMembers).
pub const GROUP_MEMBERS: u16 = 0x0033;
/// Request: see [`Request::GroupFlush`](crate::Request::GroupFlush).
pub const GROUP_FLUSH: u16 = 0x0034;
/// Request: see [`Request::GroupList`](crate::Request::GroupList).
pub const GROUP_LIST: u16 = 0x0035;
/// Request: see [`BarrierRegister`](crate::ClassicRequest::BarrierRegister).
pub const BARRIER_REGISTER: u16 = 0x0040;
/// Request: see [`BarrierChange`](crate::ClassicRequest::BarrierChange).
pub const BARRIER_CHANGE: u16 = 0x0041;
/// Request: see [`BarrierWait`](crate::ClassicRequest::BarrierWait).
pub const BARRIER_WAIT: u16 = 0x0042;
/// Request: see [`BarrierDelete`](crate::ClassicRequest::BarrierDelete).
pub const BARRIER_DELETE: u16 = 0x0043;
/// Request: see [`DeviceRegister`](crate::ClassicRequest::DeviceRegister).
pub const DEVICE_REGISTER: u16 = 0x0044;
/// Request: see [`DeviceUnregister`](crate::ClassicRequest::DeviceUnregister).
pub const DEVICE_UNREGISTER: u16 = 0x0045;
/// Request: see [`DevicePoll`](crate::ClassicRequest::DevicePoll).
pub const DEVICE_POLL: u16 = 0x0046;
/// Request: see [`DeviceGet`](crate::ClassicRequest::DeviceGet).
pub const DEVICE_GET: u16 = 0x0047;
/// Request: see [`FenceGet`](crate::ClassicRequest::FenceGet).
pub const FENCE_GET: u16 = 0x0048;
/// Request: see [`FenceSet`](crate::ClassicRequest::FenceSet).
pub const FENCE_SET: u16 = 0x0049;
/// Request: see [`Notify`](crate::ClassicRequest::Notify).
pub const NOTIFY: u16 = 0x004a;
/// Request: see [`NotifyViews`](crate::ClassicRequest::NotifyViews).
pub const NOTIFY_VIEWS: u16 = 0x004b;
/// Request: see [`PortBind`](crate::ClassicRequest::PortBind).
pub const PORT_BIND: u16 = 0x004c;
/// Request: see [`PortSend`](crate::ClassicRequest::PortSend).
pub const PORT_SEND: u16 = 0x004d;
/// Request: see [`PortIsBound`](crate::ClassicRequest::PortIsBound).
pub const PORT_IS_BOUND: u16 = 0x004e;
/// Request: see [`SetDebug`](crate::ClassicRequest::SetDebug).
pub const SET_DEBUG: u16 = 0x004f;
/// Request: see [`SetDirty`](crate::ClassicRequest::SetDirty).
pub const SET_DIRTY: u16 = 0x0050;
/// Request: see [`SetExpectedVotes`](crate::ClassicRequest::SetExpectedVotes).
pub const SET_EXPECTED_VOTES: u16 = 0x0051;
/// Request: see [`SetConfigVersion`](crate::ClassicRequest::SetConfigVersion).
pub const SET_CONFIG_VERSION: u16 = 0x0052;
/// Request: see [`SetVotes`](crate::ClassicRequest::SetVotes).
pub const SET_VOTES: u16 = 0x0053;
/// Request: see [`Shutdown`](crate::ClassicRequest::Shutdown).
pub const SHUTDOWN: u16 = 0x0054;
/// Request: see [`ShutdownReply`](crate::ClassicRequest::ShutdownReply).
pub const SHUTDOWN_REPLY: u16 = 0x0055;

/// First number of the events.
pub const EVENTS: u16 = 0x4000;
/// Event: a view was installed.
pub const EVENT_VIEW: u16 = EVENTS + 1;
/// Event: quorum was won or lost, or votes changed.
pub const EVENT_QUORUM: u16 = EVENTS + 2;
/// Event: a configuration is in force, or another node has a different one.
pub const EVENT_CONFIG: u16 = EVENTS + 3;
/// Event: a link, or a path over it, went up or down.
pub const EVENT_LINK: u16 = EVENTS + 4;
/// Event: a node came or went, or was not let in.
pub const EVENT_NODE: u16 = EVENTS + 5;
/// Event: the daemon is about to end.
pub const EVENT_SHUTDOWN: u16 = EVENTS + 6;
/// Event: who is in a group has changed.
pub const EVENT_GROUP_CONFIG: u16 = EVENTS + 7;
/// Event: a message to a group.
pub const EVENT_GROUP_MESSAGE: u16 = EVENTS + 8;
/// Event: a message to a group was not sent.
pub const EVENT_GROUP_REFUSED: u16 = EVENTS + 9;
/// Notice: see [`State`](crate::Notice::State).
pub const NOTICE_STATE: u16 = EVENTS + 0x20;
/// Notice: see [`TryShutdown`](crate::Notice::TryShutdown).
pub const NOTICE_TRY_SHUTDOWN: u16 = EVENTS + 0x21;
/// Notice: see [`Config`](crate::Notice::Config).
pub const NOTICE_CONFIG: u16 = EVENTS + 0x22;
/// Notice: see [`PortOpened`](crate::Notice::PortOpened).
pub const NOTICE_PORT_OPENED: u16 = EVENTS + 0x23;
/// Notice: see [`PortClosed`](crate::Notice::PortClosed).
pub const NOTICE_PORT_CLOSED: u16 = EVENTS + 0x24;
/// Notice: see [`PortMessage`](crate::Notice::PortMessage).
pub const NOTICE_PORT_MESSAGE: u16 = EVENTS + 0x25;
/// Notice: see [`View`](crate::Notice::View).
pub const NOTICE_VIEW: u16 = EVENTS + 0x26;

/// Set in the number of every reply.
pub const REPLY: u16 = 0x8000;
/// Reply: not done.
pub const ERROR: u16 = REPLY;
/// Reply: done.
pub const DONE: u16 = REPLY + 2;
/// Reply: yes or no.
pub const IS: u16 = REPLY + 3;

/// Whether a message of this kind, known or not, is an event.
#[must_use]
pub const fn is_event(kind: u16) -> bool {
    kind & !0x0fff == EVENTS
}
