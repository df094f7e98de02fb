//! Architecture, "Security": no (key, nonce) pair is ever used twice. The ledger in
//! [`crate::cipher`] sees every seal of every life.

use std::sync::{Mutex, PoisonError};

use crate::{
    cipher::Ledger,
    violation::{Check, Violation},
};

/// Whether some nonce was used twice.
pub fn check(ledger: &Mutex<Ledger>) -> Check {
    let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    match ledger.broken() {
        None => Ok(()),
        Some(what) => Err(Violation::new("nonces are used once", &[], what.to_owned())),
    }
}
