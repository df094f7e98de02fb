//! Groups of one, at a fake daemon.

use super::{GROUP_MESSAGE_MAX, GroupName, Groups, Incoming, ListedGroup, Lost, Process};
use crate::{
    Error,
    fake_daemon::{FakeDaemon, alone},
};
use cman_ipc::{
    ErrorCode, ErrorReply, Event, EventMessage, GroupEvent, GroupRefused, Message, Reply, Request,
    event::ShutdownEvent,
};
use cman_types::NodeId;
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// A message at which the daemon closes the connection.
const CLOSE: &[u8] = b"close";

fn name(name: &str) -> GroupName {
    GroupName::new(name.as_bytes()).unwrap()
}

fn me() -> Process {
    Process { node: NodeId::new(1).unwrap(), pid: std::process::id() }
}

/// What a daemon without others answers, and to some messages something else.
fn answers() -> impl Fn(Request) -> Vec<Message> + Send + Sync + 'static {
    let alone = alone(std::process::id());
    move |request| match request {
        Request::GroupJoin { group, .. } if group == name("closed") => {
            let (text, advice) = ("No.".to_owned(), String::new());
            let code = ErrorCode::Refused;
            vec![Message::Reply(Reply::Error(ErrorReply { code, text, advice }))]
        }
        Request::GroupSend { group, payload, .. } if payload == b"refuse".as_slice() => {
            let (text, advice) = ("No.".to_owned(), String::new());
            let error = ErrorReply { code: ErrorCode::NotJoined, text, advice };
            vec![Message::Group(GroupEvent::Refused(GroupRefused { group, error }))]
        }
        // Nothing to say closes the connection.
        Request::GroupSend { payload, .. } if payload == CLOSE => Vec::new(),
        Request::Subscribe => {
            let event = Event::Shutdown(ShutdownEvent { text: "told to".into() });
            let event = EventMessage { at: 1, monotonic_ns: 2, event };
            vec![Message::Reply(Reply::Done), Message::Event(event)]
        }
        request => alone(request),
    }
}

fn daemon() -> (FakeDaemon, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (FakeDaemon::start(dir.path(), answers()).unwrap(), dir)
}

fn receive(groups: &mut Groups) -> Incoming {
    groups.receive(Some(Duration::from_secs(20))).unwrap().expect("something in time")
}

fn payload(incoming: Incoming) -> Vec<u8> {
    match incoming {
        Incoming::Group(GroupEvent::Message(message)) => message.payload.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_member_hears_that_it_joined_and_then_what_it_says() {
    let (_daemon, dir) = daemon();
    let mut groups = Groups::open(dir.path(), "test").unwrap();
    let chat = name("chat");
    assert!(matches!(groups.send(&chat, b"x", false), Err(Error::NotJoined { .. })));
    groups.join(&chat).unwrap();
    assert_eq!(groups.me(), me());
    assert_eq!(groups.members(&chat).unwrap(), [groups.me()]);
    groups.send(&chat, b"hello", false).unwrap();
    groups.send(&chat, b"", true).unwrap();
    assert_eq!(groups.unconfirmed(), 2);
    match receive(&mut groups) {
        Incoming::Group(GroupEvent::Config(config)) => assert_eq!(config.members, [groups.me()]),
        other => panic!("{other:?}"),
    }
    assert_eq!(payload(receive(&mut groups)), b"hello");
    assert_eq!(payload(receive(&mut groups)), b"");
    assert_eq!(groups.unconfirmed(), 0);
    assert_eq!(groups.receive(Some(Duration::from_millis(10))).unwrap(), None);
    groups.leave(&chat).unwrap();
    receive(&mut groups);
    assert!(matches!(groups.send(&chat, b"x", false), Err(Error::NotJoined { .. })));
}

/// What the fake daemon lists.
fn listed() -> Vec<ListedGroup> {
    ["chat", "votes"].map(|group| ListedGroup { group: name(group), members: vec![me()] }).into()
}

#[test]
fn groups_are_listed_whether_joined_or_not() {
    let (_daemon, dir) = daemon();
    let mut groups = Groups::open(dir.path(), "test").unwrap();
    assert_eq!(groups.list().unwrap(), listed());
    groups.confirm().unwrap();
}

#[test]
fn a_refused_join_leaves_no_trace() {
    let (_daemon, dir) = daemon();
    let mut groups = Groups::open(dir.path(), "test").unwrap();
    groups.join(&name("chat")).unwrap();
    let refused = groups.join(&name("closed")).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Refused));
    assert!(matches!(groups.send(&name("closed"), b"x", false), Err(Error::NotJoined { .. })));
    assert_eq!(groups.lost().groups, [name("chat")]);
}

#[test]
fn a_second_join_that_is_refused_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let alone = alone(std::process::id());
    let joins = AtomicU32::new(0);
    let answers = move |request| match request {
        Request::GroupJoin { .. } if joins.fetch_add(1, Ordering::Relaxed) > 0 => {
            let (text, advice) = ("You are in.".to_owned(), String::new());
            let code = ErrorCode::Exists;
            vec![Message::Reply(Reply::Error(ErrorReply { code, text, advice }))]
        }
        request => alone(request),
    };
    let _daemon = FakeDaemon::start(dir.path(), answers).unwrap();
    let mut groups = Groups::open(dir.path(), "test").unwrap();
    groups.join(&name("chat")).unwrap();
    assert_eq!(groups.join(&name("chat")).unwrap_err().code(), Some(ErrorCode::Exists));
    groups.send(&name("chat"), b"still there", false).unwrap();
}

#[test]
fn more_than_all_buffers_hold_can_be_sent_before_anything_is_received() {
    let (_daemon, dir) = daemon();
    let mut groups = Groups::open(dir.path(), "test").unwrap();
    let chat = name("chat");
    groups.join(&chat).unwrap();
    receive(&mut groups);
    let long = vec![7; 1000];
    for _ in 0..5000 {
        groups.send(&chat, &long, false).unwrap();
    }
    groups.send(&chat, &vec![8; GROUP_MESSAGE_MAX], false).unwrap();
    let too_long = groups.send(&chat, &vec![8; GROUP_MESSAGE_MAX + 1], false);
    assert!(matches!(too_long, Err(Error::MessageTooLong { .. })));
    groups.confirm().unwrap();
    for _ in 0..5000 {
        assert_eq!(payload(receive(&mut groups)), long);
    }
    assert_eq!(payload(receive(&mut groups)).len(), GROUP_MESSAGE_MAX);
    assert_eq!(groups.unconfirmed(), 0);
}

#[test]
fn who_sends_and_never_receives_is_told_so_before_memory_is_used_up() {
    let (_daemon, dir) = daemon();
    let mut groups = Groups::open(dir.path(), "test").unwrap();
    let chat = name("chat");
    groups.join(&chat).unwrap();
    let long = vec![7; 1 << 20];
    let sent = (0..200).take_while(|_| groups.send(&chat, &long, false).is_ok()).count();
    assert!((60..80).contains(&sent), "{sent} MiB");
    assert!(matches!(groups.flush(), Err(Error::Unread)));
    let mut received = 0;
    while groups.unconfirmed() > 0 {
        receive(&mut groups);
        received += 1;
    }
    // The join came as well.
    assert_eq!(received, sent + 1, "nothing is lost, and nothing sent that was refused");
}

#[test]
fn a_refusal_that_nobody_waited_for_is_heard() {
    let (_daemon, dir) = daemon();
    let mut groups = Groups::open(dir.path(), "test").unwrap();
    let chat = name("chat");
    groups.join(&chat).unwrap();
    receive(&mut groups);
    groups.send(&chat, b"refuse", false).unwrap();
    match receive(&mut groups) {
        Incoming::Group(GroupEvent::Refused(refused)) => {
            assert_eq!(refused.error.code, ErrorCode::NotJoined);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(groups.unconfirmed(), 0);
}

#[test]
fn a_connection_that_broke_is_made_again_and_what_was_lost_is_said() {
    let (daemon, dir) = daemon();
    let mut groups = Groups::open(dir.path(), "test").unwrap();
    let chat = name("chat");
    groups.join(&chat).unwrap();
    groups.subscribe().unwrap();
    receive(&mut groups);
    assert!(matches!(receive(&mut groups), Incoming::Cluster(_)));
    groups.send(&chat, b"lost?", false).unwrap();
    groups.send(&chat, CLOSE, false).unwrap();
    assert_eq!(payload(receive(&mut groups)), b"lost?", "what arrived is still there");
    let closed = groups.receive(None);
    assert!(matches!(closed, Err(Error::Closed)), "{closed:?}");
    assert_eq!(groups.lost(), Lost { groups: vec![chat.clone()], unconfirmed: 1 });
    drop(daemon);
    let none = groups.reconnect(Duration::ZERO);
    assert!(matches!(none, Err(Error::NotRunning { .. })), "{none:?}");
    let _daemon = FakeDaemon::start(dir.path(), answers()).unwrap();
    let lost = groups.reconnect(Duration::from_secs(20)).unwrap();
    assert_eq!(lost, Lost { groups: vec![chat.clone()], unconfirmed: 1 });
    assert!(matches!(groups.send(&chat, b"x", false), Err(Error::NotJoined { .. })));
    groups.join(&chat).unwrap();
    assert_eq!(groups.lost(), Lost { groups: vec![chat], unconfirmed: 0 });
}

#[cfg(feature = "tokio")]
#[::tokio::test(flavor = "current_thread")]
async fn the_same_without_waiting() {
    let (_daemon, dir) = daemon();
    let mut groups = super::tokio::Groups::open(dir.path(), "test").await.unwrap();
    let chat = name("chat");
    groups.join(&chat).await.unwrap();
    assert_eq!(groups.members(&chat).await.unwrap(), [groups.me()]);
    assert_eq!(groups.list().await.unwrap(), listed());
    assert!(groups.join(&name("closed")).await.is_err());
    assert_eq!(groups.lost().groups, [name("chat")]);
    assert!(matches!(groups.receive().await.unwrap(), Incoming::Group(GroupEvent::Config(_))));
    let long = vec![7; 1000];
    for _ in 0..1000 {
        groups.send(&chat, &long, false).await.unwrap();
    }
    groups.flush().await.unwrap();
    for _ in 0..1000 {
        assert_eq!(payload(groups.receive().await.unwrap()), long);
    }
    assert_eq!(groups.unconfirmed(), 0);
    groups.leave(&chat).await.unwrap();
    assert!(matches!(groups.receive().await.unwrap(), Incoming::Group(GroupEvent::Config(_))));
    assert_eq!(groups.lost(), Lost::default());
}
