//! Installs the package in a fresh system and runs it there.
//!
//! The system runs in a network namespace of its own. systemd does not run in it, so the unit is
//! only read, not started.

use super::{fresh, text_of};
use crate::{packages, repository};
use anyhow::{Context, Result, ensure};
use cman_e2e::lab::Lab;
use std::{fs, path::Path};

/// What happens inside the fresh system.
const SCRIPT: &str = include_str!("check.sh");

/// What making it needs.
const NEEDS: &[packages::Need] =
    &[("mmdebstrap", "mmdebstrap"), ("ip", "iproute2"), ("chroot", "coreutils")];

/// Installs, runs, removes; fails if anything of that does, or if something stays behind.
pub(crate) fn run(package: &Path) -> Result<()> {
    packages::ensure_root("`cargo xtask dist --check`", "run it with sudo")?;
    packages::ensure(NEEDS)?;
    let lab = Lab::new(1)?;
    let root = lab.directory().join("root");
    let suite = fresh::make(&root, &[])?;
    let target = text_of(&root)?;
    fs::copy(package, root.join("cman.deb"))?;
    let script = root.join("check.sh");
    fs::write(&script, SCRIPT)?;
    let names = format!("127.0.0.1 localhost\n{} {}\n", Lab::address(1), Lab::name(1));
    fs::write(root.join("etc/hosts"), names)?;
    // The mounts are made in the mount namespace that `ip netns exec` makes, and go with it.
    let enter = "mount -t proc proc \"$1/proc\" && mount --bind /dev \"$1/dev\" && \
                 exec chroot \"$1\" sh -eu /check.sh";
    let status = lab
        .command(1, "sh")
        .args(["-c", enter, "sh", target])
        .current_dir(repository::root())
        .status()
        .context("cannot enter the fresh system")?;
    ensure!(status.success(), "the package does not work in a fresh system: see above");
    println!("installed, started, stopped and purged in a fresh {suite} system");
    Ok(())
}
