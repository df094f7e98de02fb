//! Calls and events at a fake daemon.

use super::{Calls, EventLine};
use crate::{Error, Socket, fake_daemon::FakeDaemon};
use cman_ipc::{
    ClassicRequest, ErrorCode, ErrorReply, Message, Notice, Reply, Request, encode, hello::Ticket,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    path::Path,
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

fn state(quorate: bool) -> Message {
    Message::Notice(Notice::State { quorate })
}

fn refusal() -> Message {
    let (text, advice) = ("No.".to_owned(), String::new());
    Message::Reply(Reply::Error(ErrorReply { code: ErrorCode::NotFound, text, advice }))
}

fn is_readable(line: &EventLine) -> bool {
    let mut fds = [PollFd::new(line, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).unwrap() > 0
}

fn open(run_dir: &Path) -> (Calls, EventLine) {
    let calls = Calls::open(run_dir, Socket::Public, "test").unwrap();
    let ticket = calls.ticket().unwrap();
    let line = EventLine::open(run_dir, Socket::Public, "test", ticket).unwrap();
    (calls, line)
}

fn opened(
    answer: impl Fn(Request) -> Vec<Message> + Send + Sync + 'static,
) -> (Calls, EventLine, FakeDaemon, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let daemon = FakeDaemon::start(dir.path(), answer).unwrap();
    let (calls, line) = open(dir.path());
    (calls, line, daemon, dir)
}

fn done(_: Request) -> Vec<Message> {
    vec![Message::Reply(Reply::Done)]
}

#[test]
fn calls_are_answered_or_refused() {
    let (calls, ..) = opened(|request| match request {
        Request::Version => vec![refusal()],
        other => done(other),
    });
    assert_eq!(calls.ask(Request::Nodes).unwrap(), Reply::Done);
    let refused = calls.ask(Request::Version).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotFound));
    assert_eq!(calls.ask(Request::Nodes).unwrap(), Reply::Done);
}

#[test]
fn the_line_is_readable_exactly_when_something_can_be_taken() {
    let (_calls, line, daemon, _dir) = opened(done);
    assert!(!is_readable(&line));
    assert_eq!(line.take().unwrap(), None);
    daemon.tell(&state(true)).unwrap();
    daemon.tell(&state(false)).unwrap();
    for quorate in [true, false] {
        assert!(is_readable(&line));
        assert_eq!(line.take().unwrap(), Some(state(quorate)));
    }
    assert!(!is_readable(&line));
    daemon.hang_up();
    assert!(is_readable(&line));
    assert!(matches!(line.take(), Err(Error::Closed)));
}

#[test]
fn of_what_has_begun_to_arrive_the_end_is_waited_for() {
    let (_calls, line, daemon, _dir) = opened(done);
    let frame = encode(&state(true)).unwrap();
    let (first, rest) = frame.split_at(5);
    daemon.tell_bytes(first).unwrap();
    let rest = rest.to_vec();
    let later = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        daemon.tell_bytes(&rest).unwrap();
        daemon
    });
    assert_eq!(line.take().unwrap(), Some(state(true)));
    drop(later.join().unwrap());
}

#[test]
fn a_client_that_is_let_go_hears_why() {
    let (_calls, line, daemon, _dir) = opened(done);
    daemon.tell(&refusal()).unwrap();
    let error = line.take().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NotFound));
}

/// A daemon that takes its time for one request, and says what it heard meanwhile.
fn slow() -> (impl Fn(Request) -> Vec<Message> + Send + Sync + 'static, Receiver<u8>) {
    let (heard, hears) = channel();
    let answer = move |request| match request {
        Request::Classic(ClassicRequest::PortSend { port, .. }) => {
            heard.send(port).unwrap();
            Vec::new()
        }
        Request::Classic(_) => Vec::new(),
        other => done(other),
    };
    (answer, hears)
}

#[test]
fn what_is_not_answered_is_sent_while_another_waits() {
    let (answer, hears) = slow();
    let (calls, line, daemon, _dir) = opened(answer);
    thread::scope(|scope| {
        // This fake never answers it and goes on, as a daemon does while a barrier waits.
        let shutdown = ClassicRequest::ShutdownReply { agree: true };
        let waiting = scope.spawn(|| calls.ask(Request::Classic(shutdown)));
        let send = ClassicRequest::PortSend { to: None, port: 7, payload: "x".into() };
        calls.send(Request::Classic(send)).unwrap();
        assert_eq!(hears.recv_timeout(Duration::from_secs(20)), Ok(7));
        assert!(!waiting.is_finished());
        assert!(!calls.is_closed());
        daemon.hang_up();
        assert!(matches!(waiting.join().unwrap(), Err(Error::Closed)));
    });
    assert!(calls.is_closed());
    assert!(matches!(calls.ask(Request::Nodes), Err(Error::Closed)));
    drop(line);
}

#[test]
fn closing_wakes_who_waits() {
    let (answer, _hears) = slow();
    let (calls, ..) = opened(answer);
    thread::scope(|scope| {
        let shutdown = ClassicRequest::ShutdownReply { agree: true };
        let waiting = scope.spawn(|| calls.ask(Request::Classic(shutdown)));
        thread::sleep(Duration::from_millis(20));
        calls.close();
        assert!(matches!(waiting.join().unwrap(), Err(Error::Closed)));
    });
}

#[test]
fn a_ticket_of_nobody_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let opened = EventLine::open(dir.path(), Socket::Public, "test", Ticket(1));
    assert!(opened.unwrap_err().is_not_running());
}
