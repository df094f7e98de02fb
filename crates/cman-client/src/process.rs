//! Whether a daemon lives that cannot be talked to.

use cman_ipc::paths::LOCK_FILE;
use std::{fs, path::Path};

/// Longest number in a lock file that is looked at, in bytes.
const PID_LEN_MAX: u64 = 20;

/// Whether a daemon has this process id and has not ended. In another process namespace than the
/// daemon's it may be nobody's.
#[must_use]
pub fn is_daemon(pid: u32) -> bool {
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    is_living_daemon(&String::from_utf8_lossy(&stat))
}

/// The process that has locked this run directory, if it is a living daemon. (The pid file goes
/// sooner than the process.) The lock itself is not tried: that could get in the way of a start.
pub(crate) fn daemon_of(run_dir: &Path) -> Option<u32> {
    let path = run_dir.join(LOCK_FILE);
    let file = path.symlink_metadata().ok()?;
    if !file.is_file() || file.len() > PID_LEN_MAX {
        return None;
    }
    let pid = fs::read_to_string(path).ok()?.trim().parse().ok()?;
    is_daemon(pid).then_some(pid)
}

/// Reads a line of `/proc/PID/stat`: number, name in parentheses, state.
fn is_living_daemon(stat: &str) -> bool {
    let Some((head, rest)) = stat.rsplit_once(')') else { return false };
    let is_dead = rest.trim_start().starts_with(['Z', 'X']);
    head.ends_with("(cmand") && !is_dead
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_living_daemon_is_one() {
        assert!(is_living_daemon("4711 (cmand) S 1 4711 4711 0 -1"));
        assert!(!is_living_daemon("4711 (cmand) Z 1 4711 4711 0 -1"));
        assert!(!is_living_daemon("4711 (a (cmand) S) S 1 4711"));
        assert!(!is_living_daemon(""));
    }

    #[test]
    fn a_lock_file_that_names_no_daemon_is_nobodys() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(daemon_of(dir.path()), None);
        // This process lives, and is no daemon.
        let own = std::process::id().to_string();
        for text in ["", "-1", "none", own.as_str(), "1".repeat(30).as_str()] {
            fs::write(dir.path().join(LOCK_FILE), text).unwrap();
            assert_eq!(daemon_of(dir.path()), None, "{text}");
        }
    }
}
