//! `cman_tool wait`, and the waiting of `cman_tool join`.

use crate::{
    cli::{Common, Wait},
    deadline::Deadline,
    failure::Failure,
    progress::Progress,
};
use cman_client::{
    Connection, Error,
    ipc::{StatusReply, nodes::NodeState, status::State},
};
use cman_types::NodeId;
use std::time::Duration;

/// How often the daemon is asked.
const INTERVAL: Duration = Duration::from_millis(50);

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Goal {
    /// That this node is a member.
    Membership,
    /// That it is also quorate.
    Quorum,
}

/// Waits.
pub(super) fn run(common: &Common, args: &Wait) -> Result<(), Failure> {
    let goal = if args.quorum { Goal::Quorum } else { Goal::Membership };
    let progress = Progress::new(common.json);
    until(common, goal, Deadline::after(args.timeout), &progress)?;
    common.done(goal.reached())
}

/// Waits for a goal; with exit code 2 if it is not reached in time.
pub(super) fn until(
    common: &Common,
    goal: Goal,
    deadline: Deadline,
    progress: &Progress,
) -> Result<(), Failure> {
    let daemon = common.open_to_read(deadline.patience());
    let mut daemon = daemon.map_err(|error| gone(error, deadline))?;
    loop {
        daemon.set_patience(deadline.patience());
        let status = daemon.status().map_err(|error| gone(error, deadline))?;
        if goal.is_reached(&status)? {
            return Ok(());
        }
        let waiting = goal.waiting(&status, &missing(&mut daemon, status.node));
        if deadline.has_passed() {
            let advice = "`cman_tool status` and `cman_tool nodes` show more; the daemon's log \
                          says why nodes are missing.";
            return Err(Failure::timed_out(format!("Timed out. {waiting}."), advice));
        }
        progress.say(waiting);
        deadline.sleep(INTERVAL);
    }
}

impl Goal {
    /// Whether it is reached; a failure if it never will be.
    fn is_reached(self, status: &StatusReply) -> Result<bool, Failure> {
        match status.state {
            State::Leaving | State::Left => Err(Failure::failed(
                "The daemon is leaving the cluster.",
                "Start it again with `cman_tool join` when it has ended.",
            )),
            State::Disallowed => Err(Failure::failed(
                "The other nodes do not admit this one, because it carries state of its own.",
                "Restart this machine, or end everything that uses the cluster on it, and join \
                 again.",
            )),
            State::Starting | State::Joining => Ok(false),
            State::Member => Ok(self == Self::Membership || status.quorum.quorate),
        }
    }

    /// What is missing, as words for a user who waits.
    fn waiting(self, status: &StatusReply, missing: &[String]) -> String {
        let absent = match missing {
            [] => String::new(),
            names => format!("; not there: {}", names.join(", ")),
        };
        if status.state != State::Member {
            return format!("Waiting for membership, {} now{absent}", status.state);
        }
        let quorum = &status.quorum;
        // A daemon need not say why.
        let why = match quorum.why.as_str() {
            "" => format!("votes here: {}, needed: {}", quorum.votes, quorum.needed),
            why => why.to_owned(),
        };
        format!("Waiting for quorum: {why}{absent}")
    }

    /// What is so when it is reached.
    pub(super) const fn reached(self) -> &'static str {
        match self {
            Self::Membership => "This node is a member.",
            Self::Quorum => "This node is a member and quorate.",
        }
    }
}

/// The names of the other configured nodes that are no members. None if the daemon does not say:
/// this is only told to a user who waits anyway.
fn missing(daemon: &mut Connection, own: NodeId) -> Vec<String> {
    let nodes = daemon.nodes().map(|reply| reply.nodes).unwrap_or_default();
    let others = nodes.into_iter().filter(|node| node.id != own);
    let missing = others.filter(|node| node.state != NodeState::Member);
    missing.map(|node| node.name).collect()
}

fn gone(error: Error, deadline: Deadline) -> Failure {
    match error {
        Error::Closed => Failure::failed(
            "The cluster daemon ended while it was waited for.",
            "The daemon's log says why.",
        ),
        Error::TimedOut { .. } if deadline.has_passed() => {
            Failure::timed_out(error.to_string(), error.advice())
        }
        error => error.into(),
    }
}
