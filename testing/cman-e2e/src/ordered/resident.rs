//! A member on a node, in a thread. When its connection ends it begins a new life.

use super::life::{Life, Seen};
use crate::{node::Node, random::Random};
use anyhow::{Result, bail};
use cman_client::{
    Groups,
    groups::{GroupName, Incoming},
    ipc::{Event, GroupEvent},
};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{JoinHandle, sleep, spawn},
    time::{Duration, Instant},
};

/// The pause before a daemon that is not there is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(20);
/// How long it listens before it looks whether something else is to be done.
const LISTEN: Duration = Duration::from_millis(20);
/// Who is so late has been stopped, and does not send in one go what it missed.
const LATE: Duration = Duration::from_millis(500);

/// Lives of this process so far, for their numbers.
static LIVES: AtomicU64 = AtomicU64::new(1);

/// What a member sends.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Messages a second.
    pub rate: u32,
    /// Length of each; `None` for all lengths, few of them large.
    pub size: Option<usize>,
}

/// What a member is told, and tells.
#[derive(Debug, Default)]
struct Board {
    sending: AtomicBool,
    over: AtomicBool,
    /// The number of its present life; 0 without.
    life: AtomicU64,
    /// Messages that this life has seen, of whomever.
    heard: AtomicUsize,
    /// Own messages that did not come back.
    unconfirmed: AtomicU64,
    /// Members of the group as it sees it.
    members: AtomicUsize,
}

/// All lives of a member, and the connection of the last one.
pub type Past = (Vec<Life>, Option<Groups>);

/// A member on a node.
#[derive(Debug)]
pub struct Resident {
    board: Arc<Board>,
    thread: Option<JoinHandle<Past>>,
}

/// What the thread works with.
struct Worker {
    run_dir: PathBuf,
    group: GroupName,
    load: Load,
    random: Random,
    board: Arc<Board>,
}

impl Resident {
    /// One that joins this group on this node and begins to send.
    ///
    /// # Errors
    /// When there cannot be a group of this name.
    pub fn start(node: &Node, group: &str, load: Load, seed: u64) -> Result<Self> {
        let board = Arc::new(Board::default());
        board.sending.store(true, Ordering::Relaxed);
        let mut worker = Worker {
            run_dir: node.run_dir(),
            group: GroupName::new(group.as_bytes())?,
            load,
            random: Random::new(seed),
            board: Arc::clone(&board),
        };
        Ok(Self { board, thread: Some(spawn(move || worker.work())) })
    }

    /// Begins or ends to send. It goes on receiving.
    pub fn send(&self, sending: bool) {
        self.board.sending.store(sending, Ordering::Relaxed);
    }

    /// Whether all its messages have come back, as far as it has a life.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.life() != 0 && self.board.unconfirmed.load(Ordering::Relaxed) == 0
    }

    /// The number of its present life; 0 without.
    #[must_use]
    pub fn life(&self) -> u64 {
        self.board.life.load(Ordering::Relaxed)
    }

    /// Messages that its present life has seen.
    #[must_use]
    pub fn heard(&self) -> usize {
        self.board.heard.load(Ordering::Relaxed)
    }

    /// Members of the group as it sees it.
    #[must_use]
    pub fn members(&self) -> usize {
        self.board.members.load(Ordering::Relaxed)
    }

    /// It sees nothing more. Its connection lasts.
    pub fn end(&self) {
        self.board.over.store(true, Ordering::Relaxed);
    }

    /// Ends it. What it leaves behind; the others see it go when the connection is dropped.
    ///
    /// # Errors
    /// When it panicked.
    pub fn finish(mut self) -> Result<Past> {
        self.end();
        let Some(thread) = self.thread.take() else { return Ok(Past::default()) };
        thread.join().or_else(|_| bail!("a member panicked"))
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        // The thread waits for nothing for long, unless its daemon sleeps; nobody waits for it.
        self.end();
    }
}

impl Worker {
    fn work(&mut self) -> Past {
        let (mut lives, mut last) = (Vec::new(), None);
        while !self.is_over() {
            let number = LIVES.fetch_add(1, Ordering::Relaxed);
            // Another process each time, so that no earlier one is in its way.
            let pid = u32::try_from(number).unwrap_or(u32::MAX);
            let Ok(mut groups) = Groups::open_as(&self.run_dir, "resident", pid) else {
                sleep(AGAIN_AFTER);
                continue;
            };
            let mut life = Life::new(number, groups.me());
            self.board.unconfirmed.store(0, Ordering::Relaxed);
            self.board.heard.store(0, Ordering::Relaxed);
            self.board.members.store(0, Ordering::Relaxed);
            self.board.life.store(number, Ordering::Relaxed);
            life.ended = self.live(&mut life, &mut groups).err().map(|error| format!("{error:#}"));
            self.board.life.store(0, Ordering::Relaxed);
            lives.push(life);
            last = Some(groups);
        }
        (lives, last)
    }

    fn is_over(&self) -> bool {
        self.board.over.load(Ordering::Relaxed)
    }

    fn live(&mut self, life: &mut Life, groups: &mut Groups) -> Result<()> {
        // The view first, so that every change of the group is seen in a view.
        groups.subscribe()?;
        groups.join(&self.group)?;
        let pause = Duration::from_secs(1) / self.load.rate.max(1);
        let mut due = Instant::now();
        while !self.is_over() {
            let now = Instant::now();
            // Sending begins when the join has come, so that all of it must come back.
            let may = self.board.sending.load(Ordering::Relaxed)
                && self.board.members.load(Ordering::Relaxed) > 0;
            if may && now >= due {
                let message = life.next_message(self.length());
                groups.send(&self.group, &message, false)?;
                groups.flush()?;
                due = if now > due + LATE { now } else { due } + pause;
            }
            let left = if may { due.saturating_duration_since(Instant::now()) } else { LISTEN };
            if let Some(incoming) = groups.receive(Some(left.min(LISTEN)))? {
                self.take(life, incoming)?;
            }
            self.board.unconfirmed.store(groups.unconfirmed(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Many short ones, some that take several datagrams, and a few that take hundreds.
    fn length(&mut self) -> usize {
        self.load.size.unwrap_or_else(|| match self.random.below(500) {
            0 => 512 << 10,
            1..10 => 64 << 10,
            10..100 => self.random.place(8 << 10),
            _ => self.random.place(1024),
        })
    }

    fn take(&self, life: &mut Life, incoming: Incoming) -> Result<()> {
        match incoming {
            Incoming::Cluster(event) => match event.event {
                Event::View(view) => life.see(Seen::view(view)),
                Event::Shutdown(shutdown) => bail!("the daemon ends: {}", shutdown.text),
                _ => {}
            },
            Incoming::Group(GroupEvent::Config(config)) => {
                self.board.members.store(config.members.len(), Ordering::Relaxed);
                life.see(Seen::change(config));
            }
            Incoming::Group(GroupEvent::Message(message)) => {
                life.see(Seen::message(&message)?);
                self.board.heard.fetch_add(1, Ordering::Relaxed);
            }
            Incoming::Group(GroupEvent::Refused(_)) => life.refused += 1,
        }
        Ok(())
    }
}
