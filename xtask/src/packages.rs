//! Installing what a task needs.

use anyhow::{Context, Result, bail};
use cman_e2e::command::{system_command, system_path};
use std::{env::split_paths, process::Stdio};

/// A program, and the Debian package that brings it.
pub(crate) type Need = (&'static str, &'static str);

/// What network namespaces with faults need.
pub(crate) const LAB: &[Need] = &[("ip", "iproute2"), ("nft", "nftables")];

/// What the end-to-end tests need.
pub(crate) const END_TO_END: &[Need] = &[
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("ping", "iputils-ping"),
    ("cc", "gcc"),
    ("g++", "g++"),
    ("valgrind", "valgrind"),
];

/// Installs what is missing, if this is root on a Debian machine; otherwise says what to do.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<_> = needs
        .iter()
        .filter(|(program, _)| !installed(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !installed("apt-get") {
        bail!("this task needs {packages}: install what your distribution calls so");
    }
    if !is_root()? {
        bail!("this task needs {packages}: install them with `sudo apt-get install {packages}`");
    }
    println!("installing {packages}");
    // An outdated list may still name a package that can be had, so go on if this fails.
    let _ = apt_get(&["update", "--quiet", "--quiet"]);
    let install = ["install", "--quiet", "--quiet", "--yes", "--no-install-recommends"];
    apt_get(&[&install, missing.as_slice()].concat())
        .with_context(|| format!("cannot install {packages}"))
}

/// Fails with a sentence if this is not root. `otherwise` says what can be done without.
pub(crate) fn ensure_root(what: &str, otherwise: &str) -> Result<()> {
    if !is_root()? {
        bail!("{what} needs root, because it makes network namespaces: {otherwise}");
    }
    Ok(())
}

fn is_root() -> Result<bool> {
    Ok(cman_e2e::command::run("id", &["-u"])?.trim() == "0")
}

/// Whether a program is anywhere in the path of the system.
pub(crate) fn installed(program: &str) -> bool {
    split_paths(&system_path()).any(|directory| directory.join(program).is_file())
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let status = system_command("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("cannot run apt-get")?;
    if !status.success() {
        bail!("`apt-get {}` failed: {status}", arguments.join(" "));
    }
    Ok(())
}
