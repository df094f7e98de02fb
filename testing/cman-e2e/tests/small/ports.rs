//! Ports, through real daemons: `docs/spec/ports.md`.

use anyhow::{Context, Result, bail, ensure};
use cman_client::{
    Error, Socket,
    calls::{Calls, EventLine},
    ipc::{ClassicRequest, ErrorCode, Message, Notice, Reply, Request},
};
use cman_e2e::{built, cluster::Cluster, conf::Conf, turn};
use cman_types::NodeId;
use std::{
    sync::Arc,
    thread::{sleep, spawn},
    time::{Duration, Instant},
};

/// How long anything may take here, with losses and the death of a node.
const SOON: Duration = Duration::from_secs(60);

/// So long nothing happens where nothing should.
const A_WHILE: Duration = Duration::from_millis(500);

const PORT: u8 = 11;
const LOSS_PERCENT: f64 = 5.0;

/// Messages that each client sends to all.
const MESSAGES: u32 = 400;

/// A client of a node, with both connections.
struct Client {
    calls: Arc<Calls>,
    line: EventLine,
}

impl Client {
    fn open(cluster: &Cluster, number: usize) -> Result<Self> {
        let run_dir = cluster.node(number)?.run_dir();
        let calls = Calls::open(&run_dir, Socket::Public, "ports")?;
        let line = EventLine::open(&run_dir, Socket::Public, "ports", calls.ticket()?)?;
        Ok(Self { calls: Arc::new(calls), line })
    }

    /// One that has bound the port, and heard of it.
    fn bound(cluster: &Cluster, number: usize) -> Result<Self> {
        let client = Self::open(cluster, number)?;
        let said = ask(&client.calls, ClassicRequest::PortBind { port: PORT })?;
        ensure!(said == Said::Done, "{said:?}");
        client.wait_for(&Notice::PortOpened { node: id(number)? })?;
        Ok(client)
    }

    fn send(&self, to: Option<NodeId>, text: &str) -> Result<()> {
        let payload = text.as_bytes().to_vec().into();
        let request = ClassicRequest::PortSend { to, port: PORT, payload };
        Ok(self.calls.send(Request::Classic(request))?)
    }

    fn is_bound(&self, number: usize) -> Result<Said> {
        ask(&self.calls, ClassicRequest::PortIsBound { node: Some(id(number)?), port: PORT })
    }

    /// Waits until that is the answer.
    fn wait_bound(&self, number: usize, expected: &Said) -> Result<()> {
        let end = Instant::now() + SOON;
        while self.is_bound(number)? != *expected {
            ensure!(Instant::now() < end, "port of node {number}: {:?}", self.is_bound(number)?);
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The next notice, if one comes in this time.
    fn next(&self, within: Duration) -> Result<Option<Notice>> {
        let end = Instant::now() + within;
        loop {
            match self.line.take()? {
                Some(Message::Notice(notice)) => return Ok(Some(notice)),
                Some(other) => bail!("{other:?}"),
                None if Instant::now() >= end => return Ok(None),
                None => sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Waits for this notice, and gives what came before.
    fn wait_for(&self, notice: &Notice) -> Result<Vec<Notice>> {
        let mut before = Vec::new();
        loop {
            let next = self.next(SOON)?.with_context(|| format!("no {notice:?}: {before:?}"))?;
            if next == *notice {
                return Ok(before);
            }
            before.push(next);
        }
    }
}

/// An answer.
#[derive(PartialEq, Eq, Debug)]
enum Said {
    Done,
    Is(bool),
    No(ErrorCode),
}

fn ask(calls: &Calls, request: ClassicRequest) -> Result<Said> {
    match calls.ask(Request::Classic(request)) {
        Ok(Reply::Done) => Ok(Said::Done),
        Ok(Reply::Is(is)) => Ok(Said::Is(is)),
        Ok(reply) => bail!("{reply:?}"),
        Err(Error::Refused(error)) => Ok(Said::No(error.code)),
        Err(error) => Err(error.into()),
    }
}

fn id(number: usize) -> Result<NodeId> {
    NodeId::new(u32::try_from(number)?).context("not a node id")
}

/// The message to all that a client sends as its last one.
fn last_of(number: usize) -> Result<Notice> {
    let payload = format!("{number} {MESSAGES}").into_bytes().into();
    Ok(Notice::PortMessage { node: id(number)?, port: PORT, payload })
}

fn formed() -> Result<Cluster> {
    let mut cluster = built::cluster(&Conf::new(3))?;
    cluster.start_all()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    Ok(cluster)
}

/// Everything that a client hears until both of those who live have sent their last message.
fn hear_all(client: &Client) -> Result<Vec<Notice>> {
    let lasts = [last_of(1)?, last_of(2)?];
    let mut heard = Vec::new();
    while !lasts.iter().all(|last| heard.contains(last)) {
        heard.push(client.next(SOON)?.with_context(|| format!("after {:?}", heard.last()))?);
    }
    Ok(heard)
}

/// PT-06 to PT-09, PT-12, PT-15: 5 % of the datagrams are lost, a node dies while all write, and
/// comes back.
#[test]
fn ports_under_loss_and_death() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed()?;
    cluster.lab_mut().loss_all(LOSS_PERCENT)?;
    let clients = [1, 2, 3]
        .into_iter()
        .map(|number| Client::bound(&cluster, number))
        .collect::<Result<Vec<_>>>()?;
    for client in &clients {
        for number in 1..=3 {
            client.wait_bound(number, &Said::Is(true))?;
        }
    }
    let writers: Vec<_> =
        (1..).zip(&clients).map(|(number, client)| write(number, client)).collect();
    sleep(Duration::from_millis(300));
    cluster.node_mut(3)?.kill()?;
    for (number, writer) in (1..).zip(writers) {
        let wrote = writer.join().map_err(|_| anyhow::anyhow!("it panicked"))?;
        ensure!(number == 3 || wrote.is_ok(), "node {number}: {wrote:?}");
    }
    let mut heard = [hear_all(&clients[0])?, hear_all(&clients[1])?];
    // The one that had its port first heard of the other.
    heard.iter_mut().for_each(|heard| heard.retain(|it| !matches!(it, Notice::PortOpened { .. })));
    ensure!(heard[0] == heard[1], "not the same: {:?}", first_difference(&heard[0], &heard[1]));
    let of = |number| heard[0].iter().filter(|notice| is_of(notice, number)).count();
    ensure!((of(1), of(2)) == (400, 400), "{} and {} messages", of(1), of(2));
    ensure!(of(1) + of(2) + of(3) == heard[0].len(), "something else than messages: {heard:?}");

    clients[0].wait_bound(3, &Said::No(ErrorCode::NotMember))?;
    ensure!(clients[0].next(A_WHILE)?.is_none(), "nobody is told of ports of the dead");
    cluster.node_mut(3)?.start()?;
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    clients[0].wait_bound(3, &Said::Is(false))?;
    let again = Client::bound(&cluster, 3)?;
    for client in &clients[..2] {
        client.wait_for(&Notice::PortOpened { node: id(3)? })?;
    }
    again.wait_bound(1, &Said::Is(true))?;
    again.send(Some(id(2)?), "only to you")?;
    let only = b"only to you".to_vec().into();
    clients[1].wait_for(&Notice::PortMessage { node: id(3)?, port: PORT, payload: only })?;
    ensure!(clients[0].next(A_WHILE)?.is_none(), "it was not for node 1");
    Ok(())
}

/// A thread that sends all messages of a client, slowly enough to be interrupted.
fn write(number: usize, client: &Client) -> std::thread::JoinHandle<Result<()>> {
    let calls = client.calls.clone();
    spawn(move || {
        for message in 1..=MESSAGES {
            let payload = format!("{number} {message}").into_bytes().into();
            let request = ClassicRequest::PortSend { to: None, port: PORT, payload };
            calls.send(Request::Classic(request))?;
            sleep(Duration::from_millis(2));
        }
        Ok(())
    })
}

fn is_of(notice: &Notice, number: u32) -> bool {
    matches!(notice, Notice::PortMessage { node, .. } if node.get() == number)
}

fn first_difference<'a>(a: &'a [Notice], b: &'a [Notice]) -> Option<(&'a Notice, &'a Notice)> {
    a.iter().zip(b).find(|(one, other)| one != other)
}

/// PT-03, PT-05, PT-06: what is bound is told, and shown by the status.
#[test]
fn a_port_comes_and_goes_with_its_client() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = formed()?;
    let watcher = Client::bound(&cluster, 1)?;
    let client = Client::bound(&cluster, 2)?;
    watcher.wait_for(&Notice::PortOpened { node: id(2)? })?;
    let another = Client::open(&cluster, 2)?;
    let taken = ask(&another.calls, ClassicRequest::PortBind { port: PORT })?;
    ensure!(taken == Said::No(ErrorCode::Exists), "{taken:?}");
    let unknown = watcher.is_bound(9)?;
    ensure!(unknown == Said::No(ErrorCode::NotFound), "{unknown:?}");
    let Reply::Status(status) = another.calls.ask(Request::Status)? else { bail!("no status") };
    ensure!(status.ports_bound == [0, PORT], "{:?}", status.ports_bound);
    ensure!(status.active_subsystems == 2, "{} clients", status.active_subsystems);
    drop(client);
    watcher.wait_for(&Notice::PortClosed { node: id(2)? })?;
    let bound = ask(&another.calls, ClassicRequest::PortBind { port: PORT })?;
    ensure!(bound == Said::Done, "{bound:?}");
    watcher.wait_for(&Notice::PortOpened { node: id(2)? })?;
    another.send(None, "to all")?;
    let payload = b"to all".to_vec().into();
    let message = Notice::PortMessage { node: id(2)?, port: PORT, payload };
    ensure!(watcher.wait_for(&message)?.is_empty(), "something came before");
    another.wait_for(&message)?;
    Ok(())
}
