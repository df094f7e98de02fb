//! One handle.

use crate::{
    errno::{self, Call},
    inbox::{Ignore, Inbox, Taken},
    notification::Callbacks,
};
use cman_client::{
    Calls, EventLine, Lease, Socket,
    ipc::{ClassicRequest, ErrorCode, Reply, Request, paths},
};
use cman_types::NodeId;
use rustix::io::Errno;
use std::{
    env,
    ffi::{c_int, c_void},
    fs,
    os::fd::RawFd,
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicPtr, Ordering},
    },
    thread,
    time::Duration,
};

/// The pause before a question is asked again that the daemon had no time for.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// A connection of a program.
#[derive(Debug)]
pub(crate) struct Handle {
    socket: Socket,
    run_dir: PathBuf,
    calls: Calls,
    inbox: Inbox,
    /// Opened when it is first looked at.
    lease: Mutex<Option<Lease>>,
    private: AtomicPtr<c_void>,
    callbacks: Mutex<Callbacks>,
    finished: AtomicBool,
}

impl Handle {
    /// Connects to the daemon of this machine.
    pub(crate) fn open(socket: Socket, private: *mut c_void) -> Result<Self, Errno> {
        Self::open_in(run_dir(), socket, private)
    }

    /// Connects to the daemon of this run directory.
    pub(crate) fn open_in(
        run_dir: PathBuf,
        socket: Socket,
        private: *mut c_void,
    ) -> Result<Self, Errno> {
        let program = format!("{} by libcman", program_name());
        let connected = Calls::open(&run_dir, socket, &program).and_then(|calls| {
            let ticket = calls.ticket()?;
            let events = EventLine::open(&run_dir, socket, &program, ticket)?;
            Ok((calls, events))
        });
        let (calls, events) = connected.map_err(|error| errno::of_connecting(&error))?;
        Ok(Self {
            socket,
            run_dir,
            calls,
            inbox: Inbox::new(events)?,
            lease: Mutex::default(),
            private: AtomicPtr::new(private),
            callbacks: Mutex::default(),
            finished: AtomicBool::new(false),
        })
    }

    /// For calls that change the cluster.
    pub(crate) fn must_be_admin(&self) -> Result<(), Errno> {
        if self.socket == Socket::Admin { Ok(()) } else { Err(Errno::PERM) }
    }

    /// For calls about data, and about being told something.
    pub(crate) fn must_be_public(&self) -> Result<(), Errno> {
        if self.socket == Socket::Public { Ok(()) } else { Err(Errno::INVAL) }
    }

    /// Asks the daemon, and waits for as long as it takes.
    pub(crate) fn ask(&self, call: Call, request: Request) -> Result<Reply, Errno> {
        loop {
            match self.calls.ask(request.clone()) {
                Ok(reply) => return Ok(reply),
                // It has too much to do. Either it answers in the end, or it is gone.
                Err(error) if call == Call::Query && is_transient(error.code()) => {
                    thread::sleep(AGAIN_AFTER);
                }
                Err(error) => return Err(errno::of(call, &error)),
            }
        }
    }

    /// Asks for something that is done, or not.
    pub(crate) fn order(&self, call: Call, request: Request) -> Result<c_int, Errno> {
        match self.ask(call, request)? {
            Reply::Done => Ok(0),
            _ => Err(self.mistrust()),
        }
    }

    /// What came is no answer to what was asked, and nothing that comes after it can be.
    pub(crate) fn mistrust(&self) -> Errno {
        self.hang_up();
        Errno::HOSTDOWN
    }

    /// [Orders](Self::order) something of the classic interface.
    pub(crate) fn order_classic(
        &self,
        call: Call,
        request: ClassicRequest,
    ) -> Result<c_int, Errno> {
        self.order(call, Request::Classic(request))
    }

    /// Sends what is not answered.
    pub(crate) fn send(&self, request: ClassicRequest) -> Result<(), Errno> {
        let sent = self.calls.send(Request::Classic(request));
        sent.map_err(|error| errno::of(Call::Other, &error))
    }

    /// Whether this node may act, by the page that the daemon publishes; nothing without a page.
    pub(crate) fn lease_says(&self) -> Option<bool> {
        let mut lease = lock(&self.lease);
        if lease.is_none() {
            *lease = Lease::open(&self.run_dir).ok();
        }
        lease.as_mut().map(Lease::is_quorate)
    }

    /// Whether the daemon is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.calls.is_closed()
    }

    /// The local node.
    pub(crate) fn node(&self) -> Result<NodeId, Errno> {
        self.calls.daemon().session.map(|session| session.node).ok_or(Errno::HOSTDOWN)
    }

    /// The oldest message that waits and is not ignored.
    pub(crate) fn take(&self, ignore: Ignore) -> Result<Option<Taken>, Errno> {
        let taken = self.inbox.take(ignore);
        if taken == Err(Errno::HOSTDOWN) {
            // A daemon closes one connection after the other, and nothing may seem to work between.
            self.calls.close();
        }
        taken
    }

    /// Waits until something arrives, or the daemon is gone.
    pub(crate) fn wait(&self) -> Result<(), Errno> {
        self.inbox.wait()
    }

    /// What the program waits with.
    pub(crate) fn fd(&self) -> RawFd {
        self.inbox.fd()
    }

    /// What the program gave to be given back.
    pub(crate) fn private(&self) -> *mut c_void {
        self.private.load(Ordering::Acquire)
    }

    /// Changes what is given back.
    pub(crate) fn set_private(&self, private: *mut c_void) {
        self.private.store(private, Ordering::Release);
    }

    /// Whom to call. For a moment: never while one of them runs.
    pub(crate) fn callbacks(&self) -> MutexGuard<'_, Callbacks> {
        lock(&self.callbacks)
    }

    /// The program wants nothing more of it.
    pub(crate) fn finish(&self) {
        self.finished.store(true, Ordering::Release);
    }

    /// Whether the program wants nothing more of it.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    /// Ends both connections: whoever waits inside wakes up.
    pub(crate) fn hang_up(&self) {
        self.calls.close();
        self.inbox.close();
    }
}

const fn is_transient(code: Option<ErrorCode>) -> bool {
    matches!(code, Some(ErrorCode::Busy | ErrorCode::Failed))
}

/// What the program is called, for the daemon's log.
fn program_name() -> String {
    let name = fs::read("/proc/self/comm").unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end().to_owned()
}

/// Where the daemon's sockets are. A program with more rights than its user is not led elsewhere.
fn run_dir() -> PathBuf {
    let named = env::var_os(paths::RUN_DIR_ENV).filter(|_| !has_more_rights_than_its_user());
    let named = named.filter(|directory| !directory.is_empty());
    named.map_or_else(|| paths::RUN_DIR.into(), PathBuf::from)
}

fn has_more_rights_than_its_user() -> bool {
    // SAFETY: reads a number that the kernel gave the process; there is no safe function for it.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// What a panic left behind is whole: these are set in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
