//! Leaving the cluster: at once when this daemon is told to end, and after a vote of its clients
//! when one of them asks ([`voters`]).

pub(crate) mod voters;

use crate::{
    answer::no_answer, context::Context, engine::AskError, listeners::Decided, outlet::Outlet,
};
use cman_io::clock;
use cman_ipc::{ErrorCode, ErrorReply, Reply};
use cman_node::Command;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};
use voters::{Against, Already, Verdict, Wish};

/// The pause before a leave that was refused is tried again.
const LEAVE_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How long leaving may take besides twice the token.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);

/// A client wants this node to leave: the answer, when it has left or when it is decided that it
/// does not.
pub(crate) async fn ask(context: &Context, client: &Arc<Outlet>, wish: Wish) -> Reply {
    let limit = context.reload.shutdown_timeout();
    match context.listeners.ask_to_leave(clock::now(), client, wish, limit) {
        // Everybody is answered at the end of the daemon.
        Ok(answer) => answer.await.unwrap_or_else(|_| Reply::Error(no_answer(AskError::Ended))),
        Err(why) => already(why),
    }
}

/// Sees to it that votes come to their end, until it is aborted.
pub(crate) async fn watch(context: Arc<Context>) {
    loop {
        let now = clock::now();
        if let Some(decided) = context.listeners.verdict(now) {
            act(&context, decided);
            continue;
        }
        let changed = context.listeners.changed();
        match context.listeners.due() {
            // Whichever comes first, it is looked at again.
            Some(due) => drop(timeout(due.since(now), changed).await),
            None => changed.await,
        }
    }
}

fn act(context: &Arc<Context>, Decided { asker, verdict }: Decided) {
    match verdict {
        Verdict::Stay(against) => {
            tracing::info!("{asker} wants this node to leave the cluster, but it stays: {against}");
            context.listeners.answer(&stays(&against));
        }
        Verdict::Leave { wish, against } => {
            let who = if against.is_nobody() {
                format!("{asker} asked for it")
            } else {
                format!("{asker} insists, although {against}")
            };
            tracing::info!("leaving the cluster: {who}");
            if against.is_nobody() {
                context.mark.let_go();
            }
            tokio::spawn(leave(context.clone(), wish.remove));
        }
    }
}

fn stays(against: &Against) -> Reply {
    Reply::Error(ErrorReply {
        code: ErrorCode::Busy,
        text: format!("this node stays in the cluster: {against}"),
        advice: "end the programs that need the cluster first; `cman_tool leave force` leaves \
                 whatever they say"
            .to_owned(),
    })
}

/// To a client that asks while that is going on.
fn already(already: Already) -> Reply {
    let (text, advice) = match already {
        Already::Asking => (
            "the programs on this node are being asked already whether it may leave",
            "wait until that is decided",
        ),
        Already::Leaving => ("this node is leaving the cluster already", "wait until it has left"),
    };
    let (text, advice) = (text.to_owned(), advice.to_owned());
    Reply::Error(ErrorReply { code: ErrorCode::Already, text, advice })
}

/// Asks the node to leave until it agrees, and ends without it when that takes too long.
pub(crate) async fn leave(context: Arc<Context>, remove: bool) {
    let limit = context.config.token * 2 + LEAVE_LIMIT;
    let began = Instant::now();
    let mut said = false;
    while began.elapsed() < limit {
        match context.engine.command(Command::Leave { remove }).await {
            Ok(Ok(())) => break,
            Ok(Err(why)) if !said => {
                tracing::info!("cannot leave yet: {why}");
                said = true;
            }
            Ok(Err(_)) | Err(_) => {}
        }
        sleep(LEAVE_AGAIN_AFTER).await;
    }
    sleep(limit.saturating_sub(began.elapsed())).await;
    tracing::warn!("leaving in good order took too long; the others will notice by themselves");
    context.engine.stop();
}

impl Wish {
    /// What those are told who are asked.
    pub(crate) const fn notice(self) -> cman_ipc::Notice {
        let Self { anyway, remove } = self;
        cman_ipc::Notice::TryShutdown { anyway, remove }
    }
}
