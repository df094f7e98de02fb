//! `cman_tool leave`.

use crate::{
    cli::{Common, Leave, LeaveHow},
    deadline::Deadline,
    failure::Failure,
    progress::Progress,
};
use cman_client::{Connection, Error, Socket};
use std::{fs, time::Duration};

/// How often a daemon that is busy is asked again, and one that leaves is looked for.
const INTERVAL: Duration = Duration::from_millis(100);

/// Makes the daemon leave the cluster and end.
pub(super) fn run(common: &Common, args: &Leave) -> Result<(), Failure> {
    let deadline = Deadline::after(args.timeout);
    let progress = Progress::new(common.json);
    let daemon = ask(common, args, deadline, &progress)?;
    let pid = daemon.daemon().pid;
    if !args.wait {
        return common.done("The daemon is leaving the cluster.");
    }
    progress.say("Waiting for the daemon to leave the cluster and end");
    daemon.wait_for_end(deadline.left()).map_err(|error| match error {
        Error::TimedOut { .. } => still_there(),
        error => error.into(),
    })?;
    // It has left. Only when its process is gone may another start in its place.
    while common.connect().is_ok() || is_alive(pid) {
        if deadline.has_passed() {
            return Err(still_there());
        }
        deadline.sleep(INTERVAL);
    }
    common.done("The daemon has left the cluster and ended.")
}

/// Asks until the daemon accepts; with `--wait` also while it is busy.
fn ask(
    common: &Common,
    args: &Leave,
    deadline: Deadline,
    progress: &Progress,
) -> Result<Connection, Failure> {
    let remove = args.how.contains(&LeaveHow::Remove);
    let force = args.how.contains(&LeaveHow::Force);
    let opened = common.open(Socket::Admin, deadline.patience());
    let mut daemon = opened.map_err(|error| unheard(error, deadline))?;
    loop {
        daemon.set_patience(deadline.patience());
        match daemon.leave(remove, force) {
            Ok(()) => return Ok(daemon),
            Err(error) if args.wait && error.is_busy() => {
                if deadline.has_passed() {
                    let advice = "`cman_tool leave force` leaves anyway.";
                    return Err(Failure::timed_out(error.to_string(), advice));
                }
                progress.say(error.to_string());
                deadline.sleep(INTERVAL);
            }
            Err(error) => return Err(unheard(error, deadline)),
        }
    }
}

/// Whether a daemon has this process id and has not ended. In another process namespace than the
/// daemon's it may be nobody's.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    is_living_daemon(&stat)
}

/// Reads a line of `/proc/PID/stat`: number, name in parentheses, state.
fn is_living_daemon(stat: &str) -> bool {
    let Some((head, rest)) = stat.rsplit_once(')') else { return false };
    let is_dead = rest.trim_start().starts_with(['Z', 'X']);
    head.ends_with("(cmand") && !is_dead
}

/// The daemon has not answered: in time, or at all.
fn unheard(error: Error, deadline: Deadline) -> Failure {
    match error {
        Error::TimedOut { .. } if deadline.has_passed() => Failure::timed_out(
            "The daemon has not answered in the time given.",
            "It may be stopped or stuck; its log says more.",
        ),
        error => error.into(),
    }
}

fn still_there() -> Failure {
    Failure::timed_out(
        "The daemon has not ended in the time given; it is still leaving.",
        "`cman_tool status` shows what it is doing.",
    )
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
}
