//! Messages to callbacks.

use crate::{
    constants::{dispatch, header, reason, shutdown},
    handle::Handle,
    inbox::{Ignore, Taken},
    notification::Callbacks,
};
use cman_client::ipc::{Notice, notice::ViewNotice};
use cman_types::NodeId;
use rustix::io::Errno;
use std::ffi::{c_char, c_int, c_uint, c_void};

/// `cman_dispatch`. What the program knows the handle as is given back to its callbacks.
pub(crate) fn dispatch(
    handle: &Handle,
    known_as: *mut c_void,
    flags: c_int,
) -> Result<c_int, Errno> {
    let all = flags & dispatch::ALL != 0;
    let ignore = Ignore {
        data: flags & dispatch::IGNORE_DATA != 0,
        events: flags & dispatch::IGNORE_EVENT != 0,
    };
    loop {
        match handle.take(ignore)? {
            Some(taken) => {
                let size = deliver(handle, known_as, taken);
                if !all {
                    return Ok(size);
                }
                // By the callback.
                if handle.is_finished() {
                    return Ok(0);
                }
            }
            None if flags & dispatch::BLOCKING == 0 => return Ok(0),
            None => match handle.wait() {
                Ok(()) => {}
                Err(Errno::INTR) => return Ok(0),
                Err(_) => return Err(Errno::HOSTDOWN),
            },
        }
    }
}

/// Calls back. Returns the size that the message had in the old library, which is never 0.
fn deliver(handle: &Handle, known_as: *mut c_void, taken: Taken) -> c_int {
    // As they are at this moment; the lock is not held while they run.
    let callbacks = *handle.callbacks();
    let to = To { known_as, private: handle.private(), callbacks };
    let size = match taken {
        Taken::Notice(Notice::PortMessage { node, port, payload }) => {
            to.data(node, port, &payload);
            header::DATA.saturating_add(payload.len())
        }
        Taken::Notice(Notice::View(view)) => {
            let ids = view.members.len() + view.left.len() + view.joined.len();
            to.confchg(&view);
            header::CONFCHG.saturating_add(ids.saturating_mul(size_of::<c_uint>()))
        }
        Taken::Notice(notice) => {
            if let Some((reason, argument)) = event(&notice) {
                to.event(reason, argument);
            }
            header::EVENT
        }
        Taken::Unknown => header::EVENT,
    };
    c_int::try_from(size).unwrap_or(c_int::MAX)
}

/// An event as its reason and argument.
fn event(notice: &Notice) -> Option<(c_int, c_int)> {
    Some(match notice {
        Notice::State { quorate } => (reason::STATECHANGE, (*quorate).into()),
        Notice::TryShutdown { anyway, remove } => {
            let anyway = if *anyway { shutdown::ANYWAY } else { 0 };
            let remove = if *remove { shutdown::REMOVED } else { 0 };
            (reason::TRY_SHUTDOWN, anyway | remove)
        }
        Notice::Config { version } => {
            (reason::CONFIG_UPDATE, c_int::try_from(*version).unwrap_or(c_int::MAX))
        }
        Notice::PortOpened { node } => (reason::PORTOPENED, number(*node)),
        Notice::PortClosed { node } => (reason::PORTCLOSED, number(*node)),
        _ => return None,
    })
}

/// A node id as programs know it.
pub(crate) const fn number(node: NodeId) -> c_int {
    node.get().cast_signed()
}

/// Whom to call, and what to give back.
struct To {
    known_as: *mut c_void,
    private: *mut c_void,
    callbacks: Callbacks,
}

impl To {
    fn event(&self, reason: c_int, argument: c_int) {
        let Some(callback) = self.callbacks.event else { return };
        // SAFETY: a callback can only be called so. The program gave it with this signature, and
        // it takes nothing but values that are the program's own.
        unsafe { callback(self.known_as, self.private, reason, argument) }
    }

    fn data(&self, node: NodeId, port: u8, payload: &[u8]) {
        let Some(callback) = self.callbacks.data else { return };
        let mut words = aligned(payload);
        let buffer = words.as_mut_ptr().cast::<c_char>();
        let len = c_int::try_from(payload.len()).unwrap_or(c_int::MAX);
        // SAFETY: as above. The buffer has at least so many bytes, and lives until the callback
        // returns; it is a copy, so the program may write into it.
        unsafe { callback(self.known_as, self.private, buffer, len, port, number(node)) }
    }

    fn confchg(&self, view: &ViewNotice) {
        let Some(callback) = self.callbacks.confchg else { return };
        let lists = [&view.members, &view.left, &view.joined];
        let mut lists = lists.map(|ids| ids.iter().map(|id| id.get()).collect::<Vec<c_uint>>());
        let [members, left, joined] = &mut lists;
        let len = |ids: &Vec<c_uint>| c_int::try_from(ids.len()).unwrap_or(c_int::MAX);
        let (member_count, left_count, joined_count) = (len(members), len(left), len(joined));
        // SAFETY: as above. Each list has as many ids as are told, and lives until the callback
        // returns.
        unsafe {
            callback(
                self.known_as,
                self.private,
                members.as_mut_ptr(),
                member_count,
                left.as_mut_ptr(),
                left_count,
                joined.as_mut_ptr(),
                joined_count,
            );
        }
    }
}

/// A copy that begins where any structure of C may: programs lay theirs over it.
fn aligned(payload: &[u8]) -> Vec<u64> {
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        for (place, byte) in word.iter_mut().zip(bytes) {
            *place = *byte;
        }
        u64::from_ne_bytes(word)
    };
    let mut words: Vec<_> = payload.chunks(8).map(word).collect();
    // So that there is something to point to.
    words.push(0);
    words
}
