//! The functions as C calls them, at a fake daemon.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "calls as C makes them, one after the other"
)]

mod dispatch;
mod handles;
mod header;
mod hostile;
mod queries;

use crate::{boundary, entry::*, handle::Handle};
use cman_client::{
    Socket,
    fake_daemon::FakeDaemon,
    ipc::{Message, Notice, Reply, Request},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    ffi::{c_char, c_int, c_uint, c_void},
    io,
    os::fd::BorrowedFd,
    ptr, slice,
    sync::Mutex,
};

/// A fake daemon, and a handle at it that notes what its callbacks are told.
struct Stage {
    daemon: FakeDaemon,
    dir: tempfile::TempDir,
    handle: *mut c_void,
    notes: Box<Mutex<Vec<Note>>>,
}

/// What a callback was told.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Note {
    Event(c_int, c_int),
    Data { payload: Vec<u8>, port: u8, node: c_int },
    Confchg([Vec<c_uint>; 3]),
}

impl Stage {
    /// With a daemon that does whatever it is told.
    fn new() -> Self {
        Self::answering(Socket::Public, |_| vec![Message::Reply(Reply::Done)])
    }

    fn answering(
        socket: Socket,
        answer: impl Fn(Request) -> Vec<Message> + Send + Sync + 'static,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let daemon = FakeDaemon::start(dir.path(), answer).unwrap();
        let notes = Box::<Mutex<Vec<Note>>>::default();
        let private = ptr::from_ref(&*notes).cast_mut().cast();
        let run_dir = dir.path().to_owned();
        let handle = boundary::open(|| Handle::open_in(run_dir, socket, private));
        assert!(!handle.is_null(), "{}", io::Error::last_os_error());
        Self { daemon, dir, handle, notes }
    }

    /// With all callbacks.
    fn listening() -> Self {
        let stage = Self::new();
        assert_eq!(cman_start_notification(stage.handle, Some(note_event)), 0);
        assert_eq!(cman_start_recv_data(stage.handle, Some(note_data), 11), 0);
        assert_eq!(cman_start_confchg(stage.handle, Some(note_confchg)), 0);
        stage
    }

    fn tell(&self, notice: Notice) {
        self.daemon.tell(&Message::Notice(notice)).unwrap();
    }

    fn dispatch(&self, flags: c_int) -> c_int {
        cman_dispatch(self.handle, flags)
    }

    fn notes(&self) -> Vec<Note> {
        std::mem::take(&mut *self.notes.lock().unwrap())
    }

    fn is_readable(&self) -> bool {
        // SAFETY: the handle lives, and so does its descriptor.
        let fd = unsafe { BorrowedFd::borrow_raw(cman_get_fd(self.handle)) };
        poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&Timespec::default())).unwrap() > 0
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A test may have done so.
        cman_finish(self.handle);
    }
}

/// What a function said went wrong.
fn errno() -> c_int {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Fails with this number.
fn assert_fails(returned: c_int, number: c_int) {
    assert_eq!((returned, errno()), (-1, number));
}

/// Something that is told to a callback with the notes as its private data.
fn note(private: *mut c_void, note: Note) {
    // SAFETY: the private data of every handle here are its notes, which outlive it.
    let notes = unsafe { &*private.cast::<Mutex<Vec<Note>>>() };
    notes.lock().unwrap().push(note);
}

unsafe extern "C" fn note_event(_: *mut c_void, private: *mut c_void, reason: c_int, arg: c_int) {
    note(private, Note::Event(reason, arg));
}

unsafe extern "C" fn note_data(
    _: *mut c_void,
    private: *mut c_void,
    buffer: *mut c_char,
    len: c_int,
    port: u8,
    node: c_int,
) {
    assert_eq!(buffer.addr() % 8, 0);
    let len = usize::try_from(len).unwrap();
    // SAFETY: so many bytes are there.
    let payload = unsafe { slice::from_raw_parts(buffer.cast(), len) }.to_vec();
    note(private, Note::Data { payload, port, node });
}

unsafe extern "C" fn note_confchg(
    _: *mut c_void,
    private: *mut c_void,
    members: *mut c_uint,
    member_count: c_int,
    left: *mut c_uint,
    left_count: c_int,
    joined: *mut c_uint,
    joined_count: c_int,
) {
    let lists = [(members, member_count), (left, left_count), (joined, joined_count)];
    let lists = lists.map(|(list, count)| {
        let count = usize::try_from(count).unwrap();
        // SAFETY: so many ids are there.
        unsafe { slice::from_raw_parts(list, count) }.to_vec()
    });
    note(private, Note::Confchg(lists));
}
