//! A daemon that gives canned answers, for tests.

use cman_ipc::{
    Decoder, GroupConfig, GroupEvent, GroupMessage, ListedGroup, Message, Reply, Request, Welcome,
    encode,
    hello::{Channel, Session, Ticket, VERSIONS},
    paths,
    reply::GroupListChunk,
};
use cman_types::{GroupName, Incarnation, NodeId, Process, group::Reason};
use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// What the fake answers to a request; it closes the connection if that is nothing, unless no
/// daemon would answer.
type Answer = dyn Fn(Request) -> Vec<Message> + Send + Sync;

/// Listens on both sockets of a run directory until it is dropped. Conversations that have begun
/// go on.
#[derive(Debug)]
pub struct FakeDaemon {
    sockets: [PathBuf; 2],
    lines: Arc<Lines>,
}

/// The connections of those who brought or were given tickets.
#[derive(Debug, Default)]
struct Lines {
    calls: Mutex<Vec<UnixStream>>,
    events: Mutex<Vec<UnixStream>>,
}

impl FakeDaemon {
    /// Binds the sockets in `run_dir` and answers by `answer`.
    ///
    /// # Errors
    /// When they cannot be bound.
    pub fn start(
        run_dir: &Path,
        answer: impl Fn(Request) -> Vec<Message> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let answer: Arc<Answer> = Arc::new(answer);
        let lines = Arc::<Lines>::default();
        let sockets = [paths::PUBLIC_SOCKET, paths::ADMIN_SOCKET].map(|file| run_dir.join(file));
        for socket in &sockets {
            let listener = UnixListener::bind(socket)?;
            let (answer, lines) = (Arc::clone(&answer), Arc::clone(&lines));
            thread::spawn(move || accept_all(&listener, &answer, &lines));
        }
        Ok(Self { sockets, lines })
    }

    /// Says something on all connections for events.
    ///
    /// # Errors
    /// When it cannot be said.
    pub fn tell(&self, message: &Message) -> io::Result<()> {
        let frame = encode(message).map_err(io::Error::other)?;
        self.tell_bytes(&frame)
    }

    /// Writes bytes to all connections for events.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn tell_bytes(&self, bytes: &[u8]) -> io::Result<()> {
        lock(&self.lines.events).iter_mut().try_for_each(|line| line.write_all(bytes))
    }

    /// Closes all connections for calls and for events.
    pub fn hang_up(&self) {
        for lines in [&self.lines.calls, &self.lines.events] {
            for line in lock(lines).drain(..) {
                let _gone_already = line.shutdown(Shutdown::Both);
            }
        }
    }
}

impl Drop for FakeDaemon {
    fn drop(&mut self) {
        for socket in &self.sockets {
            let _already_gone = std::fs::remove_file(socket);
        }
    }
}

/// What a daemon without others answers about groups to the process `pid`, as its only client.
pub fn alone(pid: u32) -> impl Fn(Request) -> Vec<Message> + Send + Sync + 'static {
    let number = AtomicU64::new(0);
    move |request| match (request, NodeId::new(1)) {
        (_, None) => Vec::new(),
        // The event first: it may come before the reply.
        (Request::GroupJoin { group, .. }, Some(node)) => {
            let me = Process { node, pid };
            let joined = vec![(me, Reason::Join)];
            let config = GroupConfig { group, members: vec![me], left: Vec::new(), joined };
            vec![Message::Group(GroupEvent::Config(config)), Message::Reply(Reply::Done)]
        }
        (Request::GroupLeave { group }, Some(node)) => {
            let left = vec![(Process { node, pid }, Reason::Leave)];
            let config = GroupConfig { group, members: Vec::new(), left, joined: Vec::new() };
            vec![Message::Reply(Reply::Done), Message::Group(GroupEvent::Config(config))]
        }
        (Request::GroupList, Some(node)) => {
            let chunk = |name: &[u8], last| {
                let groups = GroupName::new(name).into_iter();
                let members = vec![Process { node, pid }];
                let listed = groups.map(|group| ListedGroup { group, members: members.clone() });
                Message::Reply(Reply::GroupList(GroupListChunk { groups: listed.collect(), last }))
            };
            vec![chunk(b"chat", false), chunk(b"votes", true)]
        }
        (Request::GroupMembers { .. }, Some(node)) => {
            vec![Message::Reply(Reply::GroupMembers(vec![Process { node, pid }]))]
        }
        (Request::GroupSend { group, payload, .. }, Some(node)) => {
            let number = number.fetch_add(1, Ordering::Relaxed) + 1;
            let sender = Process { node, pid };
            let incarnation = Incarnation(7);
            let message = GroupMessage { group, sender, incarnation, number, payload };
            vec![Message::Group(GroupEvent::Message(message))]
        }
        _ => vec![Message::Reply(Reply::Done)],
    }
}

fn accept_all(listener: &UnixListener, answer: &Arc<Answer>, lines: &Arc<Lines>) {
    while let Ok((stream, _)) = listener.accept() {
        let (answer, lines) = (Arc::clone(answer), Arc::clone(lines));
        // A client that goes away in the middle is no concern of the fake.
        thread::spawn(move || drop(converse(stream, &*answer, &lines)));
    }
}

fn converse(mut stream: UnixStream, answer: &Answer, lines: &Lines) -> io::Result<()> {
    let mut decoder = Decoder::new();
    let mut bytes = [0; 4096];
    loop {
        while let Some(message) = decoder.next_message().map_err(io::Error::other)? {
            let answered = is_answered(&message);
            let answers = match message {
                Message::Hello(hello) => vec![greeted(hello.channel, &stream, lines)?],
                Message::Request(request) => answer(request),
                _ => Vec::new(),
            };
            if answered && answers.is_empty() {
                // There may be another descriptor of it.
                return stream.shutdown(Shutdown::Both);
            }
            for answer in &answers {
                stream.write_all(&encode(answer).map_err(io::Error::other)?)?;
            }
        }
        match stream.read(&mut bytes)? {
            0 => return Ok(()),
            len => decoder.feed(bytes.get(..len).unwrap_or_default()),
        }
    }
}

fn is_answered(message: &Message) -> bool {
    !matches!(message, Message::Request(Request::Classic(request)) if !request.is_answered())
}

fn greeted(channel: Channel, stream: &UnixStream, lines: &Lines) -> io::Result<Message> {
    let ticket = match channel {
        Channel::Calls => {
            lock(&lines.calls).push(stream.try_clone()?);
            Some(Ticket(4711))
        }
        Channel::Events(_) => {
            lock(&lines.events).push(stream.try_clone()?);
            None
        }
        _ => None,
    };
    Ok(Message::Welcome(Welcome {
        version: *VERSIONS.end(),
        pid: 4711,
        release: "0.1.0".to_owned(),
        session: NodeId::new(1).map(|node| Session { node, ticket }),
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
