//! Locked memory and real-time priority: what keeps a daemon punctual on a busy machine.
//!
//! Neither is needed for correctness, so a refusal is a warning that says what to grant.

use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{CapabilitySet, capabilities},
};
use std::io;

/// Just below the threads that serve interrupts (50), which bring us our datagrams.
pub const REALTIME_PRIORITY: i32 = 49;

/// What the system did not grant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchedError {
    /// The memory limit does not cover the whole process, now or when it grows.
    #[error(
        "memory is not locked and may be swapped out: the locked-memory limit is {limit} bytes; \
         grant CAP_IPC_LOCK, or LimitMEMLOCK=infinity in the unit file"
    )]
    MemlockLimit {
        /// The limit in force, in bytes.
        limit: u64,
    },
    /// mlockall(2) failed although it should be allowed.
    #[error("memory is not locked and may be swapped out: {0}")]
    Lock(#[source] io::Error),
    /// Nobody asked the system.
    #[error("no real-time priority for the protocol thread: it was started with --no-realtime")]
    NotWanted,
    /// sched_setscheduler(2) failed.
    #[error(
        "no real-time priority for the protocol thread: {0}; grant CAP_SYS_NICE, or \
         LimitRTPRIO={REALTIME_PRIORITY} in the unit file (and check cpu.rt_runtime_us of the \
         control group)"
    )]
    RealTime(#[source] io::Error),
}

/// Locks all memory that this process has touched or will touch, each page when it is first used.
///
/// # Errors
/// When it is not allowed without limit: half a permission is worse than none, because a process
/// with locked memory that reaches its limit is refused *any* memory.
pub fn lock_memory() -> Result<(), SchedError> {
    if let Some(limit) = memlock_limit() {
        return Err(SchedError::MemlockLimit { limit });
    }
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
        .map_err(|error| SchedError::Lock(error.into()))
}

/// The limit that would bind us, in bytes; `None` if there is none.
fn memlock_limit() -> Option<u64> {
    let privileged =
        capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    if privileged {
        return None;
    }
    let maximum = getrlimit(Resource::Memlock).maximum;
    // Raising the soft limit to the hard one needs no permission.
    let _unchanged = setrlimit(Resource::Memlock, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Memlock).current
}

/// Gives the *calling thread* round-robin real-time priority [`REALTIME_PRIORITY`]; what it forks
/// gets none.
///
/// # Errors
/// When it is not allowed; the thread goes on as before.
pub fn make_thread_realtime() -> Result<(), SchedError> {
    let parameters = libc::sched_param { sched_priority: REALTIME_PRIORITY };
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // SAFETY: needed because no safe wrapper exists. Process 0 is the calling thread, and the
    // pointer is to a live, initialised value that the call only reads.
    let result = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    if result == 0 { Ok(()) } else { Err(SchedError::RealTime(io::Error::last_os_error())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_time_is_given_to_this_thread_or_refused_with_what_to_grant() {
        std::thread::spawn(|| match make_thread_realtime() {
            Ok(()) => {
                // SAFETY: reads the policy of the calling thread.
                let policy = unsafe { libc::sched_getscheduler(0) };
                assert_eq!(policy & !libc::SCHED_RESET_ON_FORK, libc::SCHED_RR);
            }
            Err(error) => assert!(error.to_string().contains("CAP_SYS_NICE"), "{error}"),
        })
        .join()
        .unwrap();
    }
}
