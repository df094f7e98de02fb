//! One client: its greeting, its requests, its events.

use crate::{
    answer,
    context::Context,
    hub::{EventBytes, Subscription},
};
use cman_ipc::{Decoder, ErrorCode, ErrorReply, Hello, Message, Reply, Request, Welcome, encode};
use rustix::net::{SendFlags, send};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Notify, mpsc, watch},
    time::timeout,
};

/// How long a client may take to say who it is.
const GREETING_LIMIT: Duration = Duration::from_secs(10);
/// How long a client that is turned away may take to go.
const TURN_AWAY_LIMIT: Duration = Duration::from_secs(1);
/// How long a client may take to read what waits for it.
const WRITE_LIMIT: Duration = Duration::from_secs(30);
/// Bytes read at once: requests are small.
const READ_BYTES: usize = 512;
/// Replies that may wait. Little, since a chunk of the recorder is large.
const REPLIES_MAX: usize = 2;

/// Which socket a client came through, and so what it may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    Admin,
    Public,
}

/// Why a conversation is over.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("it closed the connection")]
    Closed,
    #[error("it did not say who it is within {} s", GREETING_LIMIT.as_secs())]
    Silent,
    #[error("it read its events too slowly, or events were lost")]
    Slow,
    #[error("it did not keep to the protocol: {0}")]
    Garbage(String),
    #[error("it speaks only versions {lowest} to {highest}")]
    Version { lowest: u16, highest: u16 },
    #[error("this daemon ends")]
    Ending,
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Tells a client that there is no room for it, and waits a moment until it has heard that: were
/// the connection closed at once, a client that has yet to speak would take us for dead.
pub(crate) async fn turn_away(mut stream: UnixStream) {
    say_no_room(&stream);
    let talk = async {
        stream.shutdown().await?;
        let mut ignored = [0; READ_BYTES];
        while stream.read(&mut ignored).await? > 0 {}
        io::Result::Ok(())
    };
    // It may be gone already, or never go.
    let _either = timeout(TURN_AWAY_LIMIT, talk).await;
}

/// Tells a client that there is no room for it, without waiting.
pub(crate) fn say_no_room(stream: &UnixStream) {
    let reply = Message::Reply(Reply::Error(answer::too_many_clients()));
    if let Ok(bytes) = encode(&reply) {
        // Past the runtime, which does not know yet that a new connection can be written to. It
        // has room for so little, unless its other end is gone already.
        let _gone = send(stream, &bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }
}

/// Serves one client until it goes, misbehaves, or `ending` is set.
pub(crate) async fn serve(
    stream: UnixStream,
    access: Access,
    context: Arc<Context>,
    ending: watch::Receiver<bool>,
) {
    let (reader, writer) = stream.into_split();
    let (replies, queue) = mpsc::channel(REPLIES_MAX);
    let (subscribe, subscriptions) = mpsc::channel(1);
    let conversation = Conversation {
        reader,
        decoder: Decoder::new(),
        access,
        replies,
        subscribe,
        dropped: Arc::default(),
        ending,
        context,
    };
    // The writer ends when the conversation is over and everything is written.
    let (end, written) = tokio::join!(conversation.run(), write(writer, queue, subscriptions));
    tracing::debug!(
        "a client is gone: {end}{}",
        match written {
            Ok(()) => String::new(),
            Err(error) => format!("; it could not be written to: {error}"),
        }
    );
}

struct Conversation {
    reader: OwnedReadHalf,
    decoder: Decoder,
    access: Access,
    replies: mpsc::Sender<Message>,
    subscribe: mpsc::Sender<Subscription>,
    dropped: Arc<Notify>,
    ending: watch::Receiver<bool>,
    context: Arc<Context>,
}

impl Conversation {
    async fn run(mut self) -> End {
        let end = match self.talk().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        if let End::Garbage(what) = &end {
            let text = format!("this is not what a client says: {what}");
            let advice = "use a client of the same release as the daemon".to_owned();
            let reply = ErrorReply { code: ErrorCode::Malformed, text, advice };
            // It may be gone, or not read.
            let _gone = self.replies.try_send(Message::Reply(Reply::Error(reply)));
        }
        end
    }

    async fn talk(&mut self) -> Result<std::convert::Infallible, End> {
        let greeting = timeout(GREETING_LIMIT, self.next()).await.map_err(|_| End::Silent)??;
        let Message::Hello(hello) = greeting else {
            return Err(End::Garbage("it must begin with a greeting".to_owned()));
        };
        self.welcome(&hello).await?;
        loop {
            match self.next().await? {
                Message::Request(request) => self.answer(request).await?,
                Message::Unknown { kind } => {
                    self.reply(Reply::Error(answer::unsupported(kind))).await?;
                }
                other => {
                    let kind = other.kind();
                    return Err(End::Garbage(format!("message {kind:#06x} is not a request")));
                }
            }
        }
    }

    async fn welcome(&mut self, hello: &Hello) -> Result<(), End> {
        let Some(version) = hello.common_version() else {
            let Hello { lowest, highest, .. } = *hello;
            self.reply(Reply::Error(answer::no_common_version(lowest, highest))).await?;
            return Err(End::Version { lowest, highest });
        };
        tracing::debug!("client {:?} speaks version {version}", hello.program);
        let release = env!("CARGO_PKG_VERSION").to_owned();
        self.say(Message::Welcome(Welcome { version, pid: std::process::id(), release })).await
    }

    async fn answer(&mut self, request: Request) -> Result<(), End> {
        if request.needs_admin() && self.access != Access::Admin {
            return self.reply(Reply::Error(answer::not_permitted())).await;
        }
        if request == Request::Subscribe {
            return self.subscribe().await;
        }
        for reply in answer::answer(&self.context, request).await {
            self.reply(reply).await?;
        }
        Ok(())
    }

    /// The events of the moment and all later ones, without a gap between.
    async fn subscribe(&mut self) -> Result<(), End> {
        // An engine that does not answer costs no more than old numbers beside the truth.
        let now = self.context.engine.status().await.ok();
        self.reply(Reply::Done).await?;
        let good = self.context.lease_is_good();
        let present = self.context.history().present(good, now.as_ref().map(|now| &now.status));
        let first = present.into_iter().filter_map(|event| encode_event(Message::Event(event)));
        let subscription = self.context.hub.subscribe(first, self.dropped.clone());
        // A second subscription would only say everything twice.
        let _has_one = self.subscribe.try_send(subscription);
        Ok(())
    }

    async fn reply(&self, reply: Reply) -> Result<(), End> {
        self.say(Message::Reply(reply)).await
    }

    async fn say(&self, message: Message) -> Result<(), End> {
        self.replies.send(message).await.map_err(|_| End::Closed)
    }

    /// The client's next message.
    async fn next(&mut self) -> Result<Message, End> {
        let mut bytes = [0; READ_BYTES];
        loop {
            match self.decoder.next_message() {
                Ok(Some(message)) => return Ok(message),
                Ok(None) => {}
                Err(error) => return Err(End::Garbage(error.to_string())),
            }
            let length = tokio::select! {
                length = self.reader.read(&mut bytes) => length?,
                () = self.dropped.notified() => return Err(End::Slow),
                _ = self.ending.wait_for(|ending| *ending) => return Err(End::Ending),
                () = self.replies.closed() => return Err(End::Closed),
            };
            match bytes.get(..length) {
                Some([]) | None => return Err(End::Closed),
                Some(read) => self.decoder.feed(read),
            }
        }
    }
}

/// An event as bytes; an event that is too long for any client is dropped with a warning.
pub(crate) fn encode_event(message: Message) -> Option<EventBytes> {
    encode(&message)
        .map(EventBytes::from)
        .inspect_err(|error| tracing::warn!("an event cannot be told to clients: {error}"))
        .ok()
}

/// Writes replies, and events after all replies, until the conversation is over.
async fn write(
    mut writer: OwnedWriteHalf,
    mut replies: mpsc::Receiver<Message>,
    mut subscriptions: mpsc::Receiver<Subscription>,
) -> io::Result<()> {
    let mut subscription = None;
    loop {
        tokio::select! {
            biased;
            reply = replies.recv() => match reply {
                Some(reply) => write_reply(&mut writer, &reply).await?,
                None => break,
            },
            Some(new) = subscriptions.recv(), if subscription.is_none() => {
                subscription = Some(new);
            }
            Some(event) = next_event(subscription.as_mut()) => {
                write_bytes(&mut writer, &event).await?;
            }
        }
    }
    // What happened before the end is still told.
    while let Some(event) = subscription.as_mut().and_then(|s| s.events.try_recv().ok()) {
        write_bytes(&mut writer, &event).await?;
    }
    Ok(())
}

async fn next_event(subscription: Option<&mut Subscription>) -> Option<EventBytes> {
    match subscription {
        Some(subscription) => subscription.events.recv().await,
        None => std::future::pending().await,
    }
}

async fn write_reply(writer: &mut OwnedWriteHalf, reply: &Message) -> io::Result<()> {
    let bytes = encode(reply).map_err(io::Error::other)?;
    write_bytes(writer, &bytes).await
}

async fn write_bytes(writer: &mut OwnedWriteHalf, bytes: &[u8]) -> io::Result<()> {
    timeout(WRITE_LIMIT, writer.write_all(bytes)).await?
}

#[cfg(test)]
mod tests;
