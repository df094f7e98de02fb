//! The handles of the process.
//!
//! What a program holds is no address but a number that is given once: whatever it passes is looked
//! up here, and a handle that is finished stays unknown. The numbers are odd, which no pointer to
//! something of C's is by chance.

use crate::handle::Handle;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

static HANDLES: Mutex<Handles> = Mutex::new(Handles { last: 0, known: BTreeMap::new() });

#[derive(Debug)]
struct Handles {
    last: usize,
    known: BTreeMap<usize, Arc<Handle>>,
}

/// Makes a handle known. Returns its number, which is never 0.
pub(crate) fn add(handle: Handle) -> usize {
    let mut handles = lock();
    let number = handles.last.wrapping_add(1);
    handles.last = number.wrapping_add(1);
    handles.known.insert(number, Arc::new(handle));
    number
}

/// The handle of this number.
pub(crate) fn find(number: usize) -> Option<Arc<Handle>> {
    lock().known.get(&number).cloned()
}

/// Forgets a handle. It lives on as long as somebody is inside one of its calls.
pub(crate) fn remove(number: usize) -> Option<Arc<Handle>> {
    lock().known.remove(&number)
}

fn lock() -> MutexGuard<'static, Handles> {
    // A map that somebody panicked beside is as good as ever.
    HANDLES.lock().unwrap_or_else(PoisonError::into_inner)
}
