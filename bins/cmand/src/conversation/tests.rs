//! Clients against a service without a node: what they say, what they get.

mod groups;
mod ports;

use super::*;
use crate::{
    dirty::Mark,
    engine::{Action, Engine},
    groups::{inbox::Inbox, outbox::Outbox, sessions::Sessions},
    history::{
        History,
        tests::{status, view_of_one},
    },
    log::Log,
};
use cman_io::{interface::Interface, lease_page::LeaseWriter, waker::Waker};
use cman_ipc::{
    ErrorCode,
    event::{Event, EventMessage, QuorumEvent, ShutdownEvent},
};
use cman_node::{Command, CommandError};
use cman_types::{Instant, NodeId};
use std::{
    net::Ipv4Addr,
    sync::mpsc::{Receiver, sync_channel},
    thread,
};
use tokio::io::AsyncWriteExt;

/// Serves any number of clients; the engine agrees to every command but a leave.
struct Lab {
    context: Arc<Context>,
    /// Where calls about groups arrive.
    inbox: Inbox,
    ending: watch::Sender<bool>,
}

impl Lab {
    fn new() -> Self {
        Self::with_status(None)
    }

    /// With an engine that answers so when it is asked how things are; without, it drops the
    /// question.
    fn with_status(status: Option<cman_node::Status>) -> Self {
        let text = cman_config::template("alpha", &[(1, "10.0.0.1"), (2, "10.0.0.2")], None);
        let config = cman_config::parse("cluster.conf", text.as_bytes()).unwrap().config;
        let me = config.nodes[0].clone();
        let dir = tempfile::tempdir().unwrap();
        let (actions, questions) = sync_channel(8);
        thread::spawn(move || answer_all(&questions, status.as_ref()));
        let address = Ipv4Addr::new(10, 0, 0, 1).into();
        let waker = Waker::new().unwrap();
        let inbox = Inbox::new(waker.clone());
        let context = Context {
            engine: Engine { actions, waker, progress: Arc::default() },
            hub: Default::default(),
            listeners: Default::default(),
            reload: crate::reload::Reload::new(dir.path(), config.clone()),
            sessions: Sessions::new(inbox.clone()),
            log: Log::start().unwrap(),
            history: History::new(me.id).into(),
            lease: Arc::new(LeaseWriter::create(dir.path(), me.id).unwrap()),
            mark: Mark::check(dir.path(), false).unwrap(),
            config,
            me,
            asked: Vec::new(),
            interface: Interface {
                name: "net0".into(),
                index: 2,
                address,
                multicast: true,
                up: true,
                running: true,
            },
            group: None,
            memory_locked: false,
            realtime: false,
            notes: Vec::new(),
            disk: Arc::default(),
            carrier: Default::default(),
            config_file: String::new(),
            state_dir: String::new(),
        };
        Self { context: Arc::new(context), inbox, ending: watch::Sender::new(false) }
    }

    fn client(&self, access: Access) -> Client {
        let (ours, theirs) = UnixStream::pair().unwrap();
        tokio::spawn(serve(theirs, access, self.context.clone(), self.ending.subscribe()));
        Client { stream: ours, decoder: Decoder::new() }
    }

    async fn welcome(&self, access: Access) -> Client {
        let mut client = self.client(access);
        client.say(&Message::Hello(Hello::from_program("test"))).await;
        assert!(matches!(client.hear().await, Some(Message::Welcome(_))));
        client
    }

    fn publish(&self, text: &str) {
        let event = Event::Shutdown(ShutdownEvent { text: text.to_owned() });
        let message = Message::Event(EventMessage { at: 1, monotonic_ns: 2, event });
        self.context.hub.publish(&encode(&message).unwrap());
    }
}

fn answer_all(questions: &Receiver<Action>, status: Option<&cman_node::Status>) {
    for action in questions {
        match action {
            Action::Command { command, answer } => {
                let result = match command {
                    Command::Leave { .. } => {
                        Err(CommandError::Refused("a view change is running".to_owned()))
                    }
                    _ => Ok(()),
                };
                let _gone = answer.send(result);
            }
            Action::Status(answer) => {
                if let Some(status) = status.cloned() {
                    let _gone = answer.send(Snapshot {
                        at: Instant::ZERO,
                        status,
                        stream: None,
                        ports: vec![0, 11],
                    });
                }
            }
            _ => {}
        }
    }
}

struct Client {
    stream: UnixStream,
    decoder: Decoder,
}

impl Client {
    async fn say(&mut self, message: &Message) {
        self.stream.write_all(&encode(message).unwrap()).await.unwrap();
    }

    async fn ask(&mut self, request: Request) -> Reply {
        self.say(&Message::Request(request)).await;
        match self.hear().await {
            Some(Message::Reply(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// The next message; `None` when the daemon has closed the connection.
    async fn hear(&mut self) -> Option<Message> {
        let mut bytes = [0; 4096];
        loop {
            if let Some(message) = self.decoder.next_message().unwrap() {
                return Some(message);
            }
            let read = timeout(Duration::from_secs(20), self.stream.read(&mut bytes)).await;
            match read.expect("an answer in time") {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.decoder.feed(&bytes[..length]),
            }
        }
    }

    async fn hear_error(&mut self) -> ErrorCode {
        match self.hear().await {
            Some(Message::Reply(Reply::Error(error))) => error.code,
            other => panic!("{other:?}"),
        }
    }

    async fn hear_text(&mut self) -> String {
        match self.hear().await {
            Some(Message::Event(EventMessage { event: Event::Shutdown(event), .. })) => event.text,
            other => panic!("{other:?}"),
        }
    }
}

fn code(reply: &Reply) -> ErrorCode {
    match reply {
        Reply::Error(error) => error.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "current_thread")]
async fn garbage_is_answered_and_ends_the_conversation() {
    let lab = Lab::new();
    let status = encode(&Message::Request(Request::Status)).unwrap();
    let hello = encode(&Message::Hello(Hello::from_program("test"))).unwrap();
    for garbage in [b"\xff".repeat(64), status, [hello.as_slice(), &hello].concat()] {
        let mut client = lab.client(Access::Admin);
        client.stream.write_all(&garbage).await.unwrap();
        let mut heard = client.hear().await;
        if matches!(heard, Some(Message::Welcome(_))) {
            heard = client.hear().await;
        }
        match heard {
            Some(Message::Reply(Reply::Error(e))) => assert_eq!(e.code, ErrorCode::Malformed),
            other => panic!("{other:?}"),
        }
        assert_eq!(client.hear().await, None);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_client_of_another_time_is_told_once() {
    let lab = Lab::new();
    let mut client = lab.client(Access::Public);
    let hello = Hello { lowest: 7, highest: 9, ..Hello::from_program("later") };
    client.say(&Message::Hello(hello)).await;
    assert_eq!(client.hear_error().await, ErrorCode::Version);
    assert_eq!(client.hear().await, None);
}

#[tokio::test(flavor = "current_thread")]
async fn what_changes_things_needs_the_admin_socket() {
    let lab = Lab::new();
    let kill = Request::Kill { node: NodeId::new(2).unwrap() };
    let mut reader = lab.welcome(Access::Public).await;
    assert_eq!(code(&reader.ask(kill.clone()).await), ErrorCode::NotPermitted);
    let mut admin = lab.welcome(Access::Admin).await;
    assert_eq!(admin.ask(kill).await, Reply::Done);
    let leave = Request::Leave { remove: false, force: false };
    assert_eq!(code(&admin.ask(leave).await), ErrorCode::Busy);
    assert_eq!(admin.ask(Request::Leave { remove: false, force: true }).await, Reply::Done);
}

#[tokio::test(flavor = "current_thread")]
async fn an_engine_that_is_stalled_is_an_answer() {
    let lab = Lab::new();
    let mut client = lab.welcome(Access::Public).await;
    // The engine of this lab drops the question.
    assert_eq!(code(&client.ask(Request::Status).await), ErrorCode::Failed);
}

#[tokio::test(flavor = "current_thread")]
async fn a_subscriber_hears_done_then_the_present_then_everything() {
    let lab = Lab::new();
    let text = "2 of 2 votes".to_owned();
    let yes = cman_node::Event::Quorum { quorate: true, votes: 2, expected: 2, needed: 2, text };
    lab.context.history().note(1, Instant::from_nanos(2), &yes);
    let mut client = lab.welcome(Access::Public).await;
    assert_eq!(client.ask(Request::Subscribe).await, Reply::Done);
    let text = "the lease of this node has ended".to_owned();
    let quorum = QuorumEvent { quorate: false, votes: 2, expected_votes: 2, needed: 2, text };
    // The lease page says no, so the present is no, whatever was true.
    let event = Event::Quorum(quorum);
    let present = Message::Event(EventMessage { at: 1, monotonic_ns: 2, event });
    assert_eq!(client.hear().await, Some(present));
    lab.publish("first");
    lab.publish("second");
    assert_eq!(client.hear_text().await, "first");
    assert_eq!(client.hear_text().await, "second");
    lab.publish("last");
    lab.ending.send_replace(true);
    assert_eq!(client.hear_text().await, "last", "what happened before the end is still told");
    assert_eq!(client.hear().await, None);
}

#[tokio::test(flavor = "current_thread")]
async fn who_subscribes_while_a_view_is_on_its_way_hears_its_votes() {
    // The engine is in view 6 with 3 votes; that has not come to those who listen.
    let lab = Lab::with_status(Some(status(6, 3)));
    let text = "2 of 3 votes".to_owned();
    let yes = cman_node::Event::Quorum { quorate: true, votes: 2, expected: 3, needed: 2, text };
    lab.context.history().note(1, Instant::ZERO, &view_of_one(5));
    lab.context.history().note(1, Instant::ZERO, &yes);
    let mut client = lab.welcome(Access::Public).await;
    let context = lab.context.clone();
    tokio::spawn(async move {
        sleep(STATUS_AGAIN_AFTER / 2).await;
        context.history().note(2, Instant::ZERO, &view_of_one(6));
    });
    assert_eq!(client.ask(Request::Subscribe).await, Reply::Done);
    let mut told = Vec::new();
    for _ in 0..2 {
        match client.hear().await {
            Some(Message::Event(EventMessage { event: Event::View(view), .. })) => {
                told.push(view.epoch.0);
            }
            Some(Message::Event(EventMessage { event: Event::Quorum(quorum), .. })) => {
                told.push(quorum.votes.into());
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told, [6, 3]);
}

#[tokio::test(flavor = "current_thread")]
async fn who_asks_for_the_past_hears_it_then_done() {
    let lab = Lab::new();
    let mut client = lab.welcome(Access::Public).await;
    assert_eq!(client.ask(Request::PastEvents).await, Reply::Done, "nothing has happened");
    let said = |number| "x".repeat(10_000) + &format!("{number}");
    // More than may wait for a client at once.
    for number in 0..30 {
        let event = Event::Shutdown(ShutdownEvent { text: said(number) });
        assert!(lab.context.publish_now(event).is_some());
    }
    client.say(&Message::Request(Request::PastEvents)).await;
    for number in 0..30 {
        assert_eq!(client.hear_text().await, said(number));
    }
    assert_eq!(client.hear().await, Some(Message::Reply(Reply::Done)));
}

#[tokio::test(flavor = "current_thread")]
async fn a_subscriber_that_does_not_read_is_let_go_and_nobody_else() {
    let lab = Lab::new();
    let mut slow = lab.welcome(Access::Public).await;
    let mut quick = lab.welcome(Access::Public).await;
    for client in [&mut slow, &mut quick] {
        assert_eq!(client.ask(Request::Subscribe).await, Reply::Done);
    }
    // More than the queue and the socket's buffer hold together.
    let long = "x".repeat(10_000);
    for _ in 0..2000 {
        lab.publish(&long);
        assert_eq!(quick.hear_text().await.len(), long.len());
    }
    let mut heard = 0;
    while slow.hear().await.is_some() {
        heard += 1;
    }
    assert!((1..2000).contains(&heard), "{heard} events reached the slow client");
    assert!(matches!(quick.ask(Request::Logs).await, Reply::Logs(_)));
}

#[tokio::test(flavor = "current_thread")]
async fn who_is_turned_away_hears_why_however_late_it_speaks() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let turning = tokio::spawn(turn_away(theirs));
    let mut client = Client { stream: ours, decoder: Decoder::new() };
    sleep(Duration::from_millis(100)).await;
    client.say(&Message::Hello(Hello::from_program("test"))).await;
    assert_eq!(client.hear_error().await, ErrorCode::Busy);
    assert_eq!(client.hear().await, None);
    drop(client);
    turning.await.unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn who_is_turned_away_and_does_not_go_is_hung_up_on() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let hung_up = timeout(TURN_AWAY_LIMIT * 5, turn_away(theirs)).await;
    assert!(hung_up.is_ok(), "it waits for a client that says nothing");
    drop(ours);
}

#[tokio::test(flavor = "current_thread")]
async fn who_is_hung_up_on_at_once_hears_why_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let stream = UnixStream::connect(&path).await.unwrap();
    say_no_room(&listener.accept().await.unwrap().0);
    let mut client = Client { stream, decoder: Decoder::new() };
    assert_eq!(client.hear_error().await, ErrorCode::Busy);
    assert_eq!(client.hear().await, None);
}
