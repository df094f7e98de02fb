//! Where things are.

use anyhow::{Context, Result};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root());
    command
}

/// A program of this repository with these arguments: release speed, assertions on.
pub(crate) fn checked_program(package: &str, arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args(["run", "--quiet", "--profile", "sim", "--package", package, "--"]);
    command.args(arguments);
    command
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => root().join(directory),
        None => root().join("target"),
    }
}

/// The files under version control, with those not yet added but not ignored either, relative to
/// the root.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .context("cannot run git: is it installed?")?;
    anyhow::ensure!(
        listed.status.success(),
        "git cannot list the files: {}",
        String::from_utf8_lossy(&listed.stderr).trim()
    );
    let listed = String::from_utf8(listed.stdout).context("a file name is not UTF-8")?;
    let mut files: Vec<_> =
        listed.split('\0').filter(|f| !f.is_empty()).map(PathBuf::from).collect();
    // Deleted, but not committed yet.
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}
