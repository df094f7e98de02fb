//! Clients of ports, against the services of a node that is alone and has room or not.

use super::{
    groups::{GroupLab, Stand, Switches},
    *,
};
use crate::groups::host::{Host, Word, to_client};
use bytes::Bytes;
use cman_ipc::{Notice, classic::PORT_MESSAGE_MAX};
use cman_node::Refused;
use cman_services::{ClientRequest, Out, Services, Session as Id, ViewInfo};
use cman_types::{
    Epoch, GroupName, Incarnation, Instant, Member, MemberId, Process, Salt, View, ViewId,
};
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// The services of a node in a view of its own.
struct Alone {
    me: MemberId,
    services: Services,
    switches: Arc<Switches>,
    said: Vec<(u64, Word)>,
}

impl Alone {
    fn new(switches: Arc<Switches>) -> Self {
        let me = MemberId { node: node(), incarnation: Incarnation(1), salt: Salt::default() };
        let mut services = Services::new(me, Duration::from_secs(2));
        let id = ViewId { epoch: Epoch(1), coordinator: me };
        let address = (Ipv4Addr::LOCALHOST, 5405).into();
        let view = View { id, members: vec![Member { id: me, address }] };
        services.on_view(Instant::ZERO, &ViewInfo { view: &view, transitional: &[me.node] });
        Self { me, services, switches, said: Vec::new() }
    }

    fn turn(&mut self) {
        while let Some(out) = self.services.poll() {
            match out {
                Out::Multicast { payload, .. } => self.services.on_deliver(self.me, payload),
                Out::Client { session, event } => {
                    self.said.extend(to_client(event).map(|word| (session.0, word)));
                }
                Out::PutOut { .. } | Out::Configuration(_) | Out::Synced { .. } => {}
            }
        }
    }
}

impl Stand for Alone {
    fn said(&mut self) -> Vec<(u64, Word)> {
        std::mem::take(&mut self.said)
    }
}

impl Host for Alone {
    fn ask(&mut self, now: Instant, id: Id, request: ClientRequest) -> Result<(), Refused> {
        if self.switches.full.load(Ordering::Relaxed) {
            return Err(Refused::Full);
        }
        self.services.on_client(now, id, request)?;
        self.turn();
        Ok(())
    }

    fn close(&mut self, _: Instant, id: Id) {
        self.services.close_session(id);
        self.turn();
    }

    fn list(&self) -> Reply {
        Reply::Done
    }

    fn members(&self, _: &GroupName) -> Vec<Process> {
        Vec::new()
    }

    fn is_bound(&self, _: Option<NodeId>, port: u8) -> Reply {
        Reply::Is(self.services.is_bound_here(port))
    }
}

fn node() -> NodeId {
    NodeId::new(1).unwrap()
}

fn bind(port: u8) -> Request {
    Request::Classic(ClassicRequest::PortBind { port })
}

fn is_bound(port: u8) -> Request {
    Request::Classic(ClassicRequest::PortIsBound { node: None, port })
}

/// To all nodes.
fn send(port: u8, payload: impl Into<Bytes>) -> Message {
    let payload = payload.into();
    Message::Request(Request::Classic(ClassicRequest::PortSend { to: None, port, payload }))
}

fn heard(port: u8, payload: impl Into<Bytes>) -> Option<Message> {
    let payload = payload.into();
    Some(Message::Notice(Notice::PortMessage { node: node(), port, payload }))
}

/// Connections for calls and for notices of one client.
async fn pair(lab: &GroupLab) -> (Client, Client) {
    let (calls, ticket) = lab.greet(Channel::Calls).await;
    let (notices, _) = lab.greet(Channel::Events(ticket.unwrap())).await;
    (calls, notices)
}

/// One that has bound a port, and knows it.
async fn binder(lab: &GroupLab, port: u8) -> (Client, Client) {
    let (mut calls, mut notices) = pair(lab).await;
    assert_eq!(calls.ask(bind(port)).await, Reply::Done);
    let opened = Message::Notice(Notice::PortOpened { node: node() });
    assert_eq!(notices.hear().await, Some(opened));
    (calls, notices)
}

/// PT-04, PT-07: what a binder sends to all, it gets too; the sender's port is told.
#[tokio::test(flavor = "current_thread")]
async fn who_has_bound_a_port_gets_what_is_sent_to_it() {
    let lab = GroupLab::with(Alone::new);
    let (mut calls, mut notices) = binder(&lab, 11).await;
    let (mut other, _other_notices) = pair(&lab).await;
    calls.say(&send(11, "of its own")).await;
    assert_eq!(notices.hear().await, heard(11, "of its own"));
    other.say(&send(12, "to nobody")).await;
    other.say(&send(11, "of one without a port")).await;
    assert_eq!(notices.hear().await, heard(0, "of one without a port"));
    assert_eq!(other.ask(is_bound(12)).await, Reply::Is(false), "sending is not answered");
    assert_eq!(other.ask(is_bound(11)).await, Reply::Is(true));
}

/// PT-03, PT-05: a port has one binder at a time, and a binder one port.
#[tokio::test(flavor = "current_thread")]
async fn a_port_is_free_when_its_binder_is_gone() {
    let lab = GroupLab::with(Alone::new);
    let (mut first, notices) = binder(&lab, 11).await;
    let (mut second, mut second_notices) = pair(&lab).await;
    assert_eq!(code(&second.ask(bind(11)).await), ErrorCode::Exists);
    assert_eq!(code(&second.ask(bind(0)).await), ErrorCode::Invalid);
    for port in [11, 12] {
        assert_eq!(code(&first.ask(bind(port)).await), ErrorCode::Exists);
    }
    drop((first, notices));
    while second.ask(is_bound(11)).await == Reply::Is(true) {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(second.ask(bind(11)).await, Reply::Done);
    second.say(&send(11, "mine")).await;
    let opened = Message::Notice(Notice::PortOpened { node: node() });
    assert_eq!(second_notices.hear().await, Some(opened));
    assert_eq!(second_notices.hear().await, heard(11, "mine"));
}

/// PT-11
#[tokio::test(flavor = "current_thread")]
async fn a_message_that_cannot_be_ends_the_connection() {
    let lab = GroupLab::with(Alone::new);
    for message in [send(11, vec![0; PORT_MESSAGE_MAX + 1]), send(0, "to the daemon")] {
        let (mut calls, _notices) = pair(&lab).await;
        calls.say(&message).await;
        assert_eq!(calls.hear_error().await, ErrorCode::Malformed);
        assert_eq!(calls.hear().await, None);
    }
    let (mut calls, mut notices) = binder(&lab, 11).await;
    calls.say(&send(11, vec![7; PORT_MESSAGE_MAX])).await;
    assert_eq!(notices.hear().await, heard(11, vec![7; PORT_MESSAGE_MAX]));
}

/// PT-13: no bind and no message is refused for want of room; who sends more than is good is not
/// read from.
#[tokio::test(flavor = "current_thread")]
async fn who_sends_waits_for_room_and_nothing_is_lost() {
    let lab = GroupLab::with(Alone::new);
    let (mut calls, mut notices) = binder(&lab, 11).await;
    lab.switches.full.store(true, Ordering::Relaxed);
    let message = encode(&send(11, vec![7; 1000])).unwrap();
    let (mut whole, mut part) = (0, 0);
    let brief = Duration::from_millis(300);
    while let Ok(length) = timeout(brief, calls.stream.write(&message[part..])).await {
        part += length.unwrap();
        whole += part / message.len();
        part %= message.len();
        assert!(whole < 4000, "it takes more than is good for it");
    }
    let (mut other, mut other_notices) = pair(&lab).await;
    assert_eq!(other.ask(is_bound(11)).await, Reply::Is(true), "others are not held up");
    other.say(&Message::Request(bind(12))).await;
    assert!(timeout(brief, other.hear()).await.is_err(), "it waits, too");
    lab.switches.full.store(false, Ordering::Relaxed);
    calls.stream.write_all(&message[part..]).await.unwrap();
    for _ in 0..=whole {
        assert_eq!(notices.hear().await, heard(11, vec![7; 1000]));
    }
    assert_eq!(other.hear().await, Some(Message::Reply(Reply::Done)));
    assert!(matches!(other_notices.hear().await, Some(Message::Notice(_))));
}

/// PT-14
#[tokio::test(flavor = "current_thread")]
async fn a_binder_that_does_not_read_is_let_go_alone() {
    let lab = GroupLab::with(Alone::new);
    let (mut calls, mut notices) = binder(&lab, 11).await;
    let (mut sender, mut sender_notices) = binder(&lab, 12).await;
    let message = encode(&send(11, vec![7; PORT_MESSAGE_MAX])).unwrap().repeat(100);
    let mut sent = 0;
    while sender.ask(is_bound(11)).await == Reply::Is(true) {
        sender.stream.write_all(&message).await.unwrap();
        sent += 100;
    }
    assert!((30_000..100_000).contains(&sent), "{sent} messages");
    assert_eq!(calls.hear().await, None);
    while let Some(message) = notices.hear().await {
        let is_last = matches!(message, Message::Reply(Reply::Error(_)));
        assert!(is_last || Some(message) == heard(12, vec![7; PORT_MESSAGE_MAX]));
    }
    sender.say(&send(12, "still there")).await;
    assert_eq!(sender_notices.hear().await, heard(12, "still there"));
}

/// A conversation that waits for a call that takes its time, and the client's end.
fn long_call(lab: &GroupLab) -> (Conversation, Listener, Client) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (reader, _) = stream::split(theirs).unwrap();
    let ending = lab.lab.ending.subscribe();
    let listener = Listener { reader, decoder: Decoder::new(), room: READ_BYTES, ending };
    let outlet = Outlet::new();
    let conversation = Conversation {
        access: Access::Public,
        patient: false,
        events: outlet.clone(),
        outlet,
        session: None,
        next: None,
        context: lab.lab.context.clone(),
    };
    (conversation, listener, Client { stream: ours, decoder: Decoder::new() })
}

/// PT-16
#[tokio::test(flavor = "current_thread")]
async fn what_needs_no_answer_is_done_while_a_call_waits() {
    let lab = GroupLab::with(Alone::new);
    let (mut calls, mut notices) = binder(&lab, 11).await;
    let (mut conversation, mut listener, mut client) = long_call(&lab);
    let (answer, waited_for) = oneshot::channel();
    let talk = async {
        client.say(&send(11, "one")).await;
        client.say(&send(11, "two")).await;
        assert_eq!(notices.hear().await, heard(0, "one"));
        assert_eq!(notices.hear().await, heard(0, "two"));
        client.say(&Message::Request(is_bound(11))).await;
        client.say(&send(11, "after the question")).await;
        calls.say(&send(11, "of another")).await;
        assert_eq!(notices.hear().await, heard(11, "of another"));
        answer.send(Reply::Done).unwrap();
    };
    let (answered, ()) = tokio::join!(conversation.wait(&mut listener, waited_for), talk);
    assert_eq!(answered.unwrap().unwrap(), Reply::Done);
    let next = conversation.next(&mut listener).await.unwrap();
    assert_eq!(next, Message::Request(is_bound(11)));
    let next = conversation.next(&mut listener).await.unwrap();
    assert_eq!(next, send(11, "after the question"));
}

/// PT-16: nobody waits for a client that is gone, and a daemon that ends for no client.
#[tokio::test(flavor = "current_thread")]
async fn a_long_call_ends_with_its_client_and_with_the_daemon() {
    let lab = GroupLab::with(Alone::new);
    let (_answer, waited_for) = oneshot::channel::<Reply>();
    let (mut conversation, mut listener, client) = long_call(&lab);
    drop(client);
    let end = conversation.wait(&mut listener, waited_for).await;
    assert!(matches!(end, Err(End::Closed)), "{end:?}");
    let (_answer, waited_for) = oneshot::channel::<Reply>();
    let (mut conversation, mut listener, mut client) = long_call(&lab);
    client.say(&Message::Request(is_bound(11))).await;
    let end_it = async {
        sleep(Duration::from_millis(50)).await;
        lab.lab.ending.send_replace(true);
    };
    let (end, ()) = tokio::join!(conversation.wait(&mut listener, waited_for), end_it);
    assert!(matches!(end, Err(End::Ending)), "{end:?}");
}

/// A client with two connections is one; so is one that asks nothing.
#[tokio::test(flavor = "current_thread")]
async fn clients_are_counted_not_connections() {
    let lab = GroupLab::with(Alone::new);
    let connected = || lab.lab.context.sessions.connected();
    let (first, _notices) = pair(&lab).await;
    let (_second, _) = lab.greet(Channel::Stream).await;
    assert_eq!(connected(), 2);
    drop(first);
    while connected() != 1 {
        sleep(Duration::from_millis(1)).await;
    }
}
