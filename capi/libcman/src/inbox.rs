//! Messages that wait, and the descriptor that tells of them.

use cman_client::{
    EventLine,
    ipc::{Message, Notice},
};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, epoll, eventfd, poll},
    io::{Errno, read, write},
};
use std::{
    collections::VecDeque,
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
    sync::{Mutex, PoisonError},
};

/// What a dispatch leaves for a later one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Ignore {
    pub(crate) data: bool,
    pub(crate) events: bool,
}

impl Ignore {
    const fn covers(self, notice: &Notice) -> bool {
        if is_data(notice) { self.data } else { self.events }
    }

    const fn nothing(self) -> bool {
        !self.data && !self.events
    }
}

const fn is_data(notice: &Notice) -> bool {
    matches!(notice, Notice::PortMessage { .. })
}

/// Something that was taken from the inbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// A message for a callback.
    Notice(Notice),
    /// A message that this library does not know: of a newer daemon.
    Unknown,
}

/// What waits for a handle.
#[derive(Debug)]
pub(crate) struct Inbox {
    events: EventLine,
    /// Readable when the connection is, or something was set aside.
    readable: OwnedFd,
    aside: Mutex<Aside>,
}

/// Messages that a dispatch ignored, oldest first.
#[derive(Debug, Default)]
struct Aside {
    notices: VecDeque<Notice>,
    /// Readable while there are any. Made when a dispatch first ignores something: most programs
    /// never do, and have other uses for descriptors.
    flag: Option<OwnedFd>,
}

impl Inbox {
    pub(crate) fn new(events: EventLine) -> Result<Self, Errno> {
        let readable = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        watch(&readable, &events)?;
        Ok(Self { events, readable, aside: Mutex::default() })
    }

    /// The descriptor for the program.
    pub(crate) fn fd(&self) -> RawFd {
        self.readable.as_raw_fd()
    }

    /// The oldest message that is not ignored; those before it that are stay, in their order.
    /// `None` when there is none. Never waits for one.
    pub(crate) fn take(&self, ignore: Ignore) -> Result<Option<Taken>, Errno> {
        let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        if !ignore.nothing() {
            // Before anything is read that could not be kept.
            aside.make_flag(&self.readable)?;
        }
        if let Some(notice) = aside.take(ignore)? {
            return Ok(Some(Taken::Notice(notice)));
        }
        loop {
            // Whatever ends the connection ends it for good.
            match self.events.take().map_err(|_| Errno::HOSTDOWN)? {
                None => return Ok(None),
                Some(Message::Notice(notice)) if ignore.covers(&notice) => aside.keep(notice)?,
                Some(Message::Notice(notice)) => return Ok(Some(Taken::Notice(notice))),
                Some(_) => return Ok(Some(Taken::Unknown)),
            }
        }
    }

    /// Waits until something arrives, or the connection ends.
    pub(crate) fn wait(&self) -> Result<(), Errno> {
        poll(&mut [PollFd::new(&self.events, PollFlags::IN)], None).map(drop)
    }

    /// Ends the connection.
    pub(crate) fn close(&self) {
        self.events.close();
    }
}

impl Aside {
    fn make_flag(&mut self, readable: &OwnedFd) -> Result<(), Errno> {
        if self.flag.is_none() {
            let flag = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
            watch(readable, &flag)?;
            self.flag = Some(flag);
        }
        Ok(())
    }

    fn keep(&mut self, notice: Notice) -> Result<(), Errno> {
        self.notices.push_back(notice);
        if let (1, Some(flag)) = (self.notices.len(), &self.flag) {
            write(flag, &1_u64.to_ne_bytes())?;
        }
        Ok(())
    }

    fn take(&mut self, ignore: Ignore) -> Result<Option<Notice>, Errno> {
        let wanted = self.notices.iter().position(|notice| !ignore.covers(notice));
        let taken = wanted.and_then(|at| self.notices.remove(at));
        if let (Some(_), true, Some(flag)) = (&taken, self.notices.is_empty(), &self.flag) {
            read(flag, &mut [0; 8])?;
        }
        Ok(taken)
    }
}

fn watch(readable: &OwnedFd, what: impl AsFd) -> Result<(), Errno> {
    epoll::add(readable, what, epoll::EventData::new_u64(0), epoll::EventFlags::IN)
}
