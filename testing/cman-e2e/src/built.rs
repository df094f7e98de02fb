//! The programs under test, built once before the first test of a process needs them.

use crate::{cluster::Cluster, conf::Conf, lab::Lab, node::Programs};
use anyhow::{Context, Result, ensure};
use std::{
    env,
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
};

/// The programs, once found.
static FOUND: Mutex<Option<Programs>> = Mutex::new(None);

/// The programs under test. Where they lie is told by `CMAN_BIN_DIR`; else they are those of the
/// workspace, brought up to date first if this runs under cargo.
pub fn programs() -> Result<Programs> {
    // Whoever panicked here left the place empty or full, never half full.
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(programs) = &*found {
        return Ok(programs.clone());
    }
    if env::var_os("CMAN_BIN_DIR").is_none() {
        build()?;
    }
    let programs = Programs::find()?;
    *found = Some(programs.clone());
    Ok(programs)
}

/// Builds the programs into the directory, and with the profile, of the running program.
fn build() -> Result<()> {
    let Some(cargo) = env::var_os("CARGO") else { return Ok(()) };
    let own = env::current_exe().context("cannot tell where this program is")?;
    let profile = own
        .ancestors()
        .skip(1)
        .find(|directory| !directory.ends_with("deps"))
        .context("this program lies nowhere")?;
    let target = profile.parent().context("this program lies nowhere")?;
    let name = profile.file_name().and_then(|name| name.to_str()).unwrap_or("debug");
    // The directory of the profile `dev` is called `debug`.
    let name = if name == "debug" { "dev" } else { name };
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--package", "cmand", "--package", "cman_tool"])
        .args(["--package", "cman_bench", "--package", "cman-sim"])
        .args(["--profile", name])
        .arg("--target-dir")
        .arg(target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .context("cannot run cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cannot build the programs under test: {said}");
    Ok(())
}

/// A cluster in a lab of its own, with programs that are up to date; no daemon runs yet.
pub fn cluster(conf: &Conf) -> Result<Cluster> {
    let lab = Lab::new(conf.nodes)?;
    Cluster::in_lab(lab, &conf.to_xml(), &programs()?)
}
