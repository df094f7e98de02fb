//! The service thread: clients, signals, systemd, and what the engine thread has to say.

use crate::{
    context::Context,
    conversation::{self, Access},
    debug,
    engine::{Outcome, Report},
    groups::outbox::{Outbox, Told},
    moderation::Moderation,
    observer,
    places::Places,
    reload, shutdown,
    systemd::Systemd,
    voting,
};
use cman_io::clock;
use cman_ipc::{
    ErrorCode, ErrorReply, Reply,
    event::{Event as ClientEvent, ShutdownEvent},
};
use cman_node::Event;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    net::{UnixListener, UnixStream},
    signal::unix::{Signal, SignalKind, signal},
    sync::{oneshot, watch},
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval, sleep, timeout},
};

/// Clients that are told at the same time that there is no room.
const TURNED_AWAY_MAX: usize = 32;
/// How long clients have at the end to read what waits for them.
const FAREWELL_LIMIT: Duration = Duration::from_millis(500);
/// The pause after a client could not be accepted, for want of descriptors.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What the thread serves.
#[derive(Debug)]
pub(crate) struct Service {
    context: Arc<Context>,
    systemd: Systemd,
    doors: Doors,
    clients: JoinSet<()>,
    /// More are turned away.
    places: Places,
    /// Clients that are just being told that there is no room.
    turned_away: JoinSet<()>,
    /// Clients that could not be served.
    troubles: Moderation,
    /// Set when the conversations are to end.
    ending: watch::Sender<bool>,
    /// How often SIGTERM or SIGINT came.
    asked_to_end: u32,
    watchdog: Option<Watchdog>,
}

/// What comes in from outside.
#[derive(Debug)]
pub(crate) struct Doors {
    public: UnixListener,
    admin: UnixListener,
    signals: Signals,
}

/// Signals that are handled from when this is made.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Within a runtime.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

#[derive(Debug)]
struct Watchdog {
    ticks: Interval,
    /// The engine's progress at the last tick.
    progress: u64,
}

impl Doors {
    /// Within a runtime. The listeners are those of [`crate::run_dir::RunDir::listen`].
    ///
    /// # Errors
    /// When the system refuses descriptors.
    pub(crate) fn open(
        signals: Signals,
        public: std::os::unix::net::UnixListener,
        admin: std::os::unix::net::UnixListener,
    ) -> io::Result<Self> {
        Ok(Self {
            public: UnixListener::from_std(public)?,
            admin: UnixListener::from_std(admin)?,
            signals,
        })
    }
}

impl Service {
    /// Within the runtime of the doors.
    pub(crate) fn new(context: Arc<Context>, systemd: Systemd, doors: Doors) -> Self {
        Self {
            context,
            systemd,
            doors,
            clients: JoinSet::new(),
            places: Places::of_this_process(),
            turned_away: JoinSet::new(),
            troubles: Moderation::default(),
            ending: watch::Sender::new(false),
            asked_to_end: 0,
            watchdog: systemd.watchdog().map(Watchdog::new),
        }
    }

    /// Serves until the engine thread has ended.
    pub(crate) async fn run(
        mut self,
        outbox: Outbox,
        mut outcome: oneshot::Receiver<Outcome>,
    ) -> Outcome {
        let observer = tokio::spawn(observer::observe(self.context.clone()));
        let votes = tokio::spawn(shutdown::watch(self.context.clone()));
        let reload = tokio::spawn(reload::watch(self.context.clone()));
        let asked = tokio::spawn(voting::ask_at_start(self.context.clone()));
        let outcome = loop {
            tokio::select! {
                biased;
                told = outbox.next() => self.pass_on(told),
                // The thread tells it before it ends.
                ended = &mut outcome => break ended.unwrap_or(Outcome::Stopped),
                _ = self.doors.signals.terminate.recv() => self.end("SIGTERM"),
                _ = self.doors.signals.interrupt.recv() => self.end("SIGINT"),
                _ = self.doors.signals.hangup.recv() => tracing::info!(
                    "SIGHUP has no meaning yet: the configuration is not read again"
                ),
                client = self.doors.public.accept() => self.accept(client, Access::Public).await,
                client = self.doors.admin.accept() => self.accept(client, Access::Admin).await,
                () = Watchdog::tick(&mut self.watchdog) => self.watch_engine(),
                Some(_gone) = self.clients.join_next() => {}
            }
        };
        observer.abort();
        votes.abort();
        reload.abort();
        asked.abort();
        self.pass_on(outbox.take());
        self.farewell(&outcome).await;
        outcome
    }

    /// Passes on what the node said, in its order.
    fn pass_on(&self, told: Vec<Told>) {
        let sessions = &self.context.sessions;
        for told in told {
            match told {
                Told::Client { session, message, bytes } => sessions.tell(session, &message, bytes),
                Told::Overflow { session } => sessions.overflow(session),
                Told::Report(report) => self.tell(report),
            }
        }
    }

    fn tell(&self, report: Report) {
        let (wall_ns, at, event) = match report {
            Report::Event { wall_ns, at, event } => (wall_ns, at, event),
            Report::Lost => {
                tracing::warn!("events were lost; all clients that wait for events are let go");
                self.context.listeners.lost(self.context.lease_is_good());
                return self.context.hub.drop_all();
            }
        };
        self.log(&event);
        debug::said(&event);
        let messages = self.context.history().note(wall_ns, at, &event);
        for message in messages {
            self.context.publish(message);
        }
        if let Event::ConfigWanted { version } = *event {
            self.context.reload.want(version);
        }
        self.context.listeners.hear(&event, self.context.lease_is_good());
    }

    fn log(&self, event: &Event) {
        match event {
            Event::View(view) => {
                tracing::info!("{}", view.text);
                self.systemd.status(&view.text);
            }
            Event::Quorum { quorate: true, text, .. } => tracing::info!("{text}"),
            Event::Quorum { quorate: false, text, .. } => tracing::warn!("{text}"),
            Event::Notice { warning: true, text, .. } => tracing::warn!("{text}"),
            Event::Notice { warning: false, text, .. } => tracing::info!("{text}"),
            Event::Device { alive: true, text } => tracing::info!("{text}"),
            Event::Device { alive: false, text } => tracing::warn!("{text}"),
            // The engine thread keeps these for itself.
            Event::Amended { .. }
            | Event::ConfigWanted { .. }
            | Event::Deliver(_)
            | Event::Fatal { .. }
            | Event::Client { .. }
            | Event::Left
            | Event::Room
            | Event::Store(_)
            | Event::Transitional(_) => {}
        }
    }

    /// Told to end: in good order first, at once when told again.
    fn end(&mut self, signal: &str) {
        self.asked_to_end += 1;
        if self.asked_to_end > 1 {
            tracing::warn!("{signal} again: ending at once");
            return self.context.engine.stop();
        }
        tracing::info!("{signal}: leaving the cluster; send it again to end at once");
        self.systemd.stopping();
        tokio::spawn(shutdown::leave(self.context.clone(), false));
    }

    async fn accept<A>(&mut self, client: io::Result<(UnixStream, A)>, access: Access) {
        // Those who are gone make room.
        while self.clients.try_join_next().is_some() {}
        let most = match access {
            Access::Admin => self.places.all,
            Access::Public => self.places.public,
        };
        match client {
            Ok((stream, _)) if self.clients.len() >= most => {
                self.turn_away(stream);
                let what = || format!("a client was turned away: {most} are connected");
                self.troubles.complain(clock::now(), what);
            }
            Ok((stream, _)) => {
                let ending = self.ending.subscribe();
                let context = self.context.clone();
                self.clients.spawn(conversation::serve(stream, access, context, ending));
            }
            Err(error) => {
                let what = || format!("cannot accept a client: {error}");
                self.troubles.complain(clock::now(), what);
                sleep(ACCEPT_AGAIN_AFTER).await;
            }
        }
    }

    /// Tells a client why it is not served. Beyond a few at a time they are hung up on at once.
    fn turn_away(&mut self, stream: UnixStream) {
        while self.turned_away.try_join_next().is_some() {}
        if self.turned_away.len() < TURNED_AWAY_MAX {
            self.turned_away.spawn(conversation::turn_away(stream));
        } else {
            conversation::say_no_room(&stream);
        }
    }

    /// The engine lives if it has been around its loop since it was woken at the last tick.
    fn watch_engine(&mut self) {
        let Some(watchdog) = &mut self.watchdog else { return };
        let progress = self.context.engine.progress();
        if progress != watchdog.progress {
            self.systemd.alive();
        }
        watchdog.progress = progress;
    }

    /// Tells clients that this is the end, and gives them a moment to read it.
    async fn farewell(&mut self, outcome: &Outcome) {
        self.systemd.stopping();
        let text = match outcome {
            Outcome::Left => "this node has left the cluster".to_owned(),
            Outcome::Stopped => "this daemon was told to end at once".to_owned(),
            Outcome::Fatal(text) => text.clone(),
        };
        self.context.listeners.answer(&last_answer(outcome));
        let told = self.context.publish_now(ClientEvent::Shutdown(ShutdownEvent { text }));
        if let Some(bytes) = told {
            let hub = &self.context.hub;
            // Members of groups learn it without having asked.
            self.context.sessions.say_all(&bytes, |outlet| hub.has(outlet));
        }
        self.ending.send_replace(true);
        let all = async { while self.clients.join_next().await.is_some() {} };
        // Who does not read within the limit is cut off.
        let _cut_off = timeout(FAREWELL_LIMIT, all).await;
    }
}

/// To whoever wanted this node to leave.
fn last_answer(outcome: &Outcome) -> Reply {
    match outcome {
        Outcome::Left | Outcome::Stopped => Reply::Done,
        Outcome::Fatal(text) => Reply::Error(ErrorReply {
            code: ErrorCode::Failed,
            text: text.clone(),
            advice: String::new(),
        }),
    }
}

impl Watchdog {
    /// Looks twice in the time that systemd allows.
    fn new(limit: Duration) -> Self {
        let mut ticks = interval(limit / 2);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, progress: 0 }
    }

    async fn tick(watchdog: &mut Option<Self>) {
        match watchdog {
            Some(watchdog) => drop(watchdog.ticks.tick().await),
            None => std::future::pending().await,
        }
    }
}
