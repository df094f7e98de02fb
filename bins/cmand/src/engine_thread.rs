//! The thread that runs the node. It only moves values: datagrams and time go in, datagrams and
//! events come out.
//!
//! It waits for nothing but its sockets and its timer. The disk has a thread of its own, names are
//! resolved on another, clients are served by the service thread; the queues between are bounded
//! and never waited for.

use crate::{
    engine::{Action, Outcome, Report, Snapshot},
    groups::{
        desk::{Desk, Haste},
        host,
    },
    transmit::Transmitter,
};
use cman_io::{
    clock,
    disk_thread::DiskThread,
    lease_page::LeaseWriter,
    sched::{self, SchedError},
    state::StoredState,
    udp::{self, Pending, UdpSockets},
    waker::Waker,
};
use cman_node::{AmendError, Command, CommandError, Event, Lane, Node};
use cman_record::{Record, Recorder, record::head_of};
use cman_types::{Amendment, Incarnation, Instant};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::Receiver,
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::sync::oneshot;

/// The node keeps its state on the heap; this is for call frames, also those of a debug build.
const STACK_BYTES: usize = 512 << 10;
/// More datagrams than a socket's buffer holds. So one read-out takes all that lay queued when the
/// thread woke up, and yet ends under a flood.
const CONTROL_BUDGET: usize = 16_384;
/// Data datagrams read before control is looked at again.
const DATA_BUDGET: usize = 64;
/// The same while clients are behind.
const DATA_BUDGET_LITTLE: usize = 16;
/// Turns of control and data in one read-out.
const DATA_TURNS: usize = 16;
/// Actions handled between two read-outs.
const ACTIONS_BUDGET: usize = 32;
/// How long the end waits for the last state to be on disk.
const DISK_LIMIT: Duration = Duration::from_secs(3);

/// All that the thread owns.
#[derive(Debug)]
pub(crate) struct EngineThread {
    pub(crate) node: Node,
    pub(crate) sockets: UdpSockets,
    pub(crate) transmitter: Transmitter,
    pub(crate) lease: Arc<LeaseWriter>,
    pub(crate) disk: DiskThread,
    pub(crate) recorder: Arc<Mutex<Recorder>>,
    /// Whether the recorder wants outputs.
    pub(crate) outputs: bool,
    pub(crate) incarnation: Incarnation,
    /// All addresses of this machine: a peer that has one of them hears us by loopback only.
    pub(crate) local_addresses: Vec<IpAddr>,
    pub(crate) waker: Waker,
    pub(crate) actions: Receiver<Action>,
    pub(crate) desk: Desk,
    /// Who waits for votes to be changed, by ticket.
    pub(crate) amending: BTreeMap<u64, oneshot::Sender<Result<(), AmendError>>>,
    pub(crate) progress: Arc<AtomicU64>,
    /// Whether it takes real-time priority where that is allowed.
    pub(crate) wants_realtime: bool,
}

/// The thread, from outside.
#[derive(Debug)]
pub(crate) struct Running {
    /// Whether it got its priority.
    pub(crate) realtime: bool,
    /// How it ended.
    pub(crate) outcome: oneshot::Receiver<Outcome>,
    pub(crate) thread: JoinHandle<()>,
}

impl EngineThread {
    /// Starts the thread. `note` is given what came of its wish for real-time priority.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn spawn(
        self,
        note: impl FnOnce(Result<(), SchedError>) -> bool,
    ) -> io::Result<Running> {
        let (priority, got) = oneshot::channel();
        let (end, outcome) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("cman-engine".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                // Nobody listens any more when the start failed elsewhere.
                let _gone = priority.send(self.become_realtime());
                let _gone = end.send(self.run());
            })?;
        // The thread says it first of all.
        let realtime = got.blocking_recv().is_ok_and(note);
        Ok(Running { realtime, outcome, thread })
    }

    fn become_realtime(&self) -> Result<(), SchedError> {
        if self.wants_realtime { sched::make_thread_realtime() } else { Err(SchedError::NotWanted) }
    }

    fn run(mut self) -> Outcome {
        let outcome = loop {
            self.wait();
            if let Some(outcome) = self.turn() {
                break outcome;
            }
            self.progress.fetch_add(1, Ordering::Relaxed);
        };
        self.lease.publish(None);
        self.send_all();
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).finish(clock::now());
        if !self.disk.finish(DISK_LIMIT) {
            tracing::warn!("the last state could not be written to the state directory");
        }
        outcome
    }

    /// Waits for a datagram, an action, or the node's next deadline.
    fn wait(&self) {
        let now = clock::now();
        let (lanes, data_at): (&[_], _) = match self.desk.haste(now) {
            Haste::All | Haste::Little => (&udp::Lane::ALL, None),
            Haste::Later(data_at) => (&[udp::Lane::Control], Some(data_at)),
        };
        let deadline = self.node.poll_timeout().into_iter().chain(data_at).min();
        let timeout = deadline.map(|deadline| deadline.since(now)).map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        let mut fds: Vec<_> = lanes
            .iter()
            .flat_map(|lane| self.sockets.descriptors(*lane))
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        fds.push(PollFd::new(&self.waker, PollFlags::IN));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            // Only out of memory is left: go around, more slowly.
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }

    /// Everything that one wake-up is about. The order is the node's contract: what lay queued is
    /// read before timers are judged, and the lease is published before anything is said.
    fn turn(&mut self) -> Option<Outcome> {
        self.waker.clear();
        self.publish_lease();
        self.read_datagrams();
        let stop = self.take_actions();
        if self.node.poll_timeout().is_some_and(|deadline| deadline <= clock::now()) {
            let now = clock::now();
            self.record(now, &Record::Timeout);
            self.node.handle_timeout(now);
        }
        self.publish_lease();
        self.send_all();
        let end = self.drain_events();
        self.desk.flush();
        if end.is_none() {
            // What comes after the last event is not taken.
            self.record_output(|| Record::Turn {
                due: self.node.poll_timeout(),
                lease: self.node.lease_deadline(),
            });
        }
        end.or(stop)
    }

    fn publish_lease(&self) {
        let deadline = Some(self.node.lease_deadline()).filter(|end| *end != Instant::ZERO);
        if self.lease.deadline() != deadline {
            self.lease.publish(deadline);
        }
    }

    /// Reads control, and a little data in between. Data waits in its socket, and so at its
    /// senders, while clients do not get to hear what came before: this thread goes before all
    /// others on the machine, and would take the processor from those who are to hear it.
    fn read_datagrams(&mut self) {
        for _ in 0..DATA_TURNS {
            self.read_lane(Lane::Control, CONTROL_BUDGET);
            match self.desk.haste(clock::now()) {
                Haste::All => {
                    let (pending, _) = self.read_lane(Lane::Data, DATA_BUDGET);
                    if pending == Pending::Nothing {
                        break;
                    }
                }
                Haste::Little => {
                    let (_, bytes) = self.read_lane(Lane::Data, DATA_BUDGET_LITTLE);
                    self.desk.took(clock::now(), bytes);
                    break;
                }
                Haste::Later(_) => break,
            }
        }
        // What clients want to send goes out together with what the node answers.
        self.serve_clients();
        let now = clock::now();
        self.record(now, &Record::Drained);
        self.node.handle_drained(now);
    }

    /// What is left, and how many bytes were read.
    fn read_lane(&mut self, lane: Lane, budget: usize) -> (Pending, usize) {
        let mut read = 0;
        // Before reading, so that no datagram counts as younger than it is.
        let now = clock::now();
        let Self { node, sockets, recorder, lease, .. } = self;
        let result = sockets.receive(io_lane(lane), budget, |datagram| {
            let udp::Datagram { source, multicast, bytes } = datagram;
            read += bytes.len();
            let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let came = Record::Datagram { lane, multicast, size, source, head: head_of(bytes) };
            // Let go of before the node gets it: its cipher records what it opens.
            recorder.lock().unwrap_or_else(PoisonError::into_inner).record(now, &came);
            node.handle_datagram(now, source, lane, multicast, bytes);
            if node.lease_deadline() == Instant::ZERO && lease.deadline().is_some() {
                lease.publish(None);
            }
        });
        let pending = result.unwrap_or_else(|error| {
            self.transmitter.complain(now, "cannot receive datagrams", &error);
            Pending::Nothing
        });
        (pending, read)
    }

    /// Does what was asked for. Says so if the thread is to end.
    fn take_actions(&mut self) -> Option<Outcome> {
        for _ in 0..ACTIONS_BUDGET {
            let Ok(action) = self.actions.try_recv() else { return None };
            match action {
                Action::Stop => return Some(Outcome::Stopped),
                action => self.act(action),
            }
        }
        // There may be more: come back without waiting.
        self.waker.wake();
        None
    }

    fn act(&mut self, action: Action) {
        let now = clock::now();
        // Whoever asked may have given up; then the answer is dropped.
        match action {
            Action::Amend { amendment, answer } => self.amend(now, amendment, answer),
            Action::Command { command, answer } => {
                let result = self.command(now, command);
                self.publish_lease();
                let _gave_up = answer.send(result);
            }
            Action::Recording(answer) => {
                let pieces =
                    self.recorder.lock().unwrap_or_else(PoisonError::into_inner).pieces(now);
                let _gave_up = answer.send(pieces);
            }
            Action::Resolved { node, address } => {
                self.hear_ourselves_if_local(address.ip());
                if let Err(why) = self.command(now, Command::Resolved { node, address }) {
                    tracing::debug!("the address {address} of node {node} is not used: {why}");
                }
            }
            Action::Status(answer) => {
                let (status, ports) = (self.node.status(now), self.node.ports_bound().collect());
                let stream = self.node.stream_stats();
                let _gave_up = answer.send(Snapshot { at: now, status, stream, ports });
            }
            Action::Stop => {}
            Action::Stored(stored) => {
                self.record(now, &Record::Stored(stored));
                self.node.handle_stored(now, stored);
            }
        }
    }

    /// Whoever asked is answered by [`Event::Amended`].
    fn amend(
        &mut self,
        now: Instant,
        amendment: Amendment,
        answer: oneshot::Sender<Result<(), AmendError>>,
    ) {
        let ticket = self.amending.last_key_value().map_or(1, |(last, _)| last.wrapping_add(1));
        self.amending.insert(ticket, answer);
        if self.command(now, Command::Amend { ticket, amendment }).is_err() {
            self.amending.remove(&ticket);
        }
    }

    fn command(&mut self, now: Instant, command: Command) -> Result<(), CommandError> {
        self.record(now, &Record::Command(command.clone()));
        let answer = self.node.handle_command(now, command);
        self.record_output(|| Record::answer(&answer));
        answer
    }

    /// A peer on this very machine hears our multicasts only when they are looped back.
    fn hear_ourselves_if_local(&self, peer: IpAddr) {
        if !self.local_addresses.contains(&peer) {
            return;
        }
        if let Err(error) = self.sockets.set_multicast_loop(true) {
            tracing::warn!("nodes on this machine do not hear each other's multicasts: {error}");
        }
    }

    fn send_all(&mut self) {
        while let Some(transmit) = self.node.poll_transmit() {
            self.record_output(|| Record::transmit(&transmit));
            self.transmitter.send(&self.sockets, transmit);
        }
        self.transmitter.flush(&self.sockets);
    }

    /// Takes all events. The last one may end the thread.
    fn drain_events(&mut self) -> Option<Outcome> {
        while let Some(event) = self.node.poll_event() {
            self.record_output(|| Record::event(&event));
            match event {
                Event::Fatal { text, refusal } => {
                    self.report(Event::Fatal { text: text.clone(), refusal });
                    return Some(Outcome::Fatal(text));
                }
                Event::Left => return Some(Outcome::Left),
                Event::Store(store) => self.disk.submit(StoredState {
                    epoch_ceiling: store.epoch_ceiling,
                    incarnation: self.incarnation,
                    removed: store.removed,
                    raised: store.raised,
                }),
                Event::Client { session, event } => {
                    if let Some(word) = host::to_client(event) {
                        self.desk.pass_on(session.0, word);
                    }
                }
                Event::Amended { ticket, result } => {
                    if let Some(answer) = self.amending.remove(&ticket) {
                        // Whoever asked may have given up.
                        let _gave_up = answer.send(result);
                    }
                }
                Event::Room => {
                    self.desk.room();
                    self.waker.wake();
                }
                event => self.report(event),
            }
        }
        None
    }

    fn report(&mut self, event: Event) {
        let wall_ns = u64::try_from(clock::wall().as_nanos()).unwrap_or(u64::MAX);
        let event = Box::new(event);
        self.desk.report(Report::Event { wall_ns, at: clock::now(), event });
    }

    /// Hands the calls of clients to the node.
    fn serve_clients(&mut self) {
        let Self { node, recorder, outputs, .. } = self;
        let mut host = host::Recorded { node, recorder, outputs: *outputs };
        if self.desk.serve(clock::now(), &mut host) {
            // There are more: come back without waiting.
            self.waker.wake();
        }
    }

    fn record(&self, now: Instant, record: &Record<'_>) {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).record(now, record);
    }

    /// Records what the node did, if that is recorded.
    fn record_output<'a>(&self, output: impl FnOnce() -> Record<'a>) {
        if self.outputs {
            let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
            recorder.record_on(&output());
        }
    }
}

pub(crate) fn io_lane(lane: Lane) -> udp::Lane {
    match lane {
        Lane::Control => udp::Lane::Control,
        Lane::Data => udp::Lane::Data,
    }
}
