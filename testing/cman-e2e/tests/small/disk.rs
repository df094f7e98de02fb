//! The state directory may be full, not writable, lost or rolled back; the cluster goes on.

use anyhow::{Context, Result, ensure};
use cman_e2e::{
    attempt::expect_words, built, cluster::Cluster, command::run, conf::Conf, node::Node, turn,
};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How long forming may take here.
const FORMED: Duration = Duration::from_secs(40);

/// How long a daemon may take to end.
const ENDED: Duration = Duration::from_secs(10);

fn trio() -> Result<Cluster> {
    built::cluster(&Conf::new(3).token(500))
}

fn formed(cluster: &mut Cluster) -> Result<u64> {
    cluster.wait_formed(&[1, 2, 3], FORMED)?;
    epoch(cluster)
}

/// The highest epoch that any of the three is in.
fn epoch(cluster: &Cluster) -> Result<u64> {
    let mut highest = 0;
    for status in cluster.statuses(&[1, 2, 3]) {
        highest = highest.max(status?.view.context("no view")?.epoch);
    }
    Ok(highest)
}

/// One node leaves and comes back, so that the epoch grows by two.
fn leave_and_return(cluster: &mut Cluster, number: usize) -> Result<()> {
    cluster.node(number)?.tool_prints(&["leave"])?;
    cluster.node_mut(number)?.wait_exit(ENDED)?;
    cluster.node_mut(number)?.start()?;
    cluster.wait_formed(&[1, 2, 3], FORMED)?;
    Ok(())
}

/// A small file system of its own in place of a directory; gone when dropped.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    pub(crate) fn at(directory: &Path) -> Result<Self> {
        let path = directory.to_str().context("not UTF-8")?;
        run("mount", &["-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", path])?;
        Ok(Self(directory.to_owned()))
    }

    /// Leaves no room for another byte.
    pub(crate) fn fill(&self) -> Result<()> {
        let mut file = fs::File::create(self.0.join("ballast"))?;
        while file.write_all(&[0; 512]).is_ok() {}
        Ok(())
    }

    fn empty(&self) -> Result<()> {
        Ok(fs::remove_file(self.0.join("ballast"))?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Some(path) = self.0.to_str() {
            // Lazily: a daemon may still be using it.
            if let Err(why) = run("umount", &["--lazy", path]) {
                eprintln!("cannot unmount {path}: {why:#}");
            }
        }
    }
}

/// What all of them want an operator to act upon.
fn alarms(cluster: &Cluster) -> Result<String> {
    let statuses = cluster.statuses(&[1, 2, 3]).into_iter();
    statuses.map(|status| Ok(status?.raw["alarms"].to_string())).collect()
}

#[test]
fn a_full_disk_is_a_warning() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = trio()?;
    let disks: Vec<_> =
        cluster.nodes().map(|node| SmallDisk::at(&node.state_dir())).collect::<Result<_>>()?;
    cluster.start_all()?;
    let before = formed(&mut cluster)?;
    disks.iter().try_for_each(SmallDisk::fill)?;
    // Epochs are reserved in blocks; this is more than a block.
    for _ in 0..12 {
        leave_and_return(&mut cluster, 3)?;
    }
    let after = epoch(&cluster)?;
    ensure!(after >= before + 16, "only {} views in between", after - before);
    let logs: String = cluster.nodes().map(Node::log).collect();
    expect_words(&logs, &["warn", "state"])?;
    let told = alarms(&cluster)?;
    expect_words(&told, &["cannot write", "state", "no space"])?;

    // With room again nothing is left of it.
    disks.iter().try_for_each(SmallDisk::empty)?;
    leave_and_return(&mut cluster, 2)?;
    cluster.wait_until("the alarms to end", Duration::from_secs(20), |cluster| {
        Ok(!alarms(cluster)?.contains("cannot write"))
    })?;
    drop(cluster);
    Ok(())
}

#[test]
fn a_state_directory_is_not_written_before_it_could_be_locked() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Conf::new(1).token(500))?;
    let state = cluster.node(1)?.state_dir();
    let disk = SmallDisk::at(&state)?;
    disk.fill()?;
    cluster.node_mut(1)?.start()?;
    cluster.wait_formed(&[1], FORMED)?;
    expect_words(&cluster.node(1)?.log(), &["state directory", "no space", "trying again"])?;
    let alarms = |cluster: &Cluster| -> Result<String> {
        Ok(cluster.node(1)?.status()?.raw["alarms"].to_string())
    };
    expect_words(&alarms(&cluster)?, &["cannot use the state directory", "no space"])?;
    let names = |path: PathBuf| path.file_name().map(std::ffi::OsStr::to_owned);
    let found: Vec<_> = read_all(&state)?.into_iter().filter_map(|(path, _)| names(path)).collect();
    ensure!(found == ["ballast"], "there is {found:?}");

    // With room again the lock comes first.
    disk.empty()?;
    cluster.wait_until("the alarm to end", Duration::from_secs(20), |cluster| {
        Ok(!alarms(cluster)?.contains("state directory"))
    })?;
    ensure!(state.join("state").exists(), "no state is kept");
    let lock = fs::File::open(state.join("state.lock"))?;
    let second = flock(&lock, FlockOperation::NonBlockingLockExclusive);
    ensure!(second.is_err(), "the state directory is not locked");
    cluster.node_mut(1)?.stop(ENDED)?;
    ensure!(state.join("state").exists(), "the state is gone");
    drop(cluster);
    Ok(())
}

#[test]
fn a_directory_that_cannot_be_written_or_read_is_a_warning() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = trio()?;
    let state = cluster.node(2)?.state_dir();
    let path = state.to_str().context("not UTF-8")?;
    // Root writes whatever the mode is; a read-only mount stops even root.
    let disk = SmallDisk::at(&state)?;
    fs::File::create(state.join("state.lock"))?;
    run("mount", &["-o", "remount,ro", path])?;
    let node = cluster.node_mut(2)?;
    node.start()?;
    let ended = node.wait_exit(Duration::from_secs(3));
    // Either is honest: not to start at all, or to go on with a warning. Silence is not.
    expect_words(&node.log(), &["state", "read-only"])?;
    if let Ok(status) = ended {
        ensure!(status.code() == Some(1), "it ended with {status}");
    }
    drop(disk);

    // Garbage in place of the state: as a node that lost it.
    let mut cluster = trio()?;
    cluster.start_all()?;
    let before = formed(&mut cluster)?;
    cluster.node_mut(2)?.stop(ENDED)?;
    for file in fs::read_dir(cluster.node(2)?.state_dir())? {
        let file = file?.path();
        if file.is_file() && fs::metadata(&file)?.len() > 0 {
            fs::write(file, b"\xff\x00garbage")?;
        }
    }
    cluster.node_mut(2)?.start()?;
    ensure!(formed(&mut cluster)? > before, "epochs do not grow");
    expect_words(&cluster.node(2)?.log(), &["lost its state"])
}

#[test]
fn lost_state_comes_back_above_what_was() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = trio()?;
    cluster.start_all()?;
    let mut before = formed(&mut cluster)?;

    // One after the other, among others that remember.
    for number in 1..=3 {
        cluster.node_mut(number)?.stop(ENDED)?;
        clear(&cluster.node(number)?.state_dir())?;
        cluster.node_mut(number)?.start()?;
        let now = formed(&mut cluster)?;
        ensure!(now > before, "the epoch went from {before} to {now}");
        before = now;
    }
    // All at once: nobody remembers, and the clock's seconds have to do. They are no help where
    // views came faster than one a second for long.
    while wall_seconds()? <= before {
        std::thread::sleep(Duration::from_millis(100));
    }
    for number in 1..=3 {
        cluster.node_mut(number)?.kill()?;
        clear(&cluster.node(number)?.state_dir())?;
    }
    cluster.start_all()?;
    let now = formed(&mut cluster)?;
    ensure!(now > before, "after all lost their state the epoch went from {before} to {now}");
    Ok(())
}

#[test]
fn state_rolled_back_does_not_roll_the_cluster_back() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = trio()?;
    cluster.start_all()?;
    formed(&mut cluster)?;
    let state = cluster.node(1)?.state_dir();
    let snapshot = read_all(&state)?;
    for _ in 0..3 {
        leave_and_return(&mut cluster, 3)?;
    }
    let before = epoch(&cluster)?;
    let life = cluster.node(1)?.status()?.raw["incarnation"].as_u64();

    cluster.node_mut(1)?.kill()?;
    clear(&state)?;
    for (path, content) in snapshot {
        fs::write(path, content)?;
    }
    cluster.node_mut(1)?.start()?;
    let now = formed(&mut cluster)?;
    ensure!(now > before, "the epoch went from {before} to {now}");
    let new_life = cluster.node(1)?.status()?.raw["incarnation"].as_u64();
    ensure!(new_life > life, "the incarnation went from {life:?} to {new_life:?}");
    Ok(())
}

fn wall_seconds() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

fn clear(directory: &Path) -> Result<()> {
    fs::remove_dir_all(directory)?;
    Ok(fs::create_dir(directory)?)
}

fn read_all(directory: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    for file in fs::read_dir(directory)? {
        let path = file?.path();
        files.push((path.clone(), fs::read(path)?));
    }
    Ok(files)
}
