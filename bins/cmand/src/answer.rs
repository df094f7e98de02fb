//! Requests and their answers.

use crate::{context::Context, engine::AskError, present};
use cman_ipc::{
    Channel, ErrorCode, ErrorReply, Reply, Request,
    reply::{CHUNK_MAX, LogsChunk, RecorderChunk},
};
use cman_node::Command;

/// All the replies to one request, in order. `Subscribe` is not answered here.
pub(crate) async fn answer(context: &Context, request: Request) -> Vec<Reply> {
    match request {
        Request::Kill { node } => vec![kill(context, Command::Kill { node }).await],
        Request::Leave { remove, force } => vec![leave(context, remove, force).await],
        Request::Logs => logs(context.log.recent()),
        Request::Nodes => vec![match context.engine.status().await {
            Ok(snapshot) => Reply::Nodes(present::nodes(context, &snapshot)),
            Err(error) => Reply::Error(no_answer(error)),
        }],
        Request::Recorder => recording(context).await,
        Request::Status => vec![match context.engine.status().await {
            Ok(snapshot) => Reply::Status(Box::new(present::status(context, &snapshot))),
            Err(error) => Reply::Error(no_answer(error)),
        }],
        Request::Version => vec![match context.engine.status().await {
            Ok(snapshot) => Reply::Version(present::version(context, &snapshot)),
            Err(error) => Reply::Error(no_answer(error)),
        }],
        other => vec![Reply::Error(unsupported(cman_ipc::Message::Request(other).kind()))],
    }
}

async fn kill(context: &Context, command: Command) -> Reply {
    match context.engine.command(command).await {
        Ok(Ok(())) => Reply::Done,
        // It says itself what to look at.
        Ok(Err(why)) => refused(ErrorCode::Refused, why.to_string(), ""),
        Err(error) => Reply::Error(no_answer(error)),
    }
}

async fn leave(context: &Context, remove: bool, force: bool) -> Reply {
    match context.engine.command(Command::Leave { remove }).await {
        Ok(Ok(())) => {
            tracing::info!("leaving the cluster: a client asked for it");
            Reply::Done
        }
        Err(_) | Ok(Err(_)) if force => {
            tracing::warn!("ending without leaving in good order: a client insists");
            context.engine.stop();
            Reply::Done
        }
        Ok(Err(why)) => refused(ErrorCode::Busy, why.to_string(), "try again, or use force"),
        Err(error) => Reply::Error(no_answer(error)),
    }
}

pub(crate) fn refused(code: ErrorCode, text: String, advice: &str) -> Reply {
    Reply::Error(ErrorReply { code, text, advice: advice.to_owned() })
}

async fn recording(context: &Context) -> Vec<Reply> {
    let pieces = match context.engine.recording().await {
        Ok(pieces) => pieces,
        Err(error) => return vec![Reply::Error(no_answer(error))],
    };
    let mut replies: Vec<Reply> = pieces
        .iter()
        .flat_map(|piece| piece.chunks(CHUNK_MAX))
        .map(|bytes| Reply::Recorder(RecorderChunk { bytes: bytes.to_vec(), last: false }))
        .collect();
    replies.push(Reply::Recorder(RecorderChunk { bytes: Vec::new(), last: true }));
    replies
}

/// The lines in chunks that each fit into a reply.
fn logs(lines: Vec<String>) -> Vec<Reply> {
    let mut chunks = vec![Vec::new()];
    let mut bytes = 0;
    for mut line in lines {
        let limit = line.len().min(CHUNK_MAX / 2);
        let boundary = (0..=limit).rev().find(|at| line.is_char_boundary(*at));
        line.truncate(boundary.unwrap_or(0));
        bytes += line.len();
        if bytes > CHUNK_MAX {
            bytes = line.len();
            chunks.push(Vec::new());
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(line);
        }
    }
    let count = chunks.len();
    let chunk = |(number, lines)| Reply::Logs(LogsChunk { lines, last: number == count });
    (1..).zip(chunks).map(chunk).collect()
}

/// The engine thread does not answer.
pub(crate) fn no_answer(error: AskError) -> ErrorReply {
    let (code, advice) = match error {
        AskError::Busy => (ErrorCode::Busy, "try again"),
        AskError::Stalled => (ErrorCode::Failed, "is this machine overloaded? try again"),
        AskError::Ended => (ErrorCode::Failed, "start it again with `cman_tool join`"),
    };
    ErrorReply { code, text: error.to_string(), advice: advice.to_owned() }
}

/// To a request that is not known here.
pub(crate) fn unsupported(kind: u16) -> ErrorReply {
    ErrorReply {
        code: ErrorCode::Unsupported,
        text: format!("this daemon does not know request {kind:#06x}"),
        advice: "update the daemon, or use a client of its release".to_owned(),
    }
}

/// To a client that does not keep to the protocol.
pub(crate) fn garbage(what: &str) -> ErrorReply {
    ErrorReply {
        code: ErrorCode::Malformed,
        text: format!("this is not what a client says: {what}"),
        advice: "use a client of the same release as the daemon".to_owned(),
    }
}

/// To a client of another time.
pub(crate) fn no_common_version(lowest: u16, highest: u16) -> ErrorReply {
    ErrorReply {
        code: ErrorCode::Version,
        text: format!(
            "the client speaks versions {lowest} to {highest}, this daemon {} to {}",
            cman_ipc::hello::VERSIONS.start(),
            cman_ipc::hello::VERSIONS.end()
        ),
        advice: "use a client of the daemon's release".to_owned(),
    }
}

/// To a client that lets too much wait, or that missed something through no fault of its own.
pub(crate) fn too_slow() -> ErrorReply {
    ErrorReply {
        code: ErrorCode::Failed,
        text: "this client has missed events: too many waited for it to read them".to_owned(),
        advice: "read faster; connect again and ask for the present state".to_owned(),
    }
}

/// To a client that brings a ticket which nobody has, or which was used.
pub(crate) fn unknown_ticket() -> ErrorReply {
    ErrorReply {
        code: ErrorCode::Refused,
        text: "there is no connection whose events could come here".to_owned(),
        advice: "connect for calls first, and bring the ticket of that connection, once".to_owned(),
    }
}

/// To a client that wants a connection of a kind that is not known here.
pub(crate) fn unknown_channel(channel: Channel) -> ErrorReply {
    ErrorReply {
        code: ErrorCode::Unsupported,
        text: format!("this daemon does not know this kind of connection: {channel:?}"),
        advice: "update the daemon, or use a client of its release".to_owned(),
    }
}

/// To a client for whom there is no room.
pub(crate) fn too_many_clients() -> ErrorReply {
    ErrorReply {
        code: ErrorCode::Busy,
        text: "too many clients are connected to this daemon".to_owned(),
        advice: "end some of them, or try again".to_owned(),
    }
}

/// To a request on the socket for reading.
pub(crate) fn not_permitted() -> ErrorReply {
    ErrorReply {
        code: ErrorCode::NotPermitted,
        text: "only the admin socket accepts this request".to_owned(),
        advice: "ask as root".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(lines: Vec<String>) -> Vec<(usize, usize, bool)> {
        let measure = |reply: &Reply| match reply {
            Reply::Logs(LogsChunk { lines, last }) => {
                (lines.len(), lines.iter().map(String::len).sum(), *last)
            }
            other => panic!("{other:?}"),
        };
        logs(lines).iter().map(measure).collect()
    }

    #[test]
    fn logs_are_cut_into_chunks_of_bounded_size() {
        assert_eq!(chunks(Vec::new()), [(0, 0, true)]);
        let got = chunks(vec!["x".repeat(1000); 100]);
        assert_eq!(got.iter().map(|chunk| chunk.0).sum::<usize>(), 100);
        assert!(got.iter().all(|chunk| chunk.1 <= CHUNK_MAX), "{got:?}");
        assert_eq!(got.iter().filter(|chunk| chunk.2).count(), 1);
        assert!(got.last().unwrap().2);
        assert_eq!(chunks(vec!["ä".repeat(CHUNK_MAX)]), [(1, CHUNK_MAX / 2, true)]);
    }
}
