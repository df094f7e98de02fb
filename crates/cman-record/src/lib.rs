//! Recordings: every input of a node and, if wanted, every output, so that what happened can be
//! run again and compared. The daemon writes them, the simulator replays them; what a recording
//! looks like is said here alone.
//!
//! | module | what |
//! |---|---|
//! | [`record`] | one record, to bytes and back |
//! | [`setup`] | what the node was made with, as text |
//! | [`recorder`] | keeps the newest records, and hands all of them to a file |
//! | [`witness`] | a cipher that records what it opens and seals |
//! | [`reader`] | a recording, piece by piece, and what can be wrong with it |
//!
//! # Where the line is drawn
//! Inside is [`cman_node::Node`], which is pure: the same inputs give the same outputs. Outside are
//! the sockets, the clock and the cryptography. A datagram is recorded as its clear header and what
//! came of opening it, one that is sent as its clear header and what was sealed. So a replay needs
//! no key, and a recording holds none; it does hold all messages, readable.
//!
//! # Format
//! `CMANREC` and the digit of the format, then records without gaps. Integers are little endian.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | kind of the record |
//! | 8 | the time that the node was told last, nanoseconds of boot time |
//! | 4 | length of the rest |
//! | .. | the rest, by kind |
//!
//! | kind | rest |
//! |---|---|
//! | 1 setup | what the node was made with, `name value` on each line; always first |
//! | 2 gap | u64: bytes of records that are missing here |
//! | 3 check | u32: CRC-32 of all bytes since the last check, up to here; ends a piece |
//! | 4 end | empty: the node ended in good order |
//! | 16 datagram | u8 lane, u8 multicast, u32 length of the datagram, source, the datagram's clear header (all of it if it is shorter) |
//! | 17 opened | u8 whether it opened, the contents: of the datagram before |
//! | 18 drained | empty |
//! | 19 timeout | empty |
//! | 20 stored | u64 epoch ceiling, u8 removed, u8 whether the disk took it |
//! | 21 leave | u8 remove |
//! | 22 kill | u32 node id |
//! | 23 resolved | u32 node id, address |
//! | 24 join | u64 session, u32 process, name of the group |
//! | 25 part | u64 session, name of the group |
//! | 26 send | u64 session, u8 safe, u8 length of the name, name of the group, message |
//! | 27 close | u64 session |
//! | 28 members | u64 session, name of the group |
//! | 29 groups | u64 session |
//! | 30 bind | u64 session, u8 port |
//! | 31 send to port | u64 session, u32 node id (0: all), u8 port, message |
//! | 32 register barrier | u64 session, u32 nodes, u8 autodelete, u8 enabled, name of the barrier |
//! | 33 barrier: autodelete | u64 session, u8 on, name of the barrier |
//! | 34 barrier: enable | u64 session, name of the barrier |
//! | 35 barrier: nodes | u64 session, u32 nodes, name of the barrier |
//! | 36 barrier: timeout | u64 session, u32 seconds, name of the barrier |
//! | 37 wait at barrier | u64 session, name of the barrier |
//! | 38 delete barrier | u64 session, name of the barrier |
//! | 39 note fencing | u64 session, u32 node id, u64 when (seconds since 1970), agent |
//! | 40 amend | u64 ticket, u32 node id (0: expected votes), u32 votes |
//! | 41 register device | u32 votes, name |
//! | 42 unregister device | empty |
//! | 43 poll device | u8 whether it lives |
//! | 64 answer | to the command or request before: empty, or why it was refused |
//! | 65 sealed | the clear header, the contents |
//! | 66 transmit | u8 lane, destination, the clear header |
//! | 67 message | u64 session, u32 node and u32 process of the sender, u64 its incarnation, u64 number, u8 length of the name, name of the group, message |
//! | 68 event | any other event, as text |
//! | 69 turn | u64 when to call the node again (0: never), u64 until when it may act: all outputs were taken |
//! | 70 port message | u64 session, u32 node id of the sender, u8 its port, message |
//!
//! An address is u8 family (4, 6; 0 for multicast), the address, u16 port, with family 6 u32 scope.
//! The lane is 0 for control and 1 for data. Kinds from 64 on are outputs, which are only there if
//! the setup says so. Records stand in the order in which things happened.
#![forbid(unsafe_code)]

pub mod reader;
pub mod record;
pub mod recorder;
pub mod setup;
pub mod witness;

pub use reader::{Entry, ReadError, Reader};
pub use record::{Malformed, Record};
pub use recorder::{Chunk, Recorder};
pub use setup::{Described, SetupError};
pub use witness::Witness;

/// The first bytes of a recording, before the digit of its format.
pub const MAGIC: &[u8; 7] = b"CMANREC";

/// The format that is written and read here.
pub const FORMAT: u8 = b'2';
