//! The 45 functions. The header says what each does; here they only turn pointers into values and
//! back.
//!
//! Pointers that come from C can only be followed by `unsafe` code. All of it relies on one thing:
//! a pointer that is not NULL leads to what the header says it leads to, and is not used by another
//! thread meanwhile. NULL is an error, except where it is said to be none. Handles are not followed
//! at all.

mod administration;
mod barriers;
mod device;
mod events;
mod handles;
mod messages;
mod queries;

#[cfg(test)]
pub(crate) use {administration::*, barriers::*, device::*, events::*, handles::*};
#[cfg(test)]
pub(crate) use {messages::*, queries::*};
