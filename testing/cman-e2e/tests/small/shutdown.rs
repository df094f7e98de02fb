//! Leaving when programs on the node have a say, what they are told, a configuration that comes
//! into force while the cluster runs, and details in the log.

use anyhow::{Context, Result, bail, ensure};
use cman_client::{
    Error, Lease, Socket,
    calls::{Calls, EventLine},
    ipc::{ClassicRequest, Message, Notice, Reply, Request, notice::ViewNotice},
};
use cman_e2e::{
    attempt::{expect_words, refused, said},
    built,
    cluster::Cluster,
    conf::Conf,
    node::Node,
    turn,
};
use cman_types::NodeId;
use std::{
    process::{Child, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long anything may take here that does not wait on purpose.
const SOON: Duration = Duration::from_secs(30);

const TOKEN_MS: u64 = 500;

/// A program that uses the cluster.
struct Program {
    calls: Calls,
    events: EventLine,
}

impl Program {
    fn start(node: &Node, name: &str) -> Result<Self> {
        let run_dir = node.run_dir();
        let calls = Calls::open(&run_dir, Socket::Public, name)?;
        let events = EventLine::open(&run_dir, Socket::Public, name, calls.ticket()?)?;
        Ok(Self { calls, events })
    }

    fn ask(&self, request: ClassicRequest) -> Result<()> {
        match self.calls.ask(Request::Classic(request))? {
            Reply::Done => Ok(()),
            reply => bail!("{reply:?}"),
        }
    }

    fn says(&self, agree: bool) -> Result<()> {
        Ok(self.calls.send(Request::Classic(ClassicRequest::ShutdownReply { agree }))?)
    }

    /// The next notice.
    fn hears(&self) -> Result<Notice> {
        let deadline = Instant::now() + SOON;
        while Instant::now() < deadline {
            match self.events.take() {
                Ok(Some(Message::Notice(notice))) => return Ok(notice),
                Ok(Some(other)) => bail!("it heard {other:?}"),
                Ok(None) | Err(Error::TimedOut { .. }) => sleep(Duration::from_millis(1)),
                Err(error) => return Err(error.into()),
            }
        }
        bail!("it heard nothing")
    }

    fn is_asked(&self) -> Result<(bool, bool)> {
        match self.hears()? {
            Notice::TryShutdown { anyway, remove } => Ok((anyway, remove)),
            other => bail!("it heard {other:?}"),
        }
    }
}

/// A tool that waits for the programs.
fn start_tool(node: &Node, arguments: &[&str]) -> Result<Child> {
    let mut command = node.tool_command();
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command.spawn()?)
}

fn ended(tool: Child, code: i32, words: &[&str]) -> Result<Output> {
    let output = tool.wait_with_output()?;
    ensure!(output.status.code() == Some(code), "{}", said(&output));
    expect_words(&said(&output), words)?;
    Ok(output)
}

fn formed(nodes: usize, cman: &str) -> Result<Cluster> {
    let conf = Conf { cman: cman.to_owned(), ..Conf::new(nodes).token(TOKEN_MS) };
    let mut cluster = built::cluster(&conf)?;
    cluster.start_all()?;
    cluster.wait_formed(&(1..=nodes).collect::<Vec<_>>(), SOON)?;
    Ok(cluster)
}

#[test]
fn programs_are_asked_before_their_node_leaves() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed(1, "shutdown_timeout=\"1000\"")?;
    let node = cluster.node(1)?;
    let program = Program::start(node, "clvmd")?;
    program.ask(ClassicRequest::Notify { on: true })?;

    // One objects, and the user is told which.
    let tool = start_tool(node, &["leave"])?;
    ensure!(program.is_asked()? == (false, false), "the wrong question");
    expect_words(&node.tool_prints(&["status"])?, &["Shutdown"])?;
    refused(node.tool_command().arg("leave"), 1, &["being asked already"])?;
    program.says(false)?;
    ended(tool, 1, &["this node stays in the cluster: clvmd objects", "leave force"])?;

    // One is silent.
    let tool = start_tool(node, &["leave", "remove"])?;
    ensure!(program.is_asked()? == (false, true), "the wrong question");
    ended(tool, 1, &["clvmd has not answered within 1000 ms"])?;

    // The one who asks dies: an answer comes too late.
    let mut tool = start_tool(node, &["leave"])?;
    program.is_asked()?;
    tool.kill()?;
    tool.wait()?;
    cluster.wait_until("vote that ends with its asker", SOON, |cluster| {
        Ok(!cluster.node(1)?.tool_prints(&["status"])?.contains("Shutdown"))
    })?;
    program.says(true)?;
    let node = cluster.node(1)?;
    ensure!(node.status()?.is_formed(&[1]), "it did not stay");

    // Whoever ends agrees, and who insists is not held up.
    let late = Program::start(node, "late")?;
    let tool = start_tool(node, &["leave", "force"])?;
    ensure!(program.is_asked()? == (true, false), "the wrong question");
    late.ask(ClassicRequest::Notify { on: true })?;
    ensure!(late.is_asked()? == (true, false), "who comes late is asked too");
    program.says(false)?;
    drop(late);
    ended(tool, 0, &[])?;
    let ended = cluster.node_mut(1)?.wait_exit(SOON)?;
    ensure!(ended.code() == Some(0), "it ended with {ended}");
    expect_words(&cluster.node(1)?.log(), &["cman_tool insists, although clvmd objects"])
}

#[test]
fn who_agrees_goes_with_its_node() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed(1, "")?;
    let node = cluster.node(1)?;
    let program = Program::start(node, "clvmd")?;
    program.ask(ClassicRequest::Notify { on: true })?;
    let tool = start_tool(node, &["leave", "-w", "--json"])?;
    program.is_asked()?;
    program.says(true)?;
    ended(tool, 0, &["The daemon has left the cluster and ended."])?;
    let ended = cluster.node_mut(1)?.wait_exit(SOON)?;
    ensure!(ended.code() == Some(0), "it ended with {ended}");
    Ok(())
}

#[test]
fn what_is_told_is_so() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Conf::new(3).token(TOKEN_MS))?;
    cluster.node_mut(1)?.start()?;
    cluster.wait_until("answer", SOON, |cluster| Ok(cluster.node(1)?.status().is_ok()))?;
    let program = Program::start(cluster.node(1)?, "watcher")?;
    program.ask(ClassicRequest::NotifyViews { on: true })?;
    program.ask(ClassicRequest::Notify { on: true })?;
    let mut lease = Lease::open(&cluster.node(1)?.run_dir())?;
    cluster.node_mut(2)?.start()?;
    let pair = [1, 2].map(NodeId::new).into_iter().flatten().collect::<Vec<_>>();
    let mut views = Vec::new();
    let deadline = Instant::now() + SOON;
    loop {
        ensure!(Instant::now() < deadline, "it was never told of quorum: {views:?}");
        match program.hears()? {
            Notice::View(view) => views.push(view),
            Notice::State { quorate } => {
                ensure!(!quorate || lease.is_quorate(), "the lease does not say so yet");
                let known = cluster.node(1)?.status()?.view.context("no view")?.members;
                let told = views.last().map_or(0, |view| view.members.len());
                ensure!(known.len() >= told, "{known:?} after {views:?}");
                if quorate {
                    break;
                }
            }
            other => bail!("it heard {other:?}"),
        }
    }
    let ViewNotice { members, left, joined } = views.pop().context("no view was told")?;
    ensure!(members == pair, "told of {members:?}");
    ensure!(left.is_empty() && joined == pair[1..], "told of {joined:?}, without {left:?}");
    Ok(())
}

/// The version that a node runs.
fn version(node: &Node) -> Result<String> {
    Ok(node.tool_prints(&["version"])?.trim().to_owned())
}

#[test]
fn a_configuration_comes_into_force_while_nodes_run() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = formed(3, "")?;
    let program = Program::start(cluster.node(2)?, "watcher")?;
    program.ask(ClassicRequest::Notify { on: true })?;
    let conf = |version| Conf { version, ..Conf::new(3).token(TOKEN_MS) };
    for number in [1, 2] {
        cluster.node(number)?.configure(&conf(2))?;
    }
    cluster.node(1)?.tool_prints(&["version", "-r", "2"])?;
    for number in [1, 2] {
        cluster.wait_until("version 2", SOON, |cluster| {
            Ok(version(cluster.node(number)?)? == "6.2.0 config 2")
        })?;
    }
    ensure!(program.hears()? == Notice::Config { version: 2 }, "it was told something else");
    cluster.wait_until("warning of an old file", SOON, |cluster| {
        Ok(cluster.node(3)?.log().contains("version 2 of the configuration is wanted"))
    })?;
    ensure!(version(cluster.node(3)?)? == "6.2.0 config 1", "it has no file of version 2");

    // Nodes with the old and with the new file let each other in.
    for number in [1, 3] {
        cluster.node_mut(number)?.kill()?;
        cluster.wait_until("view without it", SOON, |cluster| {
            let two: &[u32] = if number == 1 { &[2, 3] } else { &[1, 2] };
            Ok(cluster.node(2)?.status()?.is_formed(two))
        })?;
        if number == 3 {
            cluster.node(3)?.configure(&conf(2))?;
        }
        cluster.node_mut(number)?.start()?;
        cluster.wait_formed(&[1, 2, 3], SOON)?;
    }

    // A file with an error changes nothing.
    let broken = conf(3).to_xml().replace("nodeid=\"2\"", "nodeid=\"two\"");
    cluster.node(1)?.configure_text(&broken)?;
    let words = ["version 2 stays in force", "cluster.conf:7:", "two"];
    refused(cluster.node(1)?.tool_command().args(["version", "-r", "3"]), 1, &words)?;
    ensure!(version(cluster.node(1)?)? == "6.2.0 config 2", "it was used");

    // What needs a restart is said.
    cluster.node(1)?.configure(&Conf { version: 3, ..Conf::new(3).token(TOKEN_MS + 100) })?;
    cluster.node(1)?.tool_prints(&["version", "-r"])?;
    ensure!(version(cluster.node(1)?)? == "6.2.0 config 3", "it was not used");
    let output = cluster.node(1)?.tool(&["status"])?;
    expect_words(&said(&output), &["Error", "token is 600 ms, was 500 ms", "join again"])
}

#[test]
fn details_come_when_somebody_wants_them() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = formed(1, "")?;
    let node = cluster.node(1)?;
    let words = "client cman_tool speaks version";
    ensure!(!node.log().contains(words), "there are details already");
    let watcher = Program::start(node, "watcher")?;
    for (mask, detail) in [("4", "quorate: true; 2 votes"), ("8", words), ("16", "view began")] {
        node.tool_prints(&["debug", "-d", mask])?;
        // Something for each: votes change, a client comes, a message goes through the stream.
        node.tool_prints(&["votes", "-v", "2"])?;
        let send = ClassicRequest::PortSend { to: None, port: 9, payload: "x".into() };
        watcher.calls.send(Request::Classic(send))?;
        cluster.wait_until(detail, SOON, |cluster| Ok(cluster.node(1)?.log().contains(detail)))?;
    }
    node.tool_prints(&["debug", "-d", "8"])?;
    node.tool_prints(&["debug", "-d", "0"])?;
    let before = node.log().matches(words).count();
    node.tool_prints(&["version"])?;
    sleep(Duration::from_millis(300));
    ensure!(node.log().matches(words).count() == before, "they did not end");
    Ok(())
}
