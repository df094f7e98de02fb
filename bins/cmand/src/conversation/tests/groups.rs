//! Clients of groups: both kinds of connections, against a node that is alone and has room or not.

use super::*;
use crate::groups::{
    desk::Desk,
    host::{Host, Word},
    listing,
    outbox::Told,
};
use cman_ipc::reply::GroupListChunk;
use cman_ipc::{GroupConfig, GroupEvent, GroupMessage, GroupRefused};
use cman_node::Refused;
use cman_services::{ClientRequest, GroupError, Session as Id};
use cman_types::{GroupName, Incarnation, Instant, Process, group::Reason};
use std::sync::atomic::{AtomicBool, Ordering};

/// What the test decides, and what it sees of the node.
#[derive(Debug, Default)]
pub(super) struct Switches {
    pub(super) full: AtomicBool,
    closed: AtomicBool,
    ended: AtomicBool,
}

/// A node that stands for the one of the engine thread.
pub(super) trait Stand: Host + Send + 'static {
    /// What it has said since, to which client.
    fn said(&mut self) -> Vec<(u64, Word)>;
}

/// A node on which one process is in one group.
struct Alone {
    switches: Arc<Switches>,
    said: Vec<(u64, Word)>,
}

impl Stand for Alone {
    fn said(&mut self) -> Vec<(u64, Word)> {
        std::mem::take(&mut self.said)
    }
}

impl Host for Alone {
    fn ask(&mut self, _: Instant, id: Id, request: ClientRequest) -> Result<(), Refused> {
        let ClientRequest::Group(request) = request else { panic!("{request:?}") };
        match request {
            GroupRequest::Join { group, pid } => {
                let joined = vec![(process(pid), Reason::Join)];
                let members = vec![process(pid)];
                let config = GroupConfig { group, members, left: Vec::new(), joined };
                let config = Message::Group(GroupEvent::Config(config));
                self.said.push((id.0, Word::Event(config)));
            }
            GroupRequest::Send { .. } if self.switches.full.load(Ordering::Relaxed) => {
                return Err(Refused::Full);
            }
            GroupRequest::Send { group, .. } if group != chat() => {
                return Err(Refused::Client(GroupError::NotJoined { group }.into()));
            }
            GroupRequest::Send { group, payload, .. } => {
                let (sender, incarnation) = (process(9), Incarnation(1));
                let message = GroupMessage { group, sender, incarnation, number: 1, payload };
                let message = Message::Group(GroupEvent::Message(message));
                self.said.push((id.0, Word::Event(message)));
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    fn close(&mut self, _: Instant, _: Id) {
        self.switches.closed.store(true, Ordering::Relaxed);
    }

    fn list(&self) -> Reply {
        let members: Vec<Process> = (0..MANY).map(process).collect();
        listing::all([(&chat(), members.as_slice()), (&other(), members.as_slice())].into_iter())
    }

    fn members(&self, _: &GroupName) -> Vec<Process> {
        vec![process(9)]
    }

    fn is_bound(&self, _: Option<NodeId>, port: u8) -> Reply {
        Reply::Is(port == 11)
    }
}

fn process(pid: u32) -> Process {
    Process { node: NodeId::new(1).unwrap(), pid }
}

/// Members of a group that fills a piece of a long reply.
const MANY: u32 = 10_000;

fn other() -> GroupName {
    GroupName::new(b"other").unwrap()
}

fn chat() -> GroupName {
    GroupName::new(b"chat").unwrap()
}

fn send(group: GroupName, len: usize) -> Request {
    Request::GroupSend { group, payload: vec![7; len].into(), safe: false }
}

/// A lab with a thread that stands for the engine, and a task for the service.
pub(super) struct GroupLab {
    pub(super) lab: Lab,
    pub(super) switches: Arc<Switches>,
}

impl Drop for GroupLab {
    fn drop(&mut self) {
        self.switches.ended.store(true, Ordering::Relaxed);
    }
}

impl GroupLab {
    fn new() -> Self {
        Self::with(|switches| Alone { switches, said: Vec::new() })
    }

    /// With this node.
    pub(super) fn with<N: Stand>(node: impl FnOnce(Arc<Switches>) -> N) -> Self {
        let lab = Lab::new();
        let switches = Arc::new(Switches::default());
        let outbox = Outbox::default();
        let mut desk = Desk::new(lab.inbox.clone(), outbox.clone());
        let mut node = node(switches.clone());
        let decided = switches.clone();
        thread::spawn(move || {
            while !decided.ended.load(Ordering::Relaxed) {
                if !decided.full.load(Ordering::Relaxed) {
                    desk.room();
                }
                desk.serve(Instant::ZERO, &mut node);
                for (session, word) in node.said() {
                    desk.pass_on(session, word);
                }
                desk.flush();
                thread::sleep(Duration::from_micros(100));
            }
        });
        let sessions = lab.context.sessions.clone();
        tokio::spawn(async move {
            loop {
                for told in outbox.next().await {
                    match told {
                        Told::Client { session, message, bytes } => {
                            sessions.tell(session, &message, bytes);
                        }
                        Told::Overflow { session } => sessions.overflow(session),
                        Told::Report(_) => {}
                    }
                }
            }
        });
        Self { lab, switches }
    }

    /// A connection of this kind, and its ticket.
    pub(super) async fn greet(&self, channel: Channel) -> (Client, Option<Ticket>) {
        let mut client = self.lab.client(Access::Public);
        client.say(&Message::Hello(Hello { channel, ..Hello::from_program("test") })).await;
        match client.hear().await {
            Some(Message::Welcome(welcome)) => (client, welcome.session.unwrap().ticket),
            other => panic!("{other:?}"),
        }
    }

    /// A member of the chat, on one connection.
    async fn member(&self) -> Client {
        let (mut client, _) = self.greet(Channel::Stream).await;
        client.say(&Message::Request(Request::GroupJoin { group: chat(), pid: 9 })).await;
        let heard = [client.hear().await.unwrap(), client.hear().await.unwrap()];
        assert!(heard.contains(&Message::Reply(Reply::Done)), "{heard:?}");
        client
    }

    /// Connections for calls and for events of a member of the chat.
    async fn pair(&self) -> (Client, Client) {
        let (mut calls, ticket) = self.greet(Channel::Calls).await;
        let (mut events, _) = self.greet(Channel::Events(ticket.unwrap())).await;
        let join = Request::GroupJoin { group: chat(), pid: 9 };
        assert_eq!(calls.ask(join).await, Reply::Done);
        assert!(matches!(events.hear_event().await, GroupEvent::Config(_)));
        (calls, events)
    }

    async fn until(&self, what: impl Fn(&Switches) -> bool) {
        for _ in 0..20_000 {
            if what(&self.switches) {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
        panic!("it did not happen");
    }
}

impl Client {
    async fn hear_event(&mut self) -> GroupEvent {
        match self.hear().await {
            Some(Message::Group(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    async fn hear_payload(&mut self) -> usize {
        match self.hear_event().await {
            GroupEvent::Message(message) => message.payload.len(),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn messages_on_a_stream_come_back_in_order_and_are_not_answered() {
    let lab = GroupLab::new();
    let mut client = lab.member().await;
    let lengths = [1, 100_000, 0, 4 << 20, 7];
    for len in lengths {
        client.say(&Message::Request(send(chat(), len))).await;
        assert_eq!(client.hear_payload().await, len);
    }
    client.say(&Message::Request(send(GroupName::new(b"other").unwrap(), 1))).await;
    match client.hear_event().await {
        GroupEvent::Refused(GroupRefused { error, .. }) => {
            assert_eq!(error.code, ErrorCode::NotJoined);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(client.ask(Request::GroupFlush).await, Reply::Done);
    let members = client.ask(Request::GroupMembers { group: chat() }).await;
    assert_eq!(members, Reply::GroupMembers(vec![process(9)]));
}

#[tokio::test(flavor = "current_thread")]
async fn all_groups_are_listed_in_pieces() {
    let lab = GroupLab::new();
    let (mut client, _) = lab.greet(Channel::Calls).await;
    let mut next = client.ask(Request::GroupList).await;
    for (name, is_last) in [(chat(), false), (other(), true)] {
        let Reply::GroupList(GroupListChunk { groups, last }) = next else { panic!("{next:?}") };
        assert_eq!((groups.len(), last), (1, is_last));
        assert_eq!((&groups[0].group, groups[0].members.len()), (&name, 10_000));
        next = if last {
            client.ask(Request::GroupFlush).await
        } else {
            match client.hear().await {
                Some(Message::Reply(reply)) => reply,
                other => panic!("{other:?}"),
            }
        };
    }
    assert_eq!(next, Reply::Done);
}

#[tokio::test(flavor = "current_thread")]
async fn a_stream_is_not_read_while_the_node_is_full_and_nothing_is_lost() {
    let lab = GroupLab::new();
    let mut client = lab.member().await;
    lab.switches.full.store(true, Ordering::Relaxed);
    let message = encode(&Message::Request(send(chat(), 100_000))).unwrap();
    let (mut whole, mut part) = (0, 0);
    let brief = Duration::from_millis(300);
    while let Ok(length) = timeout(brief, client.stream.write(&message[part..])).await {
        part += length.unwrap();
        whole += part / message.len();
        part %= message.len();
        assert!(whole < 40, "it takes more than is good for it");
    }
    lab.switches.full.store(false, Ordering::Relaxed);
    client.stream.write_all(&message[part..]).await.unwrap();
    for _ in 0..=whole {
        assert_eq!(client.hear_payload().await, 100_000);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn calls_are_answered_and_events_come_on_the_other_connection() {
    let lab = GroupLab::new();
    let (mut calls, mut events) = lab.pair().await;
    assert_eq!(calls.ask(send(chat(), 5)).await, Reply::Done);
    assert_eq!(events.hear_payload().await, 5);
    lab.switches.full.store(true, Ordering::Relaxed);
    assert_eq!(code(&calls.ask(send(chat(), 5)).await), ErrorCode::Busy);
    assert_eq!(calls.ask(Request::Subscribe).await, Reply::Done);
    lab.lab.publish("later");
    assert_eq!(events.hear_text().await, "later");
}

#[tokio::test(flavor = "current_thread")]
async fn a_ticket_is_good_once_and_others_are_refused() {
    let lab = GroupLab::new();
    let (_calls, ticket) = lab.greet(Channel::Calls).await;
    let ticket = ticket.unwrap();
    let _events = lab.greet(Channel::Events(ticket)).await;
    for channel in [Channel::Events(ticket), Channel::Events(Ticket(7)), Channel::Other(99)] {
        let mut client = lab.lab.client(Access::Public);
        client.say(&Message::Hello(Hello { channel, ..Hello::from_program("test") })).await;
        let expected = match channel {
            Channel::Other(_) => ErrorCode::Unsupported,
            _ => ErrorCode::Refused,
        };
        assert_eq!(client.hear_error().await, expected);
        assert_eq!(client.hear().await, None);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn either_connection_ends_the_other_and_the_process_counts_as_dead() {
    for keep_events in [true, false] {
        let lab = GroupLab::new();
        let (calls, events) = lab.pair().await;
        let (mut kept, gone) = if keep_events { (events, calls) } else { (calls, events) };
        drop(gone);
        assert_eq!(kept.hear().await, None);
        lab.until(|switches| switches.closed.load(Ordering::Relaxed)).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_member_that_dies_has_said_what_it_sent() {
    let lab = GroupLab::new();
    let mut witness = lab.member().await;
    let mut client = lab.member().await;
    client.say(&Message::Request(send(chat(), 3))).await;
    drop(client);
    lab.until(|switches| switches.closed.load(Ordering::Relaxed)).await;
    let members = witness.ask(Request::GroupMembers { group: chat() }).await;
    assert_eq!(members, Reply::GroupMembers(vec![process(9)]));
}

#[tokio::test(flavor = "current_thread")]
async fn a_member_that_does_not_read_hears_at_last_why_it_was_let_go() {
    let lab = GroupLab::new();
    let (mut calls, mut events) = lab.pair().await;
    let mut sent = 0;
    let message = encode(&Message::Request(send(chat(), 4 << 20))).unwrap();
    while calls.stream.write_all(&message).await.is_ok() {
        match calls.hear().await {
            Some(Message::Reply(Reply::Done)) => sent += 1,
            None => break,
            other => panic!("{other:?}"),
        }
    }
    assert!((16..32).contains(&sent), "{sent} messages of 4 MiB");
    let mut quick = lab.member().await;
    quick.say(&Message::Request(send(chat(), 1))).await;
    assert_eq!(quick.hear_payload().await, 1);
    loop {
        match events.hear().await {
            Some(Message::Group(_)) => {}
            Some(Message::Reply(Reply::Error(error))) => {
                assert!(error.text.contains("missed"), "{error:?}");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(events.hear().await, None);
}
