//! A fresh system: the smallest Debian there is, in a directory.

use super::text_of;
use anyhow::{Context, Result};
use cman_e2e::command::run as run_command;
use std::{fs, path::Path};

/// Makes the release that this machine runs, with `packages` besides what is essential; returns
/// its name.
pub(super) fn make(directory: &Path, packages: &[&str]) -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("cannot tell which Debian")?;
    let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let suite = suite.context("/etc/os-release names no VERSION_CODENAME")?;
    println!("making a fresh {suite} system");
    let target = text_of(directory)?;
    let include = format!("--include={}", packages.join(","));
    let mut arguments = vec!["--variant=essential", "--quiet"];
    if !packages.is_empty() {
        arguments.push(&include);
    }
    arguments.extend([suite, target]);
    run_command("mmdebstrap", &arguments)?;
    Ok(suite.to_owned())
}
