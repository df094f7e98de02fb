//! Conversations with a fake daemon, and with none.

use crate::{
    Connection, Error, Lease, Socket, connection::PATIENCE, fake_daemon::FakeDaemon, wire::Wire,
};
use cman_ipc::{
    ClassicRequest, ErrorCode, ErrorReply, Event, EventMessage, Hello, Message, Reply, Request,
    encode,
    event::ShutdownEvent,
    frame::{BODY_MAX, HEADER_LEN},
    kind,
    paths::{ADMIN_SOCKET, PUBLIC_SOCKET},
    reply::{LogsChunk, RecorderChunk, VersionReply},
};
use cman_types::NodeId;
use rustix::event::{PollFd, PollFlags, poll};
use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixListener,
    path::Path,
    thread,
    time::Duration,
};

fn reply(reply: Reply) -> Vec<Message> {
    vec![Message::Reply(reply)]
}

fn refusal(code: ErrorCode) -> Vec<Message> {
    reply(Reply::Error(ErrorReply { code, text: "No.".into(), advice: "Do not ask.".into() }))
}

fn open(run_dir: &Path) -> Result<Connection, Error> {
    Connection::open(run_dir, Socket::Public, "test")
}

/// A connection to a fake daemon that answers by `answer`.
fn connected(
    answer: impl Fn(Request) -> Vec<Message> + Send + Sync + 'static,
) -> (Connection, FakeDaemon, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let daemon = FakeDaemon::start(dir.path(), answer).unwrap();
    (open(dir.path()).unwrap(), daemon, dir)
}

/// A daemon that sends these bytes, whatever it hears, and closes.
fn connect_to_bytes(bytes: Vec<u8>) -> Error {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join(PUBLIC_SOCKET)).unwrap();
    let daemon = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&bytes).unwrap();
        // Closing with something unread would take the bytes away from the client.
        let mut hello = [0; 64];
        assert!(stream.read(&mut hello).unwrap() > 0);
    });
    let error = open(dir.path()).unwrap_err();
    daemon.join().unwrap();
    error
}

#[test]
fn without_a_socket_it_says_how_to_start_a_daemon() {
    let dir = tempfile::tempdir().unwrap();
    for run_dir in [dir.path().to_owned(), dir.path().join("missing")] {
        let error = open(&run_dir).unwrap_err();
        assert!(error.is_not_running());
        let socket = run_dir.join(PUBLIC_SOCKET);
        assert_eq!(
            error.to_string(),
            format!("The cluster daemon is not running: there is no {}.", socket.display())
        );
        assert!(error.advice().contains("cman_tool join"));
    }
}

#[test]
fn a_socket_left_behind_is_told_from_a_living_one() {
    let dir = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(dir.path().join(PUBLIC_SOCKET)).unwrap());
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Stale { .. }), "{error:?}");
    assert!(error.is_not_running());
}

#[test]
fn what_is_no_run_directory_is_called_that() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(&file).unwrap_err();
    let shown = file.display();
    assert_eq!(error.to_string(), format!("The run directory {shown} is no directory."));
    assert!(!error.is_not_running() && error.advice().contains("--run-dir"));

    let socket = dir.path().join(PUBLIC_SOCKET);
    fs::write(&socket, "").unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::NotASocket { .. }), "{error:?}");
    assert!(error.to_string().contains(socket.to_str().unwrap()), "{error}");
    assert!(!error.is_not_running() && error.advice().contains("Move it away"));
}

#[test]
fn a_path_too_long_for_a_socket_is_called_that() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("x".repeat(120));
    let error = open(&run_dir).unwrap_err();
    assert!(matches!(error, Error::TooLong { .. }), "{error:?}");
    assert!(error.advice().contains("--run-dir"));
}

#[test]
fn a_forbidden_socket_says_who_may() {
    let dir = tempfile::tempdir().unwrap();
    let _listener = UnixListener::bind(dir.path().join(ADMIN_SOCKET)).unwrap();
    let error = Error::connecting(
        dir.path().join(ADMIN_SOCKET),
        std::io::ErrorKind::PermissionDenied.into(),
    );
    assert!(matches!(error, Error::Forbidden { .. }));
    assert!(error.advice().contains("as root"));
    let public = Error::connecting(
        dir.path().join(PUBLIC_SOCKET),
        std::io::ErrorKind::PermissionDenied.into(),
    );
    assert!(public.advice().contains("group"));
}

#[test]
fn an_answer_arrives() {
    let version = VersionReply { release: "9.9.9".into(), config_version: 4, wire_version: 1 };
    let answer = version.clone();
    let (mut connection, _daemon, _dir) = connected(move |request| {
        assert_eq!(request, Request::Version);
        reply(Reply::Version(answer.clone()))
    });
    assert_eq!(connection.daemon().pid, 4711);
    assert_eq!(connection.version().unwrap(), version);
}

#[test]
fn orders_arrive_as_they_were_given() {
    let (mut connection, _daemon, _dir) = connected(|request| {
        let seven = NodeId::new(7).unwrap();
        assert!(
            [
                Request::Kill { node: seven },
                Request::Leave { remove: true, force: false },
                Request::Leave { remove: false, force: true },
            ]
            .contains(&request)
        );
        reply(Reply::Done)
    });
    connection.kill(NodeId::new(7).unwrap()).unwrap();
    connection.leave(true, false).unwrap();
    connection.leave(false, true).unwrap();
}

#[test]
fn votes_are_changed_and_refusals_passed_on() {
    let node = NodeId::new(7);
    let (mut connection, _daemon, _dir) = connected(move |request| match request {
        Request::Classic(ClassicRequest::SetVotes { node: of, votes: 2 }) if of == node => {
            reply(Reply::Done)
        }
        Request::Classic(ClassicRequest::SetExpectedVotes { votes: 4 }) => reply(Reply::Done),
        _ => refusal(ErrorCode::Invalid),
    });
    connection.set_votes(node, 2).unwrap();
    connection.set_expected_votes(4).unwrap();
    assert!(matches!(connection.set_votes(None, 2), Err(Error::Refused(_))));
    assert!(matches!(connection.set_expected_votes(0), Err(Error::Refused(_))));
}

#[test]
fn a_refusal_keeps_its_words() {
    let (mut connection, _daemon, _dir) = connected(|_| refusal(ErrorCode::Busy));
    let error = connection.leave(false, false).unwrap_err();
    assert!(error.is_busy());
    assert_eq!((error.to_string(), error.advice()), ("No.".into(), "Do not ask.".into()));
}

/// Somebody who is turned away, having spoken before or only after the daemon has closed.
#[track_caller]
fn turned_away(early: bool) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join(PUBLIC_SOCKET);
    let listener = UnixListener::bind(&socket).unwrap();
    let daemon = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        if early {
            // What was said is there, and stays unread.
            poll(&mut [PollFd::new(&stream, PollFlags::IN)], None).unwrap();
        }
        for message in refusal(ErrorCode::Busy) {
            stream.write_all(&encode(&message).unwrap()).unwrap();
        }
    });
    let mut wire = Wire::connect(&socket).unwrap();
    let hello = Message::Hello(Hello::from_program("test"));
    let said = if early {
        wire.exchange(&hello, PATIENCE)
    } else {
        daemon.join().unwrap();
        wire.exchange(&hello, PATIENCE)
    };
    match said.unwrap() {
        Some(Message::Reply(Reply::Error(error))) => assert_eq!(error.text, "No."),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_turned_away_hears_why() {
    turned_away(true);
    turned_away(false);
}

#[test]
fn another_answer_than_asked_for_is_refused() {
    let (mut connection, _daemon, _dir) = connected(|_| reply(Reply::Done));
    assert!(matches!(connection.status(), Err(Error::Unexpected)));
    assert!(matches!(connection.nodes(), Err(Error::Unexpected)));
    assert!(matches!(connection.logs(), Err(Error::Unexpected)));
}

#[test]
fn chunks_are_put_together() {
    let (mut connection, _daemon, _dir) = connected(|request| match request {
        Request::Logs => [("one", false), ("two", true)]
            .map(|(line, last)| LogsChunk { lines: vec![line.into()], last })
            .map(|chunk| Message::Reply(Reply::Logs(chunk)))
            .into(),
        _ => [(vec![1, 2], false), (vec![], false), (vec![3], true)]
            .map(|(bytes, last)| RecorderChunk { bytes, last })
            .map(|chunk| Message::Reply(Reply::Recorder(chunk)))
            .into(),
    });
    assert_eq!(connection.logs().unwrap(), ["one", "two"]);
    assert_eq!(connection.recorder().unwrap(), [1, 2, 3]);
}

fn shutdown() -> EventMessage {
    let event = Event::Shutdown(ShutdownEvent { text: "told to".into() });
    EventMessage { at: 1, monotonic_ns: 2, event }
}

#[test]
fn events_come_until_the_daemon_closes_and_unknown_ones_are_skipped() {
    let event = shutdown();
    let sent = event.clone();
    let (connection, _daemon, _dir) = connected(move |_| {
        vec![
            Message::Reply(Reply::Done),
            Message::Unknown { kind: kind::EVENTS + 99 },
            Message::Event(sent.clone()),
        ]
    });
    let mut events = connection.subscribe().unwrap();
    assert_eq!(events.next().unwrap().unwrap(), event);
    let brief = Some(Duration::from_millis(20));
    assert!(matches!(events.next_within(brief), Err(Error::TimedOut { .. })));
    let now = Some(Duration::ZERO);
    assert!(matches!(events.next_within(now), Err(Error::TimedOut { .. })));
}

#[test]
fn past_events_come_before_the_reply() {
    let sent = shutdown();
    let past = sent.clone();
    let (mut connection, _daemon, _dir) = connected(move |request| match request {
        Request::PastEvents => {
            let twice = vec![Message::Event(past.clone()), Message::Event(past.clone())];
            twice.into_iter().chain([Message::Reply(Reply::Done)]).collect()
        }
        _ => vec![Message::Reply(Reply::Done)],
    });
    assert_eq!(connection.past_events().unwrap(), [sent.clone(), sent]);
    // The conversation goes on.
    connection.leave(false, false).unwrap();
}

#[test]
fn how_long_was_waited_is_said_for_people() {
    let error = Error::TimedOut { after: Duration::from_nanos(999_999_700) };
    assert_eq!(error.to_string(), "The cluster daemon gave no answer for 1 s.");
}

#[test]
fn whoever_polls_the_descriptor_takes_what_has_arrived() {
    let event = shutdown();
    let sent = event.clone();
    let (connection, _daemon, _dir) = connected(move |_| {
        thread::sleep(Duration::from_millis(50));
        vec![Message::Reply(Reply::Done), Message::Event(sent.clone())]
    });
    let mut events = connection.subscribe().unwrap();
    // It may have come together with the reply: then the descriptor says nothing of it.
    let heard = loop {
        match events.next_within(Some(Duration::ZERO)) {
            Err(Error::TimedOut { .. }) => {
                poll(&mut [PollFd::new(&events, PollFlags::IN)], None).unwrap()
            }
            heard => break heard,
        };
    };
    assert_eq!(heard.unwrap(), Some(event));
}

#[test]
fn a_daemon_that_ends_ends_the_events() {
    let listener_dir = tempfile::tempdir().unwrap();
    let socket = listener_dir.path().join(PUBLIC_SOCKET);
    let listener = UnixListener::bind(&socket).unwrap();
    let daemon = thread::spawn(move || drop(listener.accept().unwrap()));
    assert!(matches!(open(listener_dir.path()), Err(Error::Closed)));
    daemon.join().unwrap();
}

#[test]
fn leaving_is_over_when_the_daemon_closes() {
    let (mut connection, _daemon, _dir) = connected(|request| match request {
        Request::Leave { .. } => reply(Reply::Done),
        _ => Vec::new(),
    });
    connection.leave(false, false).unwrap();
    assert!(matches!(
        connection.wait_for_end(Some(Duration::from_millis(20))),
        Err(Error::TimedOut { .. })
    ));
    let (mut connection, _daemon, _dir) = connected(|_| Vec::new());
    assert!(matches!(connection.status(), Err(Error::Closed)));
    connection.wait_for_end(Some(Duration::from_secs(5))).unwrap();
}

#[test]
fn garbage_from_a_daemon_is_an_error() {
    let mut endless = vec![0; HEADER_LEN];
    endless[..4].copy_from_slice(&u32::try_from(BODY_MAX + 1).unwrap().to_le_bytes());
    assert!(matches!(connect_to_bytes(endless), Error::Malformed { .. }));
    assert!(matches!(connect_to_bytes(vec![0xff; 64]), Error::Malformed { .. }));
    // A greeting cut off in the middle.
    assert!(matches!(connect_to_bytes(vec![9, 0, 0, 0, 1]), Error::Closed));
}

#[test]
fn the_lease_is_read_from_the_page_and_followed_to_another() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("run");
    fs::create_dir(&run_dir).unwrap();
    assert!(matches!(Lease::open(&run_dir), Err(Error::Lease { .. })));

    let node = NodeId::new(1).unwrap();
    let publish = || {
        let writer = cman_io::lease_page::LeaseWriter::create(&run_dir, node).unwrap();
        writer.publish(Some(cman_io::clock::now() + Duration::from_secs(60)));
        writer
    };
    let first = publish();
    let mut lease = Lease::open(&run_dir).unwrap();
    assert!(lease.is_quorate());
    drop(first);
    assert!(!lease.is_quorate());

    fs::remove_dir_all(&run_dir).unwrap();
    fs::create_dir(&run_dir).unwrap();
    let _second = publish();
    assert!(lease.is_quorate());
}
