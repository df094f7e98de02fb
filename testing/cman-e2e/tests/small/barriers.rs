//! Barriers and the fencing record, through real daemons: `docs/spec/barriers.md` and
//! `docs/spec/fencing.md`.

use anyhow::{Context, Result, bail, ensure};
use cman_client::{
    Error, Socket,
    calls::Calls,
    ipc::{
        ClassicRequest, ErrorCode, Reply, Request,
        classic::{BarrierChange, FenceStatus, barrier},
    },
};
use cman_e2e::{built, cluster::Cluster, command::system_path, conf::Conf, turn};
use cman_types::{BarrierName, NodeId};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread::{JoinHandle, sleep, spawn},
    time::{Duration, Instant},
};

/// How long anything may take here that does not wait on purpose.
const SOON: Duration = Duration::from_secs(30);

/// So long nothing happens where nothing should.
const A_WHILE: Duration = Duration::from_millis(700);

const TOKEN_MS: u64 = 500;

fn formed() -> Result<Cluster> {
    let mut cluster = built::cluster(&Conf::new(3).token(TOKEN_MS))?;
    cluster.start_all()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    Ok(cluster)
}

fn open(cluster: &Cluster, number: usize, socket: Socket) -> Result<Arc<Calls>> {
    Ok(Arc::new(Calls::open(&cluster.node(number)?.run_dir(), socket, "barriers")?))
}

/// `Done`, or the code of the refusal.
fn ask(calls: &Calls, request: ClassicRequest) -> Result<Option<ErrorCode>> {
    match calls.ask(Request::Classic(request)) {
        Ok(Reply::Done) => Ok(None),
        Ok(reply) => bail!("{reply:?}"),
        Err(Error::Refused(error)) => Ok(Some(error.code)),
        Err(error) => Err(error.into()),
    }
}

fn name(name: &str) -> Result<BarrierName> {
    Ok(BarrierName::new(name.as_bytes())?)
}

fn register(calls: &Calls, barrier: &str, nodes: u32) -> Result<Option<ErrorCode>> {
    ask(calls, ClassicRequest::BarrierRegister { name: name(barrier)?, flags: 0, nodes })
}

fn change(calls: &Calls, barrier: &str, change: BarrierChange) -> Result<Option<ErrorCode>> {
    ask(calls, ClassicRequest::BarrierChange { name: name(barrier)?, change })
}

fn delete(calls: &Calls, barrier: &str) -> Result<Option<ErrorCode>> {
    ask(calls, ClassicRequest::BarrierDelete { name: name(barrier)? })
}

/// A client that waits, and what it is told.
struct Waiter(JoinHandle<Result<Option<ErrorCode>>>);

impl Waiter {
    fn start(calls: &Arc<Calls>, barrier: &str) -> Result<Self> {
        let (calls, name) = (calls.clone(), name(barrier)?);
        Ok(Self(spawn(move || ask(&calls, ClassicRequest::BarrierWait { name }))))
    }

    /// It is still there after a while.
    fn waits(&self) -> Result<()> {
        sleep(A_WHILE);
        ensure!(!self.0.is_finished(), "it does not wait any more");
        Ok(())
    }

    fn told(self) -> Result<Option<ErrorCode>> {
        let end = Instant::now() + SOON;
        while !self.0.is_finished() {
            ensure!(Instant::now() < end, "it still waits");
            sleep(Duration::from_millis(10));
        }
        self.0.join().map_err(|_| anyhow::anyhow!("it panicked"))?
    }
}

/// BR-06, BR-08, BR-10.
#[test]
fn nobody_passes_a_barrier_before_the_last_node_has_come() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = formed()?;
    let clients: Vec<_> =
        (1..=3).map(|number| open(&cluster, number, Socket::Public)).collect::<Result<_>>()?;
    for (barrier, nodes) in [("fixed", 3), ("all", 0), ("all", 0)] {
        for calls in &clients {
            ensure!(register(calls, barrier, nodes)?.is_none(), "{barrier}");
        }
        let early = [Waiter::start(&clients[0], barrier)?, Waiter::start(&clients[2], barrier)?];
        early[0].waits()?;
        early[1].waits()?;
        ensure!(Waiter::start(&clients[1], barrier)?.told()?.is_none(), "the last one");
        for waiter in early {
            ensure!(waiter.told()?.is_none(), "{barrier}");
        }
        for calls in &clients {
            ensure!(delete(calls, barrier)?.is_none(), "{barrier} is not there");
            ensure!(delete(calls, barrier)? == Some(ErrorCode::NotFound), "it is still there");
        }
    }
    Ok(())
}

/// BR-06, BR-07, BR-08.
#[test]
fn what_makes_no_sense_is_refused_and_time_runs_out() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = formed()?;
    let (one, two) = (open(&cluster, 1, Socket::Public)?, open(&cluster, 2, Socket::Public)?);
    let wait = ClassicRequest::BarrierWait { name: name("b")? };
    ensure!(ask(&one, wait)? == Some(ErrorCode::NotFound), "unknown");
    let flags = barrier::MULTISTEP | barrier::AUTODELETE;
    let steps = ClassicRequest::BarrierRegister { name: name("b")?, flags, nodes: 2 };
    ensure!(ask(&one, steps)? == Some(ErrorCode::Invalid), "several steps");
    ensure!(register(&one, "b", 2)?.is_none(), "the first");
    ensure!(register(&two, "b", 3)? == Some(ErrorCode::Invalid), "another number");
    ensure!(register(&two, "b", 2)?.is_none(), "the same number");
    ensure!(register(&one, "b", 2)?.is_none(), "taken over");

    ensure!(change(&one, "b", BarrierChange::Timeout(2))?.is_none(), "timeout");
    let begin = Instant::now();
    ensure!(Waiter::start(&one, "b")?.told()? == Some(ErrorCode::TimedOut), "nobody came");
    let took = begin.elapsed();
    ensure!((1.9..10.0).contains(&took.as_secs_f64()), "{took:?} instead of two seconds");

    // It gave up, so it has not come, and may change its mind.
    let alone = Waiter::start(&two, "b")?;
    alone.waits()?;
    ensure!(change(&one, "b", BarrierChange::Timeout(0))?.is_none(), "not come yet");
    ensure!(change(&one, "b", BarrierChange::Enable)?.is_none(), "comes");
    ensure!(alone.told()?.is_none(), "both came");
    Ok(())
}

/// BR-12, BR-13; and what the daemon recorded of it is replayed.
#[test]
fn a_node_that_dies_is_not_waited_for() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Conf::new(3).token(TOKEN_MS))?;
    let recording = cluster.node(1)?.state_dir().join("barriers.rec");
    let record = ["--record".to_owned(), recording.display().to_string()];
    cluster.node_mut(1)?.arguments.extend(record);
    cluster.start_all()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    let mut waiters = Vec::new();
    for number in [1, 2] {
        for (barrier, nodes, expected) in
            [("fixed", 3, Some(ErrorCode::NodeLost)), ("all", 0, None)]
        {
            let calls = open(&cluster, number, Socket::Public)?;
            ensure!(register(&calls, barrier, nodes)?.is_none(), "{barrier}");
            waiters.push((Waiter::start(&calls, barrier)?, calls, expected));
        }
    }
    for (waiter, ..) in &waiters {
        waiter.waits()?;
    }
    cluster.node_mut(3)?.kill()?;
    for (waiter, _calls, expected) in waiters {
        let told = waiter.told()?;
        ensure!(told == expected, "{told:?} instead of {expected:?}");
    }
    cluster.node_mut(1)?.stop(SOON)?;
    let mut replay = Command::new(cluster.node(1)?.program("cman-sim"));
    replay.env_clear().env("PATH", system_path()).arg("replay").arg(&recording);
    let replayed = replay.output().context("cannot run cman-sim")?;
    let said = String::from_utf8_lossy(&replayed.stderr);
    ensure!(replayed.status.success(), "the recording is not replayed: {said}");
    Ok(())
}

/// Runs a client of a node that waits for two nodes, and returns once it has registered.
fn process_that_waits(cluster: &Cluster, number: usize, barrier: &str) -> Result<Child> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wait_at_barrier"));
    command.arg(cluster.node(number)?.run_dir()).args([barrier, "2"]);
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run a client")?;
    let mut said = String::new();
    let mut stdout = BufReader::new(child.stdout.take().context("no pipe")?);
    stdout.read_line(&mut said)?;
    // It has more to say.
    child.stdout = Some(stdout.into_inner());
    ensure!(said == "waiting\n", "the client said {said:?}");
    Ok(child)
}

/// BR-15: while it waits, or anywhere on the way there.
#[test]
fn a_client_that_is_killed_leaves_no_barrier() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = formed()?;
    let two = open(&cluster, 2, Socket::Public)?;
    for millis in [0, 1, 5, 300] {
        let mut killed = process_that_waits(&cluster, 1, "b")?;
        ensure!(register(&two, "b", 3)? == Some(ErrorCode::Invalid), "it is registered for two");
        sleep(Duration::from_millis(millis));
        killed.kill()?;
        killed.wait()?;
        cluster.wait_until("the name is free", SOON, |_| Ok(register(&two, "b", 3)?.is_none()))?;
        ensure!(delete(&two, "b")?.is_none(), "it was registered");
    }
    // One that lives is not in the way of another's death.
    let mut killed = process_that_waits(&cluster, 1, "b")?;
    let mut passes = process_that_waits(&cluster, 1, "b")?;
    sleep(A_WHILE);
    killed.kill()?;
    killed.wait()?;
    ensure!(register(&two, "b", 2)?.is_none() && Waiter::start(&two, "b")?.told()?.is_none());
    ensure!(passes.wait()?.success(), "the other client did not pass");
    Ok(())
}

fn note(calls: &Calls, node: u32, at: u64) -> Result<Option<ErrorCode>> {
    let node = NodeId::new(node).context("0 is no node")?;
    ask(calls, ClassicRequest::FenceSet { node, at, agent: "fence_apc".into() })
}

/// What a node knows of the fencing of node 3.
fn known(cluster: &Cluster, number: usize) -> Result<FenceStatus> {
    let node = NodeId::new(3).context("0 is no node")?;
    let calls = open(cluster, number, Socket::Public)?;
    match calls.ask(Request::Classic(ClassicRequest::FenceGet { node }))? {
        Reply::Fence(status) => Ok(status),
        reply => bail!("{reply:?}"),
    }
}

fn all_know(cluster: &Cluster, numbers: &[usize], at: u64, fenced: bool) -> Result<()> {
    let expected = FenceStatus { at, fenced, agent: b"fence_apc".to_vec() };
    cluster
        .wait_until("the record everywhere", SOON, |cluster| {
            Ok(numbers
                .iter()
                .all(|&number| known(cluster, number).ok().as_ref() == Some(&expected)))
        })
        .map(drop)
}

/// FR-02 to FR-05: all members know it, also one that comes later, until the node falls again.
#[test]
fn what_was_fenced_is_known_to_all_members() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed()?;
    ensure!(known(&cluster, 2)? == FenceStatus::default(), "nothing has happened");
    cluster.node_mut(3)?.kill()?;
    cluster.wait_formed(&[1, 2], SOON)?;
    let line = "Node has not been fenced since it went down";
    ensure!(cluster.node(1)?.tool_prints(&["nodes", "-f"])?.contains(line), "it was not");

    let public = open(&cluster, 1, Socket::Public)?;
    ensure!(note(&public, 3, 1)? == Some(ErrorCode::NotPermitted), "only administrators report");
    let admin = open(&cluster, 1, Socket::Admin)?;
    ensure!(note(&admin, 9, 1)? == Some(ErrorCode::NotFound), "there is no node 9");
    ensure!(note(&admin, 3, 1_700_000_000)?.is_none(), "reported");
    ensure!(known(&cluster, 1)?.fenced, "whoever reported it knows it at once");
    all_know(&cluster, &[1, 2], 1_700_000_000, true)?;
    for number in [1, 2] {
        let text = cluster.node(number)?.tool_prints(&["nodes", "-f"])?;
        ensure!(text.contains("Last fenced:") && text.contains("by fence_apc"), "{text}");
    }

    cluster.node_mut(3)?.start()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    all_know(&cluster, &[1, 2, 3], 1_700_000_000, true)?;
    cluster.node_mut(2)?.kill()?;
    cluster.wait_formed(&[1, 3], SOON)?;
    cluster.node_mut(2)?.start()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    all_know(&cluster, &[1, 2, 3], 1_700_000_000, true)?;
    cluster.node_mut(3)?.kill()?;
    cluster.wait_formed(&[1, 2], SOON)?;
    all_know(&cluster, &[1, 2], 1_700_000_000, false)?;
    ensure!(cluster.node(2)?.tool_prints(&["nodes", "-f"])?.contains(line), "not since");
    Ok(())
}
