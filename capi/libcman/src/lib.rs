//! `libcman`, the C library that programs of the cluster suite know, of the generations V2 and V3:
//! one object under two names. `include/libcman.h` is what C programs see, libcman(3) the manual.
//!
//! A handle is two connections to the daemon: [`Calls`](cman_client::Calls) for requests and their
//! replies, and an [`EventLine`](cman_client::EventLine) for what happens. The second makes the
//! descriptor of the handle readable, and nothing else does.
//!
//! # What always holds
//! 1. What a program passes as a handle is looked up and never followed as a pointer.
//! 2. No lock is held while a callback runs: it may call everything, dispatch and finish included.
//! 3. What is sent without a reply waits for no reply of another thread.
//! 4. The descriptor is the same for the life of the handle, and readable exactly when a message
//!    waits or the daemon is gone. Of the connection no more is read than is dispatched or set
//!    aside.
//! 5. Nothing of Rust goes on in the program: no thread, no signal, no output; a panic is an error.
//!
//! Unlike the rest of the workspace this is a library for C: `unsafe` is what its entry points are
//! made of. They turn pointers into values and back, and everything behind them is safe.
//!
//! | module | what |
//! |---|---|
//! | `layouts` | the structures, with the offsets that programs were compiled with |
//! | `constants` | flags and numbers |
//! | `boundary` | entering and leaving Rust: handles, errors, panics |
//! | `pointer` | what C passes, as values; values to where C wants them |
//! | `registry` | the handles of the process |
//! | `handle` | one handle |
//! | `inbox` | messages that wait, and the descriptor |
//! | `dispatch` | messages to callbacks |
//! | `errno` | which error is which number |
//! | `address` | addresses as the system writes them |
//! | `nodes`, `cluster` | queries |
//! | `administration`, `barriers`, `data`, `device`, `notification` | the other calls |
//! | `entry` | the 45 functions |
#![deny(
    unsafe_op_in_unsafe_fn,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks
)]

mod address;
mod administration;
mod barriers;
mod boundary;
mod cluster;
mod constants;
mod data;
mod device;
mod dispatch;
mod entry;
mod errno;
mod handle;
mod inbox;
mod layouts;
mod nodes;
mod notification;
mod pointer;
mod registry;
#[cfg(test)]
mod tests;
