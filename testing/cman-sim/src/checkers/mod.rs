//! The invariants, one file each. They look at what nodes say and send from outside, and know
//! more than any node does: all of history, true time, and who is alive.
//!
//! | file | invariant | source |
//! |---|---|---|
//! | [`agreement`] | one view id, one member list; a node is in its own views; nobody twice | architecture 1 |
//! | [`epochs`] | a node's epochs only grow, also across restarts | architecture 1, R-01, R-21 |
//! | [`confirmed`] | nothing is installed that a proposed member has not confirmed | R-26, R-27 |
//! | [`decided`] | what a dead coordinator may have decided is completed | R-24 |
//! | [`lineage`] | members that stay together never see each other leave | R-24, P7 |
//! | [`lives`] | the dead are not believed, the living not replaced | architecture, Security; R-76 |
//! | [`statement`] | no two disjoint quorums at any instant | architecture 4, section 12 |
//! | [`lease`] | a lease rests on fresh grants of a majority, and is told honestly | R-83 to R-90 |
//! | [`votes`] | votes counted by a second, simple implementation | architecture 4 |
//! | [`protection`] | state that was apart is not merged; nothing else ends for it | R-80m |
//! | [`freshness`] | nobody counts as heard later than its datagrams arrived | R-14 |
//! | [`sleepers`] | who slept accuses nobody | R-14 |
//! | [`messages`] | messages: order, virtual synchrony, self-delivery, safety | architecture 2, 3, 5 |
//! | [`barriers`] | nobody passes a barrier that a member has not come to | BR-10, BR-11 |
//! | [`groups`] | groups: no ghosts, one history, sound listings | `docs/spec` of groups |
//! | [`ports`] | ports: no ghosts, one history, sound binders | `docs/spec` of ports |
//! | `histories` | what clients at nodes that stay together are told | G-02 |
//! | [`memory`] | what a stream holds and queues is bounded | architecture, flow control |
//! | [`nonces`] | no key and nonce is used twice | architecture, Security |
//! | [`work`] | datagrams and wake-ups are bounded | section 14 |
//!
//! Stability (architecture 7) is checked by [`crate::permanent`], liveness (architecture 6) and
//! detection time by [`crate::swarm`]: they need a whole run.

pub mod agreement;
pub mod barriers;
pub mod confirmed;
pub mod decided;
pub mod epochs;
pub mod freshness;
pub mod groups;
mod histories;
pub mod lease;
pub mod lineage;
pub mod lives;
pub mod memory;
pub mod messages;
pub mod nonces;
pub mod ports;
pub mod protection;
pub mod sleepers;
pub mod statement;
pub mod votes;
pub mod work;
