//! Starts that fail leave nothing behind, and everything that was there.

use anyhow::{Context, Result, ensure};
use cman_e2e::{attempt::refused, built, cluster::Cluster, conf::Conf, lab::Lab, turn};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

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
