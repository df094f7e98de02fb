//! What clients and the daemon say to each other, and how it stands in bytes.
//!
//! This crate does no I/O: [`encode`] makes bytes of a [`Message`], a [`Decoder`] is fed with
//! bytes and yields messages. Whoever owns the socket moves the bytes.
//!
//! # The conversation
//! 1. The client connects to [`paths::PUBLIC_SOCKET`] or [`paths::ADMIN_SOCKET`] in the run
//!    directory and sends [`Hello`] with the range of protocol versions it speaks.
//! 2. The daemon answers [`Welcome`] with the version that both use from then on, or an
//!    [`ErrorReply`] with [`ErrorCode::Version`], and closes.
//! 3. The client sends [`Request`]s; each is answered by exactly one [`Reply`], in order, except
//!    that [`Request::Recorder`] and [`Request::Logs`] are answered by chunks of which the last
//!    one says so.
//! 4. A client that joins a group gets a [`GroupEvent`] whenever something happens in it. Messages
//!    that it sends itself are not answered, unless its [`hello::Channel`] is for calls.
//! 5. What the classic interface sends to ports is not answered either. While a request of such
//!    a client takes its time, what is not answered is heard nevertheless.
//! 6. After [`Request::Subscribe`] [`EventMessage`]s arrive whenever something happens. The view
//!    and the quorum of that moment come first, as events, and links that are down, so that nothing
//!    is missed. [`Request::PastEvents`] tells, before its reply, what happened lately.
//!
//! # The frame
//! All integers little endian.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | length of the body, at most [`frame::BODY_MAX`], or [`group::GROUP_BODY_MAX`] |
//! | 4..6 | kind of the message, see [`kind`] |
//! | 6..8 | protocol version of the body |
//! | 8.. | the body, postcard, but for messages to groups: see [`group`] |
//!
//! # Growing
//! A kind nobody knows is no error: the decoder yields [`Message::Unknown`]; the daemon answers
//! [`ErrorCode::Unsupported`], a client skips it. Any other change of a body takes a new protocol
//! version. `Hello` and `Welcome` keep their layout for ever and may only grow at the end.
//!
//! | module | what |
//! |---|---|
//! | [`frame`] | bytes to messages and back |
//! | [`kind`] | the numbers of the messages |
//! | [`message`] | everything that can be said |
//! | [`hello`], [`request`], [`reply`], [`event`] | its parts |
//! | [`group`] | what happens in groups |
//! | [`classic`], [`notice`] | what clients of the classic interface ask and are told |
//! | [`status`], [`nodes`] | the two large replies |
//! | [`paths`] | where the sockets are |
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

pub mod classic;
pub mod event;
pub mod frame;
pub mod group;
mod group_body;
pub mod hello;
mod ids;
pub mod kind;
pub mod message;
pub mod nodes;
pub mod notice;
pub mod paths;
pub mod reply;
pub mod request;
pub mod status;
#[cfg(test)]
mod tests;

pub use classic::ClassicRequest;
pub use event::{Event, EventMessage};
pub use frame::{DecodeError, Decoder, EncodeError, encode};
pub use group::{GroupConfig, GroupEvent, GroupMessage, GroupRefused, ListedGroup};
pub use hello::{Channel, Hello, Welcome};
pub use message::Message;
pub use nodes::{NodeStatus, NodesReply};
pub use notice::Notice;
pub use reply::{ErrorCode, ErrorReply, Reply};
pub use request::Request;
pub use status::StatusReply;
