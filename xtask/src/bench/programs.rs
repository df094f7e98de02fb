//! What is built and installed first.

use crate::{packages::Need, repository, sandbox::interrupt::Interrupt};
use anyhow::{Context, Result, ensure};
use cman_e2e::node;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Programs and one header; an absolute path is looked for as it is.
pub(crate) const NEEDS: &[Need] = &[
    ("corosync", "corosync"),
    ("cc", "gcc libc6-dev"),
    ("nsenter", "util-linux"),
    ("/usr/include/corosync/cpg.h", "libcpg-dev"),
];

/// Where everything lies.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// Our daemon and tools.
    pub(crate) ours: node::Programs,
    /// A member of one of corosync's groups that loads and counts.
    pub(crate) cpg_load: PathBuf,
    /// The network by itself.
    pub(crate) wire: PathBuf,
}

/// Builds everything; our own programs only if `CMAN_BIN_DIR` does not say where they are.
pub(crate) fn build(interrupt: &Interrupt) -> Result<Programs> {
    let ours = build_ours(interrupt)?;
    let beside = ours.cmand.with_file_name("cman_bench");
    ensure!(beside.is_file(), "{} is missing: build it first", beside.display());
    let directory = repository::target().join("bench-peer");
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let cpg_load = compile("cpg_load", &["-lcpg", "-lpthread"], &directory, interrupt)?;
    let wire = compile("wire", &[], &directory, interrupt)?;
    Ok(Programs { ours, cpg_load, wire })
}

fn build_ours(interrupt: &Interrupt) -> Result<node::Programs> {
    if std::env::var_os("CMAN_BIN_DIR").is_some() {
        return node::Programs::find();
    }
    println!("building cmand, cman_tool and cman_bench");
    let mut cargo = repository::cargo();
    cargo.args(["build", "--release", "-p", "cmand", "-p", "cman_tool", "-p", "cman_bench"]);
    ensure!(interrupt.run(&mut cargo)?.success(), "the build failed");
    node::Programs::in_directory(&repository::target().join("release"))
}

fn compile(
    name: &str,
    libraries: &[&str],
    directory: &Path,
    interrupt: &Interrupt,
) -> Result<PathBuf> {
    let program = directory.join(name);
    let source = repository::root().join("benches/peer").join(name).with_extension("c");
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-Wall", "-Wextra", "-o"]).arg(&program).arg(&source).args(libraries);
    ensure!(interrupt.run(&mut cc)?.success(), "cannot compile {}", source.display());
    Ok(program)
}
