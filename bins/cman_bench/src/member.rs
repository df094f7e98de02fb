//! A member of the group, and what it sees.

use crate::{Failure, cli::Common, order_hash::OrderHash};
use cman_client::{
    Error, Groups,
    groups::{GroupName, Incoming},
    ipc::{Event, GroupEvent, GroupMessage},
};
use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// The pause before a join that is not possible yet is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// A member of one group.
#[derive(Debug)]
pub(crate) struct Member {
    groups: Groups,
    group: GroupName,
    /// Members that the history begins with.
    wanted: usize,
    /// The history, once enough members are in the group.
    history: Option<OrderHash>,
    delivered: u64,
    changes: u64,
}

impl Member {
    /// Joins the group and waits until enough members are in it.
    pub(crate) fn join(run_dir: &Path, common: &Common) -> Result<Self, Failure> {
        let pid = common.pid.unwrap_or_else(std::process::id);
        let mut groups = Groups::open_as(run_dir, "cman_bench", pid)?;
        let deadline = Instant::now() + common.patience;
        while let Err(error) = groups.join(&common.group) {
            if !error.is_busy() || Instant::now() >= deadline {
                return Err(error.into());
            }
            thread::sleep(AGAIN_AFTER);
        }
        let mut member = Self {
            groups,
            group: common.group.clone(),
            wanted: common.members,
            history: None,
            delivered: 0,
            changes: 0,
        };
        while member.history.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let wanted = common.members;
                let seconds = common.patience.as_secs();
                return Err(Failure::Other(format!(
                    "fewer than {wanted} members were in the group for {seconds} s"
                )));
            }
            member.next(Some(left))?;
        }
        Ok(member)
    }

    /// Sends a message to the group; false if what came must be taken first.
    pub(crate) fn send(&mut self, payload: &[u8], safe: bool) -> Result<bool, Failure> {
        done(self.groups.send(&self.group, payload, safe))
    }

    /// Hands what was sent to the daemon; false if what came must be taken first.
    pub(crate) fn flush(&mut self) -> Result<bool, Failure> {
        done(self.groups.flush())
    }

    /// Own messages that have not come back.
    pub(crate) const fn unconfirmed(&self) -> u64 {
        self.groups.unconfirmed()
    }

    /// Whether this process sent it.
    pub(crate) fn is_own(&self, message: &GroupMessage) -> bool {
        message.sender == self.groups.me()
    }

    /// The next message of the history. Waits at most `patience`, for ever without; `None` if
    /// nothing came, or something else.
    pub(crate) fn next(
        &mut self,
        patience: Option<Duration>,
    ) -> Result<Option<GroupMessage>, Failure> {
        match self.groups.receive(patience)? {
            Some(Incoming::Group(GroupEvent::Message(message))) => {
                let Some(history) = &mut self.history else { return Ok(None) };
                history.message(&message);
                self.delivered += 1;
                return Ok(Some(message));
            }
            Some(Incoming::Group(GroupEvent::Config(config))) => {
                if config.members.len() >= self.wanted {
                    self.history.get_or_insert_default();
                }
                if let Some(history) = &mut self.history {
                    history.change(&config);
                    self.changes += 1;
                }
            }
            Some(Incoming::Group(GroupEvent::Refused(refused))) => {
                let text = format!("a message was refused: {}", refused.error.text);
                return Err(Failure::Other(text));
            }
            Some(Incoming::Cluster(event)) => {
                if let Event::Shutdown(shutdown) = event.event {
                    let text = format!("the daemon ends: {}", shutdown.text);
                    return Err(Failure::Other(text));
                }
            }
            None => {}
        }
        Ok(None)
    }

    /// Whether nothing came at the last [`Self::next`] is for the caller to know; this is what came
    /// up to now.
    pub(crate) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Changes of the group.
    pub(crate) const fn changes(&self) -> u64 {
        self.changes
    }

    /// The history as a number.
    pub(crate) fn order_hash(&self) -> String {
        self.history.unwrap_or_default().text()
    }
}

/// Whether it was done. If not, too much has come that was not taken.
fn done(result: Result<(), Error>) -> Result<bool, Failure> {
    match result {
        Ok(()) => Ok(true),
        Err(Error::Unread) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
