//! What dispatch returns, in which order, and when the descriptor is readable.

use super::*;
use crate::constants::{dispatch::*, reason::*};
use cman_client::ipc::notice::ViewNotice;
use cman_types::NodeId;
use std::{thread, time::Duration};

const ONE: c_int = 0;

fn node(id: u32) -> NodeId {
    NodeId::new(id).unwrap()
}

fn data(payload: &'static [u8]) -> Notice {
    Notice::PortMessage { node: node(2), port: 12, payload: payload.into() }
}

fn noted(payload: &[u8]) -> Note {
    Note::Data { payload: payload.to_vec(), port: 12, node: 2 }
}

fn state(quorate: bool) -> Notice {
    Notice::State { quorate }
}

#[test]
fn every_notice_comes_to_its_callback_in_order() {
    let stage = Stage::listening();
    stage.tell(state(true));
    stage.tell(data(b"hello"));
    stage.tell(Notice::TryShutdown { anyway: true, remove: true });
    stage.tell(Notice::TryShutdown { anyway: false, remove: true });
    stage.tell(Notice::Config { version: 7 });
    stage.tell(Notice::PortOpened { node: node(3) });
    stage.tell(Notice::PortClosed { node: node(4) });
    let view = ViewNotice { members: vec![node(1), node(2)], left: vec![], joined: vec![node(2)] };
    stage.tell(Notice::View(view));
    stage.tell(data(b""));
    assert_eq!(stage.dispatch(ALL), 0);
    let expected = [
        Note::Event(STATECHANGE, 1),
        noted(b"hello"),
        Note::Event(TRY_SHUTDOWN, 3),
        Note::Event(TRY_SHUTDOWN, 2),
        Note::Event(CONFIG_UPDATE, 7),
        Note::Event(PORTOPENED, 3),
        Note::Event(PORTCLOSED, 4),
        Note::Confchg([vec![1, 2], vec![], vec![2]]),
        noted(b""),
    ];
    assert_eq!(stage.notes(), expected);
}

#[test]
fn one_handles_one_and_says_so() {
    let stage = Stage::listening();
    assert!(!stage.is_readable());
    assert_eq!(stage.dispatch(ONE), 0);
    stage.tell(state(true));
    stage.tell(data(b"12345"));
    assert!(stage.is_readable());
    assert_eq!(stage.dispatch(ONE), 28);
    assert_eq!(stage.notes(), [Note::Event(STATECHANGE, 1)]);
    assert!(stage.is_readable());
    assert_eq!(stage.dispatch(ONE), 33);
    assert!(!stage.is_readable());
    assert_eq!(stage.dispatch(ONE), 0);
}

#[test]
fn what_nobody_wants_counts_as_handled() {
    let stage = Stage::new();
    stage.tell(state(true));
    stage.tell(data(b"x"));
    // An event of a newer daemon.
    stage.daemon.tell_bytes(&[0, 0, 0, 0, 0xff, 0x4f, 1, 0]).unwrap();
    for _ in 0..3 {
        assert!(stage.is_readable());
        assert!(stage.dispatch(ONE) > 0);
    }
    assert!(!stage.is_readable());
    assert_eq!(stage.notes(), []);
}

#[test]
fn what_is_ignored_stays_and_keeps_the_descriptor_readable() {
    let stage = Stage::listening();
    let fd = cman_get_fd(stage.handle);
    for notice in [data(b"1"), state(true), data(b"2"), state(false)] {
        stage.tell(notice);
    }
    assert_eq!(stage.dispatch(ALL | IGNORE_DATA), 0);
    assert_eq!(stage.notes(), [Note::Event(STATECHANGE, 1), Note::Event(STATECHANGE, 0)]);
    assert!(stage.is_readable());
    assert_eq!(stage.dispatch(ONE | IGNORE_DATA), 0);
    assert!(stage.is_readable());
    stage.tell(state(true));
    assert_eq!(stage.dispatch(ONE | IGNORE_EVENT), 29);
    assert_eq!(stage.dispatch(ALL), 0);
    assert_eq!(stage.notes(), [noted(b"1"), noted(b"2"), Note::Event(STATECHANGE, 1)]);
    assert!(!stage.is_readable());
    assert_eq!(cman_get_fd(stage.handle), fd);
    // And once more, with the flag that is there already.
    stage.tell(data(b"3"));
    assert_eq!(stage.dispatch(ONE | IGNORE_DATA | IGNORE_EVENT), 0);
    assert!(stage.is_readable());
    assert!(stage.dispatch(ONE) > 0);
    assert!(!stage.is_readable());
}

#[test]
fn blocking_waits_for_one_or_for_the_end() {
    let stage = Stage::listening();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(30));
            stage.daemon.tell(&Message::Notice(state(true))).unwrap();
        });
        assert_eq!(stage.dispatch(BLOCKING), 28);
    });
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(30));
            stage.daemon.tell(&Message::Notice(state(false))).unwrap();
            stage.daemon.hang_up();
        });
        assert_fails(stage.dispatch(BLOCKING | ALL), libc::EHOSTDOWN);
    });
    assert_eq!(stage.notes(), [Note::Event(STATECHANGE, 1), Note::Event(STATECHANGE, 0)]);
}

// A stage is used by one thread at a time, and what its handle stands for by any.
// SAFETY: the pointer is a number that is looked up.
unsafe impl Sync for Stage {}

#[test]
fn what_came_before_the_end_is_handled_before_it() {
    let stage = Stage::listening();
    stage.tell(state(true));
    stage.daemon.hang_up();
    assert_eq!(stage.dispatch(ONE), 28);
    assert!(stage.is_readable());
    for flags in [ONE, ALL, BLOCKING, BLOCKING | ALL] {
        assert_fails(stage.dispatch(flags), libc::EHOSTDOWN);
        assert!(stage.is_readable());
    }
}

unsafe extern "C" fn nested(handle: *mut c_void, private: *mut c_void, reason: c_int, arg: c_int) {
    note(private, Note::Event(reason, arg));
    assert_eq!(cman_replyto_shutdown(handle, 1), 0);
    assert_eq!(cman_stop_confchg(handle), 0);
    // What comes after this one is handled inside, and is gone outside.
    assert_eq!(cman_dispatch(handle, ALL), 0);
}

#[test]
fn callbacks_may_call_and_dispatch() {
    let stage = Stage::listening();
    assert_eq!(cman_start_notification(stage.handle, Some(nested)), 0);
    stage.tell(state(true));
    stage.tell(data(b"in"));
    stage.tell(state(false));
    assert!(stage.dispatch(ONE) > 0);
    let expected = [Note::Event(STATECHANGE, 1), noted(b"in"), Note::Event(STATECHANGE, 0)];
    assert_eq!(stage.notes(), expected);
    assert_eq!(stage.dispatch(ONE), 0);
}

unsafe extern "C" fn finishing(handle: *mut c_void, private: *mut c_void, reason: c_int, _: c_int) {
    note(private, Note::Event(reason, 0));
    assert_eq!(cman_finish(handle), 0);
    assert_fails(cman_is_quorate(handle), libc::EINVAL);
}

#[test]
fn a_callback_may_finish_the_handle() {
    for (flags, returned) in [(ONE, 28), (ALL, 0), (ALL | BLOCKING, 0)] {
        let stage = Stage::listening();
        assert_eq!(cman_start_notification(stage.handle, Some(finishing)), 0);
        stage.tell(state(true));
        stage.tell(state(true));
        assert_eq!(stage.dispatch(flags), returned);
        assert_eq!(stage.notes(), [Note::Event(STATECHANGE, 0)]);
        assert_fails(stage.dispatch(flags), libc::EINVAL);
    }
}

#[test]
fn finishing_wakes_who_dispatches() {
    let stage = Stage::listening();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| stage.dispatch(ALL | BLOCKING));
        thread::sleep(Duration::from_millis(30));
        assert_eq!(cman_finish(stage.handle), 0);
        assert_eq!(waiting.join().unwrap(), -1);
    });
}
