//! The way to the engine thread, for everybody else.

use cman_io::waker::Waker;
use cman_node::{AmendError, Command, CommandError, Event, Status, Stored, StreamStats};
use cman_record::Chunk;
use cman_types::{Amendment, Instant, NodeId};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError},
    },
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

/// How long an answer may take before the engine counts as stalled.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// What the engine thread is asked between datagrams.
#[derive(Debug)]
pub(crate) enum Action {
    /// Change votes, and say when that is done.
    Amend { amendment: Amendment, answer: oneshot::Sender<Result<(), AmendError>> },
    /// Do something, and say whether it will be done.
    Command { command: Command, answer: oneshot::Sender<Result<(), CommandError>> },
    /// Hand out the flight recorder.
    Recording(oneshot::Sender<Vec<Chunk>>),
    /// A peer's name has resolved.
    Resolved { node: NodeId, address: SocketAddr },
    /// Say how things are.
    Status(oneshot::Sender<Snapshot>),
    /// End at once, without leaving in good order.
    Stop,
    /// The disk answered.
    Stored(Stored),
}

/// How things are, and when that was.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) at: Instant,
    pub(crate) status: Status,
    /// How the stream of messages goes; none before the first view.
    pub(crate) stream: Option<StreamStats>,
    /// The ports that are bound at this node.
    pub(crate) ports: Vec<u8>,
}

/// What the engine thread tells the service thread.
#[derive(Debug)]
pub(crate) enum Report {
    /// Something happened at this wall clock (nanoseconds since 1970) and boot time.
    Event { wall_ns: u64, at: Instant, event: Box<Event> },
    /// Reports were lost because nobody took them.
    Lost,
}

/// How the engine thread ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// The node has left in good order.
    Left,
    /// Somebody insisted.
    Stopped,
    /// The node was killed or refused for good: one sentence.
    Fatal(String),
}

/// Why the engine does not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("the daemon has too much to do")]
    Busy,
    #[error("the protocol thread of the daemon does not answer: it is stalled")]
    Stalled,
    #[error("the daemon is about to end")]
    Ended,
}

/// Asks the engine thread and wakes it. Clones ask the same thread.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) actions: SyncSender<Action>,
    pub(crate) waker: Waker,
    /// Grows whenever the thread has been around its loop.
    pub(crate) progress: Arc<AtomicU64>,
}

impl Engine {
    /// How things are.
    pub(crate) async fn status(&self) -> Result<Snapshot, AskError> {
        self.ask(Action::Status).await
    }

    /// The flight recorder, in pieces.
    pub(crate) async fn recording(&self) -> Result<Vec<Chunk>, AskError> {
        self.ask(Action::Recording).await
    }

    /// Gives a command; the inner error is the node's refusal.
    pub(crate) async fn command(
        &self,
        command: Command,
    ) -> Result<Result<(), CommandError>, AskError> {
        self.ask(|answer| Action::Command { command, answer }).await
    }

    /// Changes votes, which takes as long as the cluster needs for it; the inner error is why they
    /// are not changed.
    pub(crate) async fn amend(
        &self,
        amendment: Amendment,
    ) -> Result<Result<(), AmendError>, AskError> {
        let (answer, outcome) = oneshot::channel();
        self.send(Action::Amend { amendment, answer })?;
        outcome.await.map_err(|_| AskError::Ended)
    }

    /// Ends the thread at once, or as soon as it runs again.
    pub(crate) fn stop(&self) {
        // With the queue full of questions the thread is not stalled for long, and whoever
        // insists does so again; when it is gone already it need not be stopped.
        let _full_or_gone = self.send(Action::Stop);
    }

    /// Tells something that must not be lost. Waits while the queue is full: not for the service
    /// thread.
    pub(crate) fn tell(&self, action: Action) {
        // The thread has ended: nothing is left to be told.
        let _gone = self.actions.send(action);
        self.waker.wake();
    }

    /// How often the thread has been around its loop; and makes it go around once more.
    pub(crate) fn progress(&self) -> u64 {
        let progress = self.progress.load(Ordering::Relaxed);
        self.waker.wake();
        progress
    }

    async fn ask<T>(
        &self,
        action: impl FnOnce(oneshot::Sender<T>) -> Action,
    ) -> Result<T, AskError> {
        let (sender, answer) = oneshot::channel();
        self.send(action(sender))?;
        match timeout(ANSWER_LIMIT, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(AskError::Ended),
            Err(_) => Err(AskError::Stalled),
        }
    }

    fn send(&self, action: Action) -> Result<(), AskError> {
        self.actions.try_send(action).map_err(|error| match error {
            TrySendError::Full(_) => AskError::Busy,
            TrySendError::Disconnected(_) => AskError::Ended,
        })?;
        self.waker.wake();
        Ok(())
    }
}
