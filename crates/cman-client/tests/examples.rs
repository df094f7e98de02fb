//! The examples do what they say, at a daemon without others.

use cman_client::{
    Groups,
    fake_daemon::{FakeDaemon, alone},
    groups::{self, GroupName, Process},
    ipc::{
        ErrorCode, ErrorReply, Event, EventMessage, Message, Reply, Request, event::ShutdownEvent,
    },
};
use cman_types::NodeId;

#[expect(dead_code, reason = "what reads the arguments is not called")]
#[path = "../examples/group_chat.rs"]
mod group_chat;
#[expect(dead_code, reason = "what reads the arguments is not called")]
#[path = "../examples/quorum_watch.rs"]
mod quorum_watch;

#[tokio::test(flavor = "current_thread")]
async fn lines_of_a_chat_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let _daemon = FakeDaemon::start(dir.path(), alone(std::process::id())).unwrap();
    let groups = groups::tokio::Groups::open(dir.path(), "test").await.unwrap();
    let me = Process { node: NodeId::new(1).unwrap(), pid: std::process::id() };
    let (lines, spoken) = tokio::sync::mpsc::channel(2);
    for line in ["hello", "again"] {
        lines.send(line.to_owned()).await.unwrap();
    }
    drop(lines);
    let mut said = Vec::new();
    let name = GroupName::new(b"lounge").unwrap();
    group_chat::chat(groups, &name, spoken, &mut said).await.unwrap();
    let said = String::from_utf8(said).unwrap();
    let wanted = [
        format!("* in chat: {me}"),
        format!("* in votes: {me}"),
        format!("* {me} is here (Join)"),
        format!("{me}: hello"),
        format!("{me}: again"),
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn who_watches_hears_how_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let answers = |request| match request {
        Request::Subscribe => {
            let event = Event::Shutdown(ShutdownEvent { text: "told to".to_owned() });
            let event = EventMessage { at: 1, monotonic_ns: 2, event };
            let (text, advice) = ("too slow".to_owned(), String::new());
            let why = ErrorReply { code: ErrorCode::Failed, text, advice };
            let replies = [Reply::Done, Reply::Error(why)].map(Message::Reply);
            let [done, why] = replies;
            vec![done, Message::Event(event), why]
        }
        _ => Vec::new(),
    };
    let _daemon = FakeDaemon::start(dir.path(), answers).unwrap();
    let mut cluster = Groups::open(dir.path(), "test").unwrap();
    let mut said = Vec::new();
    quorum_watch::watch(&mut cluster, dir.path(), &mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    let [end, why, may] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    assert_eq!(end, "the daemon ends: told to");
    assert!(why.contains("too slow"), "{why}");
    assert_eq!(may, "may this node act? false", "there is no lease here");
}
