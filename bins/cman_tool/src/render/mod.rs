//! Replies of the daemon as text and as JSON. Everything here is a function from a reply to text
//! or to something that can be serialized.
//!
//! | module | what |
//! |---|---|
//! | [`classic`] | the text of 2009, which programs read: byte-stable |
//! | [`long`] | what that text has no place for |
//! | [`events`] | events, one line each |
//! | [`groups`] | groups and their members |
//! | [`json`] | everything as JSON |
//! | [`time`] | instants |

pub(crate) mod classic;
pub(crate) mod events;
pub(crate) mod groups;
pub(crate) mod json;
pub(crate) mod long;
pub(crate) mod time;
