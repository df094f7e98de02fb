//! Puts the daemon together, runs it, and takes it apart.

use crate::{
    args::Args,
    context::Context,
    detach::{self, Starter},
    engine::{Action, Engine, Outcome},
    engine_thread::{EngineThread, Running},
    groups::{desk::Desk, inbox::Inbox, outbox::Outbox, sessions::Sessions},
    health::{Carrier, DiskTrouble},
    history::History,
    hub::Hub,
    log::Log,
    node_setup, peers,
    pipe::Pipe,
    record_file,
    reload::Reload,
    run_dir::RunDir,
    service::{Doors, Service, Signals},
    start_error::StartError,
    startup::{Prepared, prepare},
    state_dir::{StateDir, StateWriter},
    systemd::Systemd,
    transmit::Transmitter,
};
use cman_io::{clock, disk_thread::DiskThread, sched, state::StoredState, waker::Waker};
use cman_ipc::event::{ConfigEvent, Event};
use cman_node::{Node, Stored};
use cman_record::{Described, Recorder, Witness};
use rustix::fs::Mode;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, mpsc::sync_channel},
    thread::JoinHandle,
};
use tokio::runtime;

/// Questions that may wait for the engine thread.
const ACTIONS_MAX: usize = 64;

/// Runs a daemon until it has left or must not go on.
///
/// # Errors
/// When it could not start. What the start had made until then is gone again; what was there
/// before is as it was, but for sockets and process number of a daemon that was killed.
pub(crate) fn run(args: &Args, log: &Log, pipe: &mut Pipe) -> Result<Outcome, StartError> {
    // The lease page and the process number are for everybody; what is not says so itself.
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    let starter = Starter::end_with_it(args.detached)?;
    let mut prepared = prepare(args, starter)?;
    let memory_locked = note(&mut prepared.notes, sched::lock_memory());
    let systemd = Systemd::new(args.foreground);
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let doors = {
        let _inside = runtime.enter();
        // Before there are sockets: who is told to end from now on takes them back.
        let signals = Signals::catch()?;
        let (public, admin) = prepared.run_dir.listen()?;
        prepared.run_dir.write_pid()?;
        Doors::open(signals, public, admin)?
    };
    // The last moment at which nobody has heard of us yet.
    starter.check()?;
    // The daemon's hold on its directories: let go of when everything else has ended.
    let Started { running, outbox, context, state_dir, mut run_dir, record_thread } =
        start(args, log, prepared, memory_locked)?;
    let outcome = runtime.block_on(async {
        announce(&context);
        systemd.ready();
        if args.detached {
            detach::let_go(log)?;
        }
        run_dir.keep();
        pipe.succeeded(std::process::id());
        let service = Service::new(context.clone(), systemd, doors);
        Ok(service.run(outbox, running.outcome).await)
    });
    if outcome.is_err() {
        context.engine.stop();
    }
    // A panic in a thread would have been the end of the process.
    let _ended = running.thread.join();
    if let Some(thread) = record_thread {
        let _ended = thread.join();
    }
    if matches!(outcome, Ok(Outcome::Left)) {
        context.mark.has_left();
    }
    drop((state_dir, run_dir));
    outcome
}

/// What runs and what it holds.
struct Started {
    running: Running,
    outbox: Outbox,
    context: Arc<Context>,
    state_dir: StateDir,
    run_dir: RunDir,
    record_thread: Option<JoinHandle<()>>,
}

/// Makes the node and starts the threads around it.
fn start(
    args: &Args,
    log: &Log,
    mut prepared: Prepared,
    memory_locked: bool,
) -> Result<Started, StartError> {
    let (actions, queue) = sync_channel(ACTIONS_MAX);
    let engine = Engine { actions, waker: Waker::new()?, progress: Arc::default() };
    let (inbox, outbox) = (Inbox::new(engine.waker.clone()), Outbox::default());
    let trouble: Arc<DiskTrouble> = Arc::default();
    trouble.set(prepared.state_dir.trouble());
    let disk = start_disk(prepared.state_dir.writer(), engine.clone(), Arc::clone(&trouble))?;
    peers::resolve(&prepared.config, prepared.me.id, prepared.interface.address, engine.clone())?;
    let (recorder, record_thread, node) = make_node(args, &mut prepared)?;
    let lease = Arc::new(prepared.lease);
    let running = EngineThread {
        node,
        sockets: prepared.sockets,
        transmitter: Transmitter::default(),
        lease: lease.clone(),
        disk,
        recorder,
        outputs: args.record.is_some(),
        incarnation: prepared.incarnation,
        local_addresses: prepared.local_addresses,
        waker: engine.waker.clone(),
        actions: queue,
        desk: Desk::new(inbox.clone(), outbox.clone()),
        amending: BTreeMap::new(),
        progress: engine.progress.clone(),
        wants_realtime: !args.no_realtime,
    }
    .spawn(|realtime| note(&mut prepared.notes, realtime))
    .inspect_err(|_| args.record.iter().for_each(|path| record_file::take_back(path)))?;
    let Prepared {
        file, config, me, mut state_dir, run_dir, mark, interface, group, notes, ..
    } = prepared;
    // The node speaks from now on: that it did must not be forgotten.
    state_dir.keep();
    state_dir.locked().into_iter().for_each(record_file::forget_old_panics);
    let context = Arc::new(Context {
        engine,
        hub: Hub::default(),
        listeners: Arc::default(),
        sessions: Sessions::new(inbox),
        log: log.clone(),
        history: History::new(me.id).into(),
        lease,
        mark,
        config,
        reload: Reload::new(&args.config, file),
        asked: args.asked.amendments(me.id),
        me,
        interface,
        group,
        memory_locked,
        realtime: running.realtime,
        notes,
        disk: trouble,
        carrier: Carrier::default(),
        config_file: args.config.display().to_string(),
        state_dir: args.state_dir.display().to_string(),
    });
    Ok(Started { running, outbox, context, state_dir, run_dir, record_thread })
}

type NodeParts = (Arc<Mutex<Recorder>>, Option<JoinHandle<()>>, Node);

/// The node, and the recorder of its inputs from the first one on.
fn make_node(args: &Args, prepared: &mut Prepared) -> Result<NodeParts, StartError> {
    let setup = node_setup::setup(prepared)?;
    let (to_file, thread) = match &args.record {
        None => (None, None),
        Some(path) => {
            let (queue, thread) = record_file::start(path)
                .map_err(|source| StartError::Record { path: path.clone(), source })?;
            (Some(queue), Some(thread))
        }
    };
    let now = clock::now();
    let described = Described {
        release: env!("CARGO_PKG_VERSION").to_owned(),
        encrypted: prepared.cipher.is_encrypted(),
        key_id: prepared.cipher.key_id(),
        // They double what is recorded: only for who asked for a recording.
        outputs: to_file.is_some(),
        setup: setup.clone(),
    };
    let recorder = Arc::new(Mutex::new(Recorder::new(now, &described, to_file)));
    record_file::write_on_panic(Arc::clone(&recorder), args.state_dir.clone());
    let cipher = std::mem::replace(
        &mut prepared.cipher,
        Box::new(cman_crypto::Plain::new(&prepared.config.cluster_name)),
    );
    let cipher = Witness::new(cipher, Arc::clone(&recorder));
    Ok((recorder, thread, Node::new(now, setup, Box::new(cipher))))
}

/// The thread that writes the state; what it did is told to the node.
fn start_disk(
    mut writer: StateWriter,
    engine: Engine,
    trouble: Arc<DiskTrouble>,
) -> Result<DiskThread, StartError> {
    let store = move |state: &StoredState| writer.store(state);
    let disk = DiskThread::spawn(store, move |result| {
        let stored = match result {
            Ok(state) => {
                if trouble.set(None) {
                    tracing::info!("the state directory can be written again");
                }
                Stored { epoch_ceiling: state.epoch_ceiling, removed: state.removed, ok: true }
            }
            Err((error, state)) => {
                if trouble.set(Some(error.to_string())) {
                    tracing::warn!("{error}; going on without, and trying again");
                }
                Stored { epoch_ceiling: state.epoch_ceiling, removed: state.removed, ok: false }
            }
        };
        engine.tell(Action::Stored(stored));
    })?;
    Ok(disk)
}

/// Logs a refusal and keeps it for `status`. True if there was none.
fn note(notes: &mut Vec<String>, result: Result<(), sched::SchedError>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!("{error}");
            notes.push(error.to_string());
            false
        }
    }
}

/// Says who we are in the log, and by which configuration in the first event.
fn announce(context: &Context) {
    let Context { config, me, interface, group, config_file, .. } = context;
    let config_version = config.config_version;
    let text = format!("version {config_version} of {config_file} is in force");
    context.publish_now(Event::Config(ConfigEvent { config_version, other: None, text }));
    let by = group.map_or("by unicast only".to_owned(), |group| format!("multicast {group}"));
    let encrypted = if config.encryption { "encrypted" } else { "not encrypted" };
    tracing::info!(
        "cmand {} is node {} ({}) of cluster {}, configuration version {}, at {} on {}, ports {} \
         and {}, {by}, {encrypted}",
        env!("CARGO_PKG_VERSION"),
        me.id,
        me.name,
        config.cluster_name,
        config.config_version,
        interface.address,
        interface.name,
        config.port,
        config.data_port(),
    );
}
