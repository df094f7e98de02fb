//! What clients change about votes: those of nodes, what is expected, and the quorum device.

use crate::{
    answer::{no_answer, refused},
    context::Context,
    engine::AskError,
};
use cman_ipc::{
    ClassicRequest, ErrorCode, Reply,
    classic::{DEVICE_NAME_MAX, DeviceStatus},
};
use cman_node::{AmendError, Command, CommandError, DeviceError};
use cman_types::Amendment;
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// How long a node that has just started waits before it asks again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// The reply to a request about votes; none if it is about something else. Votes are in force on
/// this node when the reply says that they are changed.
pub(crate) async fn answer(context: &Context, request: &ClassicRequest) -> Option<Reply> {
    let reply = match request {
        ClassicRequest::SetVotes { node, votes } => {
            let node = node.unwrap_or(context.me.id);
            amend(context, Amendment::Votes { node, votes: *votes }).await
        }
        ClassicRequest::SetExpectedVotes { votes } => {
            amend(context, Amendment::Expected { votes: *votes }).await
        }
        ClassicRequest::DeviceRegister { name, votes } => {
            register(context, name.to_vec(), *votes).await
        }
        ClassicRequest::DeviceUnregister => device(context, Command::DeviceUnregister).await,
        ClassicRequest::DevicePoll { available } => {
            device(context, Command::DevicePoll { available: *available }).await
        }
        ClassicRequest::DeviceGet => match context.engine.status().await {
            Ok(snapshot) => match snapshot.status.device {
                Some(known) => Reply::Device(DeviceStatus {
                    name: known.name,
                    alive: known.alive,
                    votes: known.votes,
                }),
                None => device_error(DeviceError::Missing, ErrorCode::NotFound),
            },
            Err(error) => Reply::Error(no_answer(error)),
        },
        _ => return None,
    };
    Some(reply)
}

async fn amend(context: &Context, amendment: Amendment) -> Reply {
    match context.engine.amend(amendment).await {
        Ok(Ok(())) => {
            tracing::info!("votes were changed on this node: {}", in_words(amendment));
            Reply::Done
        }
        Ok(Err(error)) => amend_error(error),
        Err(error) => Reply::Error(no_answer(error)),
    }
}

/// Asks for what the start of this node asked for, until each is done or refused for good. What
/// stands behind something that is still to come is asked again after it: what is expected follows
/// the votes of nodes.
pub(crate) async fn ask_at_start(context: Arc<Context>) {
    let mut left = context.asked.as_slice();
    loop {
        let mut first = None;
        for (at, &amendment) in left.iter().enumerate() {
            if !ask_once(&context, amendment, first.is_some()).await {
                first.get_or_insert(at);
            }
        }
        let Some(first) = first else { return };
        left = left.get(first..).unwrap_or_default();
        sleep(ASK_AGAIN_AFTER).await;
    }
}

/// Asks once; whether that is all. While something else is to come first, no refusal is for good.
async fn ask_once(context: &Context, amendment: Amendment, early: bool) -> bool {
    let words = in_words(amendment);
    match context.engine.amend(amendment).await {
        Ok(Ok(())) => tracing::info!("as asked at the start of this node: {words}"),
        Ok(Err(error)) if early || is_for_now(&error) => {
            tracing::debug!("asked at the start of this node, not done yet: {words}: {error}");
            return false;
        }
        Ok(Err(error)) => {
            tracing::warn!("asked at the start of this node, and refused: {words}: {error}");
        }
        Err(AskError::Ended) => {}
        Err(AskError::Busy | AskError::Stalled) => return false,
    }
    true
}

/// Whether a node that has just started may find it otherwise later.
const fn is_for_now(error: &AmendError) -> bool {
    matches!(error, AmendError::NoView | AmendError::NotMember(_) | AmendError::NotQuorate)
}

fn in_words(amendment: Amendment) -> String {
    match amendment {
        Amendment::Votes { node, votes } => format!("node {node} has {votes}"),
        Amendment::Expected { votes } => format!("{votes} are expected"),
    }
}

fn amend_error(error: AmendError) -> Reply {
    let (code, advice) = match error {
        AmendError::NotConfigured(_) => (ErrorCode::NotFound, "see `cman_tool nodes`"),
        AmendError::NotMember(_) => (ErrorCode::NotMember, "see `cman_tool nodes`"),
        AmendError::NoView => (ErrorCode::NotFound, "try again in a moment"),
        AmendError::NotQuorate => {
            (ErrorCode::Invalid, "if the others are down for sure, lower the expected votes")
        }
        _ => (ErrorCode::Invalid, "see `cman_tool status` for the votes"),
    };
    refused(code, error.to_string(), advice)
}

async fn register(context: &Context, name: Vec<u8>, votes: u32) -> Reply {
    if name.len() > DEVICE_NAME_MAX {
        return device_error(DeviceError::Name, ErrorCode::Invalid);
    }
    if context.config.nodes.iter().any(|node| node.name.as_bytes() == name) {
        let text = "a node of the cluster has that name".to_owned();
        return refused(ErrorCode::Already, text, "choose another name");
    }
    device(context, Command::DeviceRegister { name, votes }).await
}

async fn device(context: &Context, command: Command) -> Reply {
    match context.engine.command(command).await {
        Ok(Ok(())) => Reply::Done,
        Ok(Err(CommandError::Device(error))) => {
            let code = match error {
                DeviceError::Exists => ErrorCode::Exists,
                DeviceError::Alive => ErrorCode::Busy,
                DeviceError::NoView => ErrorCode::NotFound,
                DeviceError::Name | DeviceError::Missing => ErrorCode::Invalid,
            };
            device_error(error, code)
        }
        Ok(Err(CommandError::Refused(why))) => refused(ErrorCode::Refused, why, ""),
        Err(error) => Reply::Error(no_answer(error)),
    }
}

fn device_error(error: DeviceError, code: ErrorCode) -> Reply {
    let advice = match error {
        DeviceError::Exists => "unregister that one first",
        DeviceError::Missing => "register it first",
        DeviceError::NoView => "try again in a moment",
        DeviceError::Name | DeviceError::Alive => "",
    };
    refused(code, error.to_string(), advice)
}
