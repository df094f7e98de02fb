//! `cman_tool leave`.

use crate::{
    cli::{Common, Leave, LeaveHow},
    deadline::Deadline,
    failure::Failure,
    progress::Progress,
};
use cman_client::{Connection, Error, Socket, ipc::ErrorCode, process};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How often a daemon is asked again that somebody else is asking, and one that leaves is looked
/// for.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long a daemon that does not listen any more may take to end: it gives its clients a moment.
const ENDING_LIMIT: Duration = Duration::from_secs(2);

/// Makes the daemon leave the cluster and end, unless a program on this node objects.
pub(super) fn run(common: &Common, args: &Leave) -> Result<(), Failure> {
    let deadline = Deadline::after(args.timeout);
    let progress = Progress::new(common.json);
    let Some(daemon) = ask(common, args, deadline, &progress)? else {
        return common.done("The daemon was leaving the cluster already, and has ended.");
    };
    let pid = daemon.daemon().pid;
    if !args.wait {
        return common.done("The daemon has left the cluster.");
    }
    progress.say("Waiting for the daemon to end");
    daemon.wait_for_end(deadline.left()).map_err(|error| match error {
        Error::TimedOut { .. } => still_there(),
        error => error.into(),
    })?;
    // It has left. Only when its process is gone may another start in its place.
    while common.connect().is_ok() || process::is_daemon(pid) {
        if deadline.has_passed() {
            return Err(still_there());
        }
        deadline.sleep(INTERVAL);
    }
    common.done("The daemon has left the cluster and ended.")
}

/// Asks until the daemon has left; with `--wait` also while somebody else is asking. None if it has
/// just ended.
fn ask(
    common: &Common,
    args: &Leave,
    deadline: Deadline,
    progress: &Progress,
) -> Result<Option<Connection>, Failure> {
    let remove = args.how.contains(&LeaveHow::Remove);
    let force = args.how.contains(&LeaveHow::Force);
    let opened = common.open(Socket::Admin, deadline.patience());
    let mut daemon = match opened {
        Ok(daemon) => daemon,
        Err(Error::NotListening { pid, .. }) if has_ended(pid) => return Ok(None),
        Err(error) => return Err(unheard(error, deadline)),
    };
    loop {
        daemon.set_patience(deadline.patience());
        progress.say("Asking the programs on this node, and waiting until it has left");
        match daemon.shut_down(force, remove, deadline.long_patience()) {
            Ok(()) => return Ok(Some(daemon)),
            Err(error) if args.wait && error.code() == Some(ErrorCode::Already) => {
                if deadline.has_passed() {
                    return Err(Failure::timed_out(error.to_string(), error.advice()));
                }
                progress.say(error.to_string());
                deadline.sleep(INTERVAL);
            }
            Err(Error::TimedOut { .. }) => return Err(stays()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a daemon that does not listen ends within a moment: then it was leaving already.
fn has_ended(pid: u32) -> bool {
    let deadline = Instant::now() + ENDING_LIMIT;
    while process::is_daemon(pid) {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(INTERVAL);
    }
    true
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

/// Whoever does not wait any more has not asked.
fn stays() -> Failure {
    Failure::timed_out(
        "This node has not left the cluster in the time given.",
        "Programs that it asked may not have answered yet, and may until shutdown_timeout, see \
         cluster.conf(5); `cman_tool status` shows whether it is leaving.",
    )
}

fn still_there() -> Failure {
    Failure::timed_out(
        "The daemon has not ended in the time given; it is still leaving.",
        "`cman_tool status` shows what it is doing.",
    )
}
