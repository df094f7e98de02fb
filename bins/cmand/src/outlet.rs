//! What waits for one client, and how it gets to its socket: replies and events in the order in
//! which they came, as many in one system call as there are.
//!
//! The service thread writes. While there is nothing to be written, the engine thread may write an
//! event itself, so that a single message need not wait for another thread to wake up.

use crate::{answer, groups::account::Account, stream::Writer};
use bytes::{Bytes, BytesMut};
use cman_io::clock;
use cman_ipc::{GroupMessage, Message, Reply, encode, group};
use rustix::net::{SendFlags, send};
use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

/// Frames are put together up to about so many bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// Payloads from so many bytes on are not copied.
const LARGE_BYTES: usize = 8 << 10;
/// Bytes that may wait for a client that is in no group before it is let go.
const UNREAD_MAX: usize = 4 << 20;
/// Chunks written with one system call.
const WRITE_CHUNKS: usize = 16;
/// How long a client that is in no group may take to read what waits for it, and any client when
/// its connection is about to end.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// How the connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// As ever.
    Open,
    /// Nothing comes any more; what waits is still written.
    Closing,
    /// The client has read too little for too long, or missed something.
    Cut,
}

/// One connection's way out.
#[derive(Debug)]
pub(crate) struct Outlet {
    account: Arc<Account>,
    /// What the client calls itself.
    program: OnceLock<String>,
    queue: Mutex<Queue>,
    /// The client's socket, once it is written to.
    socket: OnceLock<Arc<OwnedFd>>,
    /// Something is there to be written.
    ready: Notify,
    /// Something has been written.
    written: Notify,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct Queue {
    /// The rest of a frame that is partly written.
    begun: Bytes,
    chunks: VecDeque<Chunk>,
    /// Frames that came last.
    tail: BytesMut,
    /// What was taken last is not known to be written.
    writing: bool,
    /// The client is a member of groups, and may take its time.
    patient: bool,
}

/// Some frames, or the beginning of one.
#[derive(Debug)]
struct Chunk {
    bytes: Bytes,
    /// The next chunk goes on with the same frame.
    unfinished: bool,
}

impl Outlet {
    /// With nothing in it.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            account: Arc::default(),
            program: OnceLock::new(),
            queue: Mutex::default(),
            socket: OnceLock::new(),
            ready: Notify::new(),
            written: Notify::new(),
            state: watch::Sender::new(State::Open),
        })
    }

    /// The client calls itself that.
    pub(crate) fn set_program(&self, program: &str) {
        // It says so once.
        let _again = self.program.set(program.to_owned());
    }

    /// What the client calls itself.
    pub(crate) fn program(&self) -> &str {
        match self.program.get().map(String::as_str) {
            None | Some("") => "a program without a name",
            Some(program) => program,
        }
    }

    /// What waits here counts for this account.
    pub(crate) const fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Puts whole frames behind what waits. A client that has not read enough is let go.
    pub(crate) fn put(&self, frames: &[u8]) {
        self.put_counted(0, |queue| {
            queue.append(frames);
            frames.len()
        });
    }

    /// Puts a message behind what waits; one that is too long for any client is dropped with a
    /// warning.
    pub(crate) fn say(&self, message: &Message) {
        match encode(message) {
            Ok(frame) => self.put(&frame),
            Err(error) => tracing::warn!("a client cannot be told something: {error}"),
        }
    }

    /// Says a message before everything that waits.
    pub(crate) fn say_first(&self, message: &Message) {
        if let Ok(frame) = encode(message) {
            self.put_counted(0, |queue| {
                let len = frame.len();
                queue.chunks.push_front(Chunk { bytes: frame.into(), unfinished: false });
                len
            });
        }
    }

    /// Puts a message to a group behind what waits. So many bytes of it are in the account.
    pub(crate) fn put_message(&self, message: &GroupMessage, counted: usize) {
        self.put_counted(counted, |queue| queue.append_message(message));
    }

    /// Says a message of which so many bytes are in the account.
    pub(crate) fn say_counted(&self, message: &Message, counted: usize) {
        self.say(message);
        self.account.paid(counted);
    }

    /// The same, for the engine thread: straight into the socket. False, and nothing was said, if
    /// anything is or may be on its way there, or it has no room. Never waits.
    pub(crate) fn say_at_once(&self, message: &Message, counted: usize) -> bool {
        let (Some(socket), Ok(frame)) = (self.socket.get(), encode(message)) else { return false };
        let Ok(mut queue) = self.queue.try_lock() else { return false };
        if queue.writing || !queue.is_empty() || self.state() != State::Open {
            return false;
        }
        // Why it cannot be written to is found out by who writes next.
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let Ok(written) = send(socket, &frame, flags) else { return false };
        let rest = frame.get(written..).unwrap_or_default();
        queue.begun = Bytes::copy_from_slice(rest);
        drop(queue);
        if !rest.is_empty() {
            let _few = self.account.owe(rest.len());
            self.ready.notify_one();
        }
        self.account.took(clock::now(), counted);
        self.written.notify_one();
        true
    }

    fn put_counted(&self, counted: usize, put: impl FnOnce(&mut Queue) -> usize) {
        if self.state() != State::Open {
            return self.account.paid(counted);
        }
        let mut queue = self.lock();
        let (was_empty, patient) = (queue.is_empty(), queue.patient);
        let bytes = put(&mut queue);
        drop(queue);
        let fits = self.account.owe(bytes) && (patient || self.account.unread() <= UNREAD_MAX);
        self.account.paid(counted);
        if was_empty {
            self.ready.notify_one();
        }
        if !fits {
            self.cut();
        }
    }

    /// The client is a member of groups from now on.
    pub(crate) fn be_patient(&self) {
        self.lock().patient = true;
    }

    /// Nothing comes any more; what waits is still written.
    pub(crate) fn close(&self) {
        self.leave(State::Closing);
    }

    /// The client has missed something, or will. What waits is dropped; it is told that instead.
    pub(crate) fn cut(&self) {
        if self.state() != State::Open {
            return;
        }
        let mut queue = self.lock();
        self.account.paid(queue.clear());
        if let Ok(frame) = encode(&Message::Reply(Reply::Error(answer::too_slow()))) {
            // Nothing is owed any more but what is being written.
            let _fits = self.account.owe(frame.len());
            queue.append(&frame);
        }
        drop(queue);
        self.leave(State::Cut);
    }

    fn leave(&self, to: State) {
        self.state.send_if_modified(|state| {
            let open = *state == State::Open;
            if open {
                *state = to;
            }
            open
        });
        self.ready.notify_one();
        self.written.notify_one();
    }

    /// How the connection stands.
    pub(crate) fn state(&self) -> State {
        *self.state.borrow()
    }

    /// What would be written next, as if the client had read it.
    #[cfg(test)]
    pub(crate) fn take(&self) -> Vec<Bytes> {
        let chunks = self.lock().take();
        self.account.paid(chunks.iter().map(Bytes::len).sum());
        chunks
    }

    /// Waits until the connection is not open any more.
    pub(crate) async fn ended(&self) -> State {
        let mut state = self.state.subscribe();
        // It lives as long as this does.
        state.wait_for(|state| *state != State::Open).await.map_or(State::Closing, |state| *state)
    }

    /// Waits until at most so many bytes wait for the client. For one task.
    pub(crate) async fn waits_for_at_most(&self, bytes: usize) {
        while self.account.unread() > bytes && self.state() == State::Open {
            self.written.notified().await;
        }
    }

    /// Writes what comes until the connection is not open any more and nothing is left.
    ///
    /// # Errors
    /// When the client does not take it.
    pub(crate) async fn write(&self, writer: Writer) -> io::Result<()> {
        let _only_once = self.socket.set(writer.socket().clone());
        loop {
            let chunks = self.lock().take();
            if !chunks.is_empty() {
                self.write_chunks(&writer, chunks).await?;
            } else if self.state() != State::Open {
                return Ok(());
            } else {
                self.ready.notified().await;
            }
        }
    }

    async fn write_chunks(&self, writer: &Writer, mut chunks: Vec<Bytes>) -> io::Result<()> {
        let mut first = 0;
        while let Some(rest) = chunks.get_mut(first..).filter(|rest| !rest.is_empty()) {
            let slices: Vec<_> = rest.iter().map(|chunk| IoSlice::new(chunk)).collect();
            let mut written = match writer.try_write(&slices) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.writable(writer).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.account.took(clock::now(), written);
            self.written.notify_one();
            for chunk in rest {
                let taken = written.min(chunk.len());
                drop(chunk.split_to(taken));
                written -= taken;
                if !chunk.is_empty() {
                    break;
                }
                first += 1;
            }
        }
        Ok(())
    }

    /// Waits for the client to read, as long as it may take.
    async fn writable(&self, writer: &Writer) -> io::Result<()> {
        let limit = async {
            if self.lock().patient {
                self.ended().await;
            }
            sleep(WRITE_LIMIT).await;
        };
        tokio::select! {
            writable = writer.writable() => writable,
            () = limit => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.chunks.is_empty() && self.tail.is_empty()
    }

    fn append(&mut self, frames: &[u8]) {
        self.tail.extend_from_slice(frames);
        if self.tail.len() >= CHUNK_BYTES {
            self.end_chunk(false);
        }
    }

    fn append_message(&mut self, message: &GroupMessage) -> usize {
        let before = self.tail.len();
        group::put_message_head(message, &mut self.tail);
        let head = self.tail.len() - before;
        let payload = &message.payload;
        if payload.len() < LARGE_BYTES {
            self.append(payload);
        } else {
            self.end_chunk(true);
            self.chunks.push_back(Chunk { bytes: payload.clone(), unfinished: false });
        }
        head + payload.len()
    }

    fn end_chunk(&mut self, unfinished: bool) {
        let bytes = self.tail.split().freeze();
        self.chunks.push_back(Chunk { bytes, unfinished });
    }

    /// Some whole frames from the front.
    fn take(&mut self) -> Vec<Bytes> {
        if self.chunks.is_empty() && !self.tail.is_empty() {
            self.end_chunk(false);
        }
        let mut taken = Vec::with_capacity(self.chunks.len().min(WRITE_CHUNKS) + 1);
        if !self.begun.is_empty() {
            taken.push(std::mem::take(&mut self.begun));
        }
        let mut unfinished = false;
        while taken.len() < WRITE_CHUNKS || unfinished {
            let Some(chunk) = self.chunks.pop_front() else { break };
            unfinished = chunk.unfinished;
            taken.push(chunk.bytes);
        }
        self.writing = !taken.is_empty();
        taken
    }

    /// Drops everything that has not begun. Returns how many bytes that was.
    fn clear(&mut self) -> usize {
        let chunks: usize = self.chunks.drain(..).map(|chunk| chunk.bytes.len()).sum();
        let tail = self.tail.len();
        self.tail.clear();
        chunks + tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::split;
    use cman_ipc::{Decoder, GroupEvent};
    use cman_types::{GroupName, Incarnation, NodeId, Process};
    use tokio::{io::AsyncReadExt, net::UnixStream, task::yield_now};

    fn message(number: u64, len: usize) -> Message {
        Message::Group(GroupEvent::Message(GroupMessage {
            group: GroupName::new(b"g").unwrap(),
            sender: Process { node: NodeId::new(1).unwrap(), pid: 9 },
            incarnation: Incarnation(1),
            number,
            payload: vec![7; len].into(),
        }))
    }

    /// An outlet that is written to its client, and that client.
    async fn open() -> (Arc<Outlet>, UnixStream) {
        let (stream, client) = UnixStream::pair().unwrap();
        let outlet = Outlet::new();
        let writing = outlet.clone();
        tokio::spawn(async move { writing.write(split(stream).unwrap().1).await });
        yield_now().await;
        (outlet, client)
    }

    async fn read(client: &mut UnixStream, count: usize) -> Vec<Message> {
        let (mut decoder, mut messages) = (Decoder::new(), vec![]);
        while messages.len() < count {
            client.read_buf(decoder.buffer(1 << 16)).await.unwrap();
            while let Some(message) = decoder.next_message().unwrap() {
                messages.push(message);
            }
        }
        messages
    }

    #[tokio::test(flavor = "current_thread")]
    async fn nothing_overtakes_what_waits() {
        let (outlet, mut client) = open().await;
        assert!(outlet.say_at_once(&message(1, 10), 0));
        outlet.say(&message(2, 10));
        assert!(!outlet.say_at_once(&message(3, 10), 0), "another one waits");
        assert_eq!(read(&mut client, 2).await, [message(1, 10), message(2, 10)]);
        yield_now().await;
        assert!(outlet.say_at_once(&message(3, 10), 0), "it has been written");
        assert_eq!(read(&mut client, 1).await, [message(3, 10)]);
        outlet.close();
        assert!(!outlet.say_at_once(&message(4, 10), 0));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_does_not_fit_the_socket_waits() {
        let (outlet, mut client) = open().await;
        let mut said = vec![];
        loop {
            let next = message(u64::try_from(said.len()).unwrap(), 100_000);
            if !outlet.say_at_once(&next, 0) {
                break;
            }
            said.push(next);
        }
        assert!(!said.is_empty());
        outlet.say(&message(9999, 1));
        said.push(message(9999, 1));
        assert!(read(&mut client, said.len()).await == said, "whole and in order");
        yield_now().await;
        assert_eq!(outlet.account().unread(), 0);
    }

    #[test]
    fn before_there_is_a_socket_nothing_is_said_at_once() {
        assert!(!Outlet::new().say_at_once(&message(1, 1), 0));
    }
}
