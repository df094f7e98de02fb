//! Starts that fail leave nothing behind, and everything that was there.

use crate::disk::SmallDisk;
use anyhow::{Context, Result, ensure};
use cman_e2e::{attempt::refused, built, cluster::Cluster, conf::Conf, lab::Lab, turn};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long anything may take here.
const SOON: Duration = Duration::from_secs(20);

/// Everything below a directory, and what the files hold.
fn tree(directory: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            found.extend(tree(&path)?);
            found.push((path, Vec::new()));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap_or_default()));
        }
    }
    found.sort();
    Ok(found)
}

/// A node that could start, and a place where it makes its directories.
struct Place {
    cluster: Cluster,
    top: PathBuf,
}

impl Place {
    fn new() -> Result<Self> {
        let cluster = built::cluster(&Conf::new(1).token(500))?;
        let top = cluster.lab().directory().join("top");
        fs::create_dir(&top)?;
        Ok(Self { cluster, top })
    }

    fn command(&self, run_dir: &Path, more: &[&str]) -> Result<Command> {
        let node = self.cluster.node(1)?;
        let mut command = self.cluster.lab().command(1, &built::programs()?.cmand);
        command.args(["--name", "n1", "--config"]).arg(node.config());
        command.arg("--keyfile").arg(node.keyfile());
        command.arg("--run-dir").arg(run_dir);
        command.arg("--state-dir").arg(self.top.join("b/state")).args(more);
        Ok(command)
    }

    /// A start that must fail for this reason, once in the foreground and once not.
    fn fails(&self, more: &[&str], words: &[&str]) -> Result<()> {
        self.fails_in(&self.top.join("a/run"), more, words)
    }

    fn fails_in(&self, run_dir: &Path, more: &[&str], words: &[&str]) -> Result<()> {
        let before = tree(&self.top)?;
        refused(self.command(run_dir, more)?.arg("--foreground"), 1, words)?;
        refused(&mut self.command(run_dir, more)?, 1, words)?;
        let after = tree(&self.top)?;
        ensure!(before == after, "{words:?}: before {before:?}, after {after:?}");
        Ok(())
    }
}

#[test]
fn a_failed_start_leaves_nothing_behind() -> Result<()> {
    let _turn = turn::shared()?;
    let mut place = Place::new()?;
    let record = place.top.join("recording");
    fs::write(&record, "an old one")?;
    let record = record.to_str().context("UTF-8")?.to_owned();

    // Late: the sockets are open, the life is noted on disk.
    place.fails(&["--record", &record], &["recording", "never overwritten"])?;
    // After the directories were made.
    place.cluster.lab().write_hosts(1, "127.0.0.1 localhost\n127.0.1.1 n1\n")?;
    place.fails(&[], &["loopback"])?;
    place.cluster.lab().write_hosts(1, &format!("{} n1\n", Lab::address(1)))?;
    place.cluster.node_mut(1)?.start()?;
    place.cluster.wait_formed(&[1], Duration::from_secs(20))?;
    place.fails(&[], &["in use"])?;
    place.cluster.node_mut(1)?.stop(Duration::from_secs(20))?;
    // Before.
    let long = place.top.join("x".repeat(100));
    place.fails_in(&long, &[], &["107 bytes", "--run-dir"])
}

#[test]
fn a_failed_start_on_a_full_disk_leaves_nothing_behind() -> Result<()> {
    let _turn = turn::shared()?;
    let place = Place::new()?;
    let state = place.top.join("b");
    fs::create_dir(&state)?;
    let disk = SmallDisk::at(&state)?;
    disk.fill()?;
    place.fails_in(&state.join("run"), &[], &["cannot lock", "no space", "room", "--run-dir"])?;
    let record = place.top.join("recording");
    fs::write(&record, "an old one")?;
    let record = record.to_str().context("UTF-8")?;
    let words = ["cannot use the state directory", "no space", "never overwritten"];
    place.fails(&["--record", record], &words)
}

#[test]
fn only_a_start_that_succeeds_removes_recordings_of_crashes() -> Result<()> {
    let _turn = turn::shared()?;
    let mut place = Place::new()?;
    let crashes = |state: &Path| -> Result<()> {
        fs::create_dir_all(state)?;
        (1..=6).try_for_each(|pid| Ok(fs::write(state.join(format!("panic-{pid}.rec")), "")?))
    };
    crashes(&place.top.join("b/state"))?;
    let record = place.top.join("recording");
    fs::write(&record, "an old one")?;
    place.fails(&["--record", record.to_str().context("UTF-8")?], &["never overwritten"])?;

    let state = place.cluster.node(1)?.state_dir();
    crashes(&state)?;
    place.cluster.node_mut(1)?.start()?;
    place.cluster.wait_formed(&[1], SOON)?;
    let left = (1..=6).filter(|pid| state.join(format!("panic-{pid}.rec")).exists()).count();
    ensure!(left == 4, "{left} recordings of 6 are left");
    Ok(())
}

#[test]
fn too_few_descriptors_are_told() -> Result<()> {
    let _turn = turn::shared()?;
    let place = Place::new()?;
    let run = place.top.join("a/run");
    let command = place.command(&run, &["--foreground"])?;
    let limited = |most: u32| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {most} && exec \"$@\""), "sh"]);
        shell.arg(command.get_program()).args(command.get_args());
        shell
    };
    for most in [16, 30, 63] {
        refused(&mut limited(most), 1, &["may open", "needs 64", "ulimit"])?;
    }
    ensure!(tree(&place.top)?.is_empty(), "something was left behind");
    Ok(())
}

#[test]
fn who_ends_a_start_that_waits_finds_nothing() -> Result<()> {
    let _turn = turn::shared()?;
    let place = Place::new()?;
    place.cluster.lab().write_hosts(1, "127.0.0.1 localhost\n")?;
    let mut command = place.command(&place.top.join("a/run"), &["--foreground"])?;
    let mut waiting = command.stderr(Stdio::null()).spawn()?;
    sleep(Duration::from_secs(2));
    ensure!(waiting.try_wait()?.is_none(), "it did not wait for its name");
    waiting.kill()?;
    waiting.wait()?;
    ensure!(tree(&place.top)?.is_empty(), "something was left behind");
    Ok(())
}

/// The processes that a process has started and that have not ended.
fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    children.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Whether a process exists that has not ended.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Waits until a process has started another one, and tells which.
fn child_of(pid: u32) -> Result<u32> {
    let deadline = Instant::now() + SOON;
    while Instant::now() < deadline {
        if let [child] = children(pid)[..] {
            return Ok(child);
        }
        sleep(Duration::from_millis(5));
    }
    anyhow::bail!("process {pid} has started nobody")
}

fn signal(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no pid")?;
    Ok(kill_process(pid, signal)?)
}

/// Fails unless these processes end soon; sees to it that they do not outlive the test.
fn expect_end(pids: &[u32]) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(3);
    let left = || pids.iter().copied().filter(|pid| is_alive(*pid)).collect::<Vec<_>>();
    while !left().is_empty() && Instant::now() < deadline {
        sleep(Duration::from_millis(20));
    }
    let left = left();
    left.iter().try_for_each(|pid| signal(*pid, Signal::KILL))?;
    ensure!(left.is_empty(), "the processes {left:?} went on");
    Ok(())
}

#[test]
fn a_start_ends_with_whoever_waits_for_it() -> Result<()> {
    let _turn = turn::shared()?;
    let place = Place::new()?;
    // Its name is looked for for half a minute.
    place.cluster.lab().write_hosts(1, "127.0.0.1 localhost\n")?;

    let mut command = place.command(&place.top.join("a/run"), &[])?;
    let mut starter = command.stderr(Stdio::null()).spawn()?;
    let daemon = child_of(starter.id())?;
    sleep(Duration::from_secs(1));
    ensure!(is_alive(daemon), "it did not wait for its name");
    starter.kill()?;
    starter.wait()?;
    expect_end(&[daemon])?;
    ensure!(tree(&place.top)?.is_empty(), "something was left behind");

    let node = place.cluster.node(1)?;
    let mut tool = node.tool_command();
    tool.args(["join", "--name", "n1", "--config"]).arg(node.config());
    tool.arg("--keyfile").arg(node.keyfile()).arg("--state-dir").arg(place.top.join("b/state"));
    let mut tool = tool.stderr(Stdio::null()).spawn()?;
    let starter = child_of(tool.id())?;
    let daemon = child_of(starter)?;
    sleep(Duration::from_secs(1));
    tool.kill()?;
    tool.wait()?;
    expect_end(&[starter, daemon])?;
    ensure!(tree(&place.top)?.is_empty(), "something was left behind");
    Ok(())
}

#[test]
fn a_join_that_gives_up_waiting_leaves_the_daemon_to_itself() -> Result<()> {
    let _turn = turn::shared()?;
    let place = Place::new()?;
    place.cluster.lab().write_hosts(1, "127.0.0.1 localhost\n")?;
    let node = place.cluster.node(1)?;
    let mut tool = node.tool_command();
    tool.args(["join", "-t", "1", "--name", "n1", "--config"]).arg(node.config());
    tool.arg("--keyfile").arg(node.keyfile()).arg("--state-dir").arg(place.top.join("b/state"));
    refused(&mut tool, 2, &["still starting"])?;
    // Another one would be one too many.
    refused(&mut tool, 1, &["is starting already (pid ", "kill"])?;
    refused(&mut place.command(&node.run_dir(), &["--foreground"])?, 1, &["starting already"])?;
    place.cluster.lab().write_hosts(1, &format!("{} n1\n", Lab::address(1)))?;
    place.cluster.wait_formed(&[1], SOON)?;
    node.tool_prints(&["leave", "-w", "-t", "20"])?;
    Ok(())
}

#[test]
fn a_start_whose_starter_is_killed_at_any_moment_is_whole_or_undone() -> Result<()> {
    let _turn = turn::shared()?;
    let place = Place::new()?;
    let node = place.cluster.node(1)?;
    let mut undone = 0;
    for after_ms in [0, 1, 2, 5, 10, 20, 40, 80, 500] {
        let mut starter = place.command(&node.run_dir(), &[])?.stderr(Stdio::null()).spawn()?;
        let daemon = child_of(starter.id())?;
        sleep(Duration::from_millis(after_ms));
        signal(daemon, Signal::STOP)?;
        // What the daemon said before it stopped is heard.
        sleep(Duration::from_millis(100));
        let whole = starter.try_wait()?.is_some_and(|status| status.success());
        starter.kill()?;
        starter.wait()?;
        signal(daemon, Signal::CONT)?;
        if whole {
            node.tool_prints(&["wait", "-t", "20"])?;
            node.tool_prints(&["leave", "-w", "-t", "20"])?;
        } else {
            undone += 1;
            expect_end(&[daemon])?;
        }
        cman_e2e::attempt::expect_nothing_left(&node.run_dir())?;
    }
    ensure!((1..9).contains(&undone), "{undone} of 9 starts were undone");
    Ok(())
}

#[test]
fn what_is_in_the_way_stays() -> Result<()> {
    let _turn = turn::shared()?;
    let place = Place::new()?;
    let run = place.top.join("a/run");
    fs::create_dir_all(place.top.join("a"))?;
    fs::write(&run, "precious")?;
    place.fails(&[], &["it is no directory", "--run-dir"])?;
    fs::remove_file(&run)?;
    fs::create_dir(&run)?;
    for name in ["cman.sock", "admin.sock", "cmand.pid", "lease", "cmand.lock"] {
        fs::create_dir(run.join(name))?;
        place.fails(&[], &[name])?;
        fs::remove_dir(run.join(name))?;
    }
    fs::write(run.join("admin.sock"), "precious")?;
    fs::create_dir_all(place.top.join("b/state"))?;
    place.fails(&[], &["admin.sock", "move it away"])
}
