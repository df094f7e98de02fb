//! `cman_tool leave`.

use crate::{
    cli::{Common, Leave, LeaveHow},
    deadline::Deadline,
    failure::Failure,
    progress::Progress,
};
use cman_client::{Connection, Error};
use std::time::Duration;

/// How often a daemon that is busy is asked again, and one that leaves is looked for.
const INTERVAL: Duration = Duration::from_millis(100);

/// Makes the daemon leave the cluster and end.
pub(super) fn run(common: &Common, args: &Leave) -> Result<(), Failure> {
    let deadline = Deadline::after(args.timeout);
    let progress = Progress::new(common.json);
    let daemon = ask(common, args, deadline, &progress)?;
    if !args.wait {
        return common.done("The daemon is leaving the cluster.");
    }
    progress.say("Waiting for the daemon to leave the cluster and end");
    daemon.wait_for_end(deadline.left()).map_err(|error| match error {
        Error::TimedOut { .. } => still_there(),
        error => error.into(),
    })?;
    // It has left. Its sockets close when the process is gone, and only then may another start.
    while common.connect().is_ok() {
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
    let mut daemon = common.connect_admin()?;
    loop {
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
            Err(error) => return Err(error.into()),
        }
    }
}

fn still_there() -> Failure {
    Failure::timed_out(
        "The daemon has not ended in the time given; it is still leaving.",
        "`cman_tool status` shows what it is doing.",
    )
}
