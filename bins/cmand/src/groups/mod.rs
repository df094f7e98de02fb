//! Groups between the clients and the node.
//!
//! Messages are many, so both ways go in batches: whatever has come together while the other side
//! was busy is handed over with one lock and at most one wake-up, and the engine thread never
//! waits.
//!
//! ```text
//!  client ─▶ conversation ─▶ Inbox ─▶ Desk ─▶ node     calls, by session, in order
//!  client ◀─ Outlet ◀─ Sessions ◀─ Outbox ◀─ Desk      what the node says, in order
//! ```
//!
//! Bounds, all of one client: what it has asked ([`account`]) stays unread in its socket beyond a
//! limit; what it has not read ([`account`] too) ends its connection beyond a limit, and nobody
//! else's.
//!
//! | module | what |
//! |---|---|
//! | [`account`] | what one client has under way, known to both threads |
//! | [`call`] | what a client asks of the node |
//! | [`inbox`], [`outbox`] | the ways between the two threads |
//! | [`desk`] | the engine thread's side |
//! | [`listing`] | all groups, for who asks |
//! | [`sessions`] | the service thread's side: who is who |
//! | [`session`] | the service thread's side: one client |
//! | [`host`] | the node, as far as groups are concerned |

pub(crate) mod account;
pub(crate) mod call;
pub(crate) mod desk;
pub(crate) mod host;
pub(crate) mod inbox;
pub(crate) mod listing;
pub(crate) mod outbox;
pub(crate) mod session;
pub(crate) mod sessions;
