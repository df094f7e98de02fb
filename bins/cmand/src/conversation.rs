//! One client: its greeting, its requests, its events.

use crate::{
    answer,
    classic::{self, Route},
    context::Context,
    debug,
    engine::{AskError, Snapshot},
    groups::{call::What, listing, session::Session},
    outlet::{Outlet, State},
    stream::{self, Reader},
};
use cman_ipc::{
    Channel, ClassicRequest, Decoder, Hello, Message, Reply, Request, Welcome, encode,
    hello::{self, Ticket},
};
use cman_services::GroupRequest;
use rustix::net::{SendFlags, send};
use std::{
    convert::Infallible,
    future::{Future, pending},
    io,
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::watch,
    time::{sleep, timeout},
};

/// How long a client may take to say who it is.
const GREETING_LIMIT: Duration = Duration::from_secs(10);
/// How long a client that is turned away may take to go.
const TURN_AWAY_LIMIT: Duration = Duration::from_secs(1);
/// Bytes read at once: requests are small ...
const READ_BYTES: usize = 512;
/// ... but for messages to groups.
const READ_BYTES_GROUPS: usize = 64 << 10;
/// Bytes that may wait for a client that gets another reply. Little, since a chunk of the recorder
/// is large.
const REPLIES_MAX: usize = 128 << 10;
/// Bytes that may wait for a client whose messages are taken without an answer: it is to read what
/// it has caused before it causes more.
const UNREAD_MAX: usize = 32 << 20;

/// How often the engine is asked for the state that goes with the view that was told last, and
/// how long the telling of a view may take in between.
const STATUS_TRIES: u32 = 5;
const STATUS_AGAIN_AFTER: Duration = Duration::from_millis(10);

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
    #[error("what it wants of this connection is not possible")]
    Channel,
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
    let (reader, writer) = match stream::split(stream) {
        Ok(both) => both,
        Err(error) => return tracing::debug!("a client cannot be served: {error}"),
    };
    let own = Outlet::new();
    let mut listener = Listener { reader, decoder: Decoder::new(), room: READ_BYTES, ending };
    let role = greet(&mut listener, &own, &context).await;
    // The events of another connection come with their own way out.
    let outlet = match &role {
        Ok(Role::Events(events)) => events.clone(),
        _ => own,
    };
    let conversation = async {
        let end = match role {
            Ok(Role::Events(_)) => listener.be_silent(&outlet).await,
            Ok(Role::Requests { events, patient }) => {
                let outlet = outlet.clone();
                let _connected = context.sessions.enter();
                let mut conversation = Conversation {
                    access,
                    patient,
                    outlet,
                    events,
                    session: None,
                    next: None,
                    context,
                };
                conversation.run(&mut listener).await
            }
            Err(end) => end,
        };
        if let End::Garbage(what) = &end {
            outlet.say(&Message::Reply(Reply::Error(answer::garbage(what))));
        }
        outlet.close();
        end
    };
    let write = async {
        let written = outlet.write(writer).await;
        // Who cannot be written to is gone.
        outlet.close();
        written
    };
    // The writer ends when the conversation is over and everything is written.
    let (end, written) = tokio::join!(conversation, write);
    tracing::debug!(
        "a client is gone: {end}{}",
        match written {
            Ok(()) => String::new(),
            Err(error) => format!("; it could not be written to: {error}"),
        }
    );
}

/// What a connection is for.
enum Role {
    /// For the events of another connection.
    Events(Arc<Outlet>),
    /// For requests. Its events go that way; its calls wait for room if it is patient.
    Requests { events: Arc<Outlet>, patient: bool },
}

/// Hears the greeting and answers it.
async fn greet(
    listener: &mut Listener,
    outlet: &Arc<Outlet>,
    context: &Context,
) -> Result<Role, End> {
    let greeting =
        timeout(GREETING_LIMIT, listener.hear(outlet)).await.map_err(|_| End::Silent)??;
    let Message::Hello(hello) = greeting else {
        return Err(End::Garbage("it must begin with a greeting".to_owned()));
    };
    let refuse = |error| outlet.say(&Message::Reply(Reply::Error(error)));
    let Some(version) = hello.common_version() else {
        let Hello { lowest, highest, .. } = hello;
        refuse(answer::no_common_version(lowest, highest));
        return Err(End::Version { lowest, highest });
    };
    tracing::debug!("client {} speaks version {version}", hello.program);
    outlet.set_program(&hello.program);
    let (role, ticket) = match hello.channel {
        Channel::Stream => (Role::Requests { events: outlet.clone(), patient: true }, None),
        Channel::Calls => {
            let (events, ticket) = (Outlet::new(), random_ticket()?);
            events.set_program(&hello.program);
            context.sessions.offer(ticket, &events);
            (Role::Requests { events, patient: false }, Some(ticket))
        }
        Channel::Events(ticket) => match context.sessions.claim(ticket) {
            Some(events) => (Role::Events(events), None),
            None => {
                refuse(answer::unknown_ticket());
                return Err(End::Channel);
            }
        },
        other => {
            refuse(answer::unknown_channel(other));
            return Err(End::Channel);
        }
    };
    let session = Some(hello::Session { node: context.me.id, ticket });
    let release = env!("CARGO_PKG_VERSION").to_owned();
    let pid = std::process::id();
    let welcome = Message::Welcome(Welcome { version, pid, release, session });
    match &role {
        Role::Events(events) => events.say_first(&welcome),
        Role::Requests { .. } => outlet.say(&welcome),
    }
    Ok(role)
}

fn random_ticket() -> Result<Ticket, End> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(Ticket(u128::from_ne_bytes(bytes)))
}

/// What a client says.
struct Listener {
    reader: Reader,
    decoder: Decoder,
    /// Bytes to read at once.
    room: usize,
    ending: watch::Receiver<bool>,
}

impl Listener {
    /// The next message that is there.
    fn message(&mut self) -> Result<Option<Message>, End> {
        self.decoder.next_message().map_err(|error| End::Garbage(error.to_string()))
    }

    /// The next message, while the connection stands.
    async fn hear(&mut self, outlet: &Outlet) -> Result<Message, End> {
        loop {
            if let Some(message) = self.message()? {
                return Ok(message);
            }
            self.read(over(outlet, outlet)).await?;
        }
    }

    /// Waits until something arrives, unless the connection is over before.
    async fn read(&mut self, over: impl Future<Output = End>) -> Result<(), End> {
        let Self { reader, decoder, room, ending } = self;
        let length = tokio::select! {
            length = reader.read_buf(decoder.buffer(*room)) => length?,
            end = over => return Err(end),
            _ = ending.wait_for(|ending| *ending) => return Err(End::Ending),
        };
        if length == 0 { Err(End::Closed) } else { Ok(()) }
    }

    /// Waits for something else than the client, unless the connection is over before.
    async fn wait<T>(
        &mut self,
        what: impl Future<Output = T>,
        over: impl Future<Output = End>,
    ) -> Result<T, End> {
        tokio::select! {
            biased;
            done = what => Ok(done),
            end = over => Err(end),
            _ = self.ending.wait_for(|ending| *ending) => Err(End::Ending),
        }
    }

    /// Waits for the end of a connection that has nothing to ask.
    async fn be_silent(&mut self, outlet: &Outlet) -> End {
        match self.hear(outlet).await {
            Ok(_) => End::Garbage("this connection is for events only".to_owned()),
            Err(end) => end,
        }
    }
}

/// Waits until either way out is not open any more.
async fn over(one: &Outlet, other: &Outlet) -> End {
    let state = tokio::select! {
        state = one.ended() => state,
        state = other.ended() => state,
    };
    if state == State::Cut { End::Slow } else { End::Closed }
}

/// A connection for requests.
struct Conversation {
    access: Access,
    /// Whether messages to groups are not answered, and wait for room.
    patient: bool,
    outlet: Arc<Outlet>,
    /// Where events go: the same, or another connection's.
    events: Arc<Outlet>,
    /// There is one when the client has asked for something of a service.
    session: Option<Session>,
    /// What it said while it had to wait for an answer.
    next: Option<Message>,
    context: Arc<Context>,
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // Its own way out ends with the last word.
        if !Arc::ptr_eq(&self.events, &self.outlet) {
            self.events.close();
        }
    }
}

impl Conversation {
    async fn run(&mut self, listener: &mut Listener) -> End {
        match self.talk(listener).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn talk(&mut self, listener: &mut Listener) -> Result<Infallible, End> {
        loop {
            match self.next(listener).await? {
                Message::Request(request) => self.answer(listener, request).await?,
                Message::Unknown { kind } => {
                    self.reply(listener, Reply::Error(answer::unsupported(kind))).await?;
                }
                other => {
                    let kind = other.kind();
                    return Err(End::Garbage(format!("message {kind:#06x} is not a request")));
                }
            }
        }
    }

    /// The client's next message. Before anything is waited for, what it asked is on its way; and
    /// nothing is read while too much of it is.
    async fn next(&mut self, listener: &mut Listener) -> Result<Message, End> {
        if let Some(message) = self.next.take() {
            return Ok(message);
        }
        loop {
            if let Some(message) = listener.message()? {
                return Ok(message);
            }
            let Self { session, outlet, events, patient, .. } = self;
            if let Some(session) = session {
                session.flush();
                let may_read = async {
                    session.may_ask().await;
                    if *patient {
                        outlet.waits_for_at_most(UNREAD_MAX).await;
                    }
                };
                listener.wait(may_read, over(outlet, events)).await?;
            }
            listener.read(over(outlet, events)).await?;
        }
    }

    async fn answer(&mut self, listener: &mut Listener, request: Request) -> Result<(), End> {
        if request.needs_admin() && self.access != Access::Admin {
            return self.reply(listener, Reply::Error(answer::not_permitted())).await;
        }
        let what = match request {
            Request::Classic(request) => return self.classic(listener, request).await,
            Request::Subscribe => return self.subscribe(listener).await,
            Request::PastEvents => return self.past_events(listener).await,
            Request::GroupSend { group, payload, safe } if self.patient => {
                listener.room = READ_BYTES_GROUPS;
                self.session().send(group, payload, safe);
                return Ok(());
            }
            Request::GroupSend { group, payload, safe } => {
                What::Request(GroupRequest::Send { group, payload, safe }.into())
            }
            Request::GroupFlush => What::Flush,
            Request::GroupJoin { group, pid } => {
                What::Request(GroupRequest::Join { group, pid }.into())
            }
            Request::GroupLeave { group } => What::Request(GroupRequest::Leave { group }.into()),
            Request::GroupList => What::List,
            Request::GroupMembers { group } => What::Members(group),
            request => {
                for reply in answer::answer(&self.context, request).await {
                    self.reply(listener, reply).await?;
                }
                return Ok(());
            }
        };
        let answer = self.session().ask(what);
        let answer = listener.wait(answer, over(&self.outlet, &self.events)).await?;
        // The engine thread has ended.
        let reply = answer.unwrap_or_else(|_| Reply::Error(answer::no_answer(AskError::Ended)));
        for piece in listing::pieces(reply) {
            self.reply(listener, piece).await?;
        }
        Ok(())
    }

    async fn classic(
        &mut self,
        listener: &mut Listener,
        request: ClassicRequest,
    ) -> Result<(), End> {
        if !request.is_answered() {
            listener.room = READ_BYTES_GROUPS;
            self.unanswered(request);
            return Ok(());
        }
        debug::asked(self.events.program(), &request);
        let reply = match classic::route(request) {
            Route::Node(what) => {
                let answer = self.session().ask(what);
                let answer = self.wait(listener, answer).await?;
                // The engine thread has ended.
                answer.unwrap_or_else(|_| Reply::Error(answer::no_answer(AskError::Ended)))
            }
            Route::Service(request) => {
                let answer = classic::answer(self.context.clone(), self.events.clone(), request);
                self.wait(listener, answer).await?
            }
        };
        self.reply(listener, reply).await
    }

    /// Does what needs no answer.
    fn unanswered(&mut self, request: ClassicRequest) {
        debug::asked(self.events.program(), &request);
        match classic::route(request) {
            Route::Node(what) => self.session().say(what),
            Route::Service(request) => classic::hear(&self.context, &self.events, &request),
        }
    }

    /// PT-16: waits for an answer that may take any time. Meanwhile what needs none is heard and
    /// done, and it is noticed when the client goes; what needs one comes afterwards.
    async fn wait<T>(
        &mut self,
        listener: &mut Listener,
        answer: impl Future<Output = T>,
    ) -> Result<T, End> {
        let mut answer = pin!(answer);
        loop {
            self.hear_unanswered(listener)?;
            let Self { session, outlet, events, next, .. } = self;
            let heard = async {
                let may_read = async {
                    match session {
                        _ if next.is_some() => pending().await,
                        Some(session) => session.may_ask().await,
                        None => {}
                    }
                };
                listener.wait(may_read, over(outlet, events)).await?;
                listener.read(over(outlet, events)).await
            };
            tokio::select! {
                biased;
                answer = &mut answer => return Ok(answer),
                heard = heard => heard?,
            }
        }
    }

    /// Does what needs no answer, up to the first message that does.
    fn hear_unanswered(&mut self, listener: &mut Listener) -> Result<(), End> {
        while self.next.is_none() {
            match listener.message()? {
                Some(Message::Request(Request::Classic(request))) if !request.is_answered() => {
                    self.unanswered(request);
                }
                Some(other) => self.next = Some(other),
                None => break,
            }
        }
        if let Some(session) = &mut self.session {
            session.flush();
        }
        Ok(())
    }

    fn session(&mut self) -> &mut Session {
        let Self { session, events, patient, context, .. } = self;
        session.get_or_insert_with(|| context.sessions.open(events, *patient))
    }

    /// The events of the moment and all later ones, without a gap between.
    async fn subscribe(&self, listener: &mut Listener) -> Result<(), End> {
        let now = self.present_status().await;
        self.reply(listener, Reply::Done).await?;
        let good = self.context.lease_is_good();
        let present = self.context.history().present(good, now.as_ref().map(|now| &now.status));
        for event in present {
            self.events.say(&Message::Event(event));
        }
        self.context.hub.subscribe(&self.events);
        Ok(())
    }

    /// The state of the node that belongs to the view that was told last. An engine that does not
    /// answer costs no more than old numbers beside the truth.
    async fn present_status(&self) -> Option<Snapshot> {
        for _ in 0..STATUS_TRIES {
            let now = self.context.engine.status().await.ok()?;
            if self.context.history().is_of_last_view(&now.status) {
                return Some(now);
            }
            // The next view is on its way from the engine to those who listen.
            sleep(STATUS_AGAIN_AFTER).await;
        }
        None
    }

    /// The events of late, oldest first, then the reply.
    async fn past_events(&self, listener: &mut Listener) -> Result<(), End> {
        let frames = self.context.history().past();
        for frame in frames {
            let room = self.outlet.waits_for_at_most(REPLIES_MAX);
            listener.wait(room, over(&self.outlet, &self.events)).await?;
            self.outlet.put(&frame);
        }
        self.reply(listener, Reply::Done).await
    }

    /// Says a reply, when the client has read most of what waits for it.
    async fn reply(&self, listener: &mut Listener, reply: Reply) -> Result<(), End> {
        let room = self.outlet.waits_for_at_most(REPLIES_MAX);
        listener.wait(room, over(&self.outlet, &self.events)).await?;
        self.outlet.say(&Message::Reply(reply));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
