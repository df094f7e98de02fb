//! `capi`: the C libraries, as programs find them: `target/capi/{lib,include}`.
//!
//! The compiler makes an archive of each crate in `capi`; the C compiler makes a shared library of
//! that, because only so a library exports what its map says and nothing of Rust. What comes out is
//! checked: the exported names, the libraries it needs, the header in three languages.
//!
//! | module | what |
//! |---|---|
//! | [`check`] | what must be true of a library and its header |

mod check;

use crate::{
    packages,
    repository::{self, cargo},
};
use anyhow::{Context, Result, ensure};
use cman_e2e::command::run as run_command;
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// What building them needs.
const NEEDS: &[packages::Need] =
    &[("cc", "gcc"), ("g++", "g++"), ("nm", "binutils"), ("readelf", "binutils")];

/// The profile that C libraries are built with.
const PROFILE: &str = "c-library";

/// A C library.
#[derive(Debug)]
pub(crate) struct Library {
    /// The crate, and its directory in `capi`.
    pub(crate) package: &'static str,
    /// What is left of its name for `-l`.
    pub(crate) name: &'static str,
    /// The numbers of the interfaces that it serves, the one that new programs get first.
    pub(crate) versions: &'static [u32],
}

/// All of them.
pub(crate) const LIBRARIES: &[Library] =
    &[Library { package: "libcman", name: "cman", versions: &[3, 2] }];

impl Library {
    pub(crate) fn directory(&self) -> PathBuf {
        repository::root().join("capi").join(self.package)
    }

    /// The name without a version, for the linker.
    pub(crate) fn link_name(&self) -> String {
        format!("lib{}.so", self.name)
    }

    /// The names that programs ask for.
    pub(crate) fn sonames(&self) -> impl Iterator<Item = String> {
        self.versions.iter().map(|version| format!("{}.{version}", self.link_name()))
    }

    fn map(&self) -> PathBuf {
        self.directory().join(format!("{}.map", self.package))
    }

    fn header(&self) -> PathBuf {
        self.directory().join(format!("include/{}.h", self.package))
    }
}

/// Builds and checks all of them.
pub(crate) fn run() -> Result<()> {
    let directory = build()?;
    println!("{}", directory.display());
    Ok(())
}

/// Builds and checks all of them. Returns where they are.
pub(crate) fn build() -> Result<PathBuf> {
    packages::ensure(NEEDS)?;
    let target = repository::target().join("capi");
    for library in LIBRARIES {
        build_archive(library)?;
        build_library(library, &target)
            .with_context(|| format!("{} cannot be built", library.package))?;
        check::library(library, &target)?;
        check::header(library, &target)?;
    }
    Ok(target)
}

fn build_archive(library: &Library) -> Result<()> {
    let mut command = cargo();
    command.args(["build", "--quiet", "--lib", "--package", library.package]);
    let status = command.args(["--profile", PROFILE]).status().context("cannot run cargo")?;
    ensure!(status.success(), "{} does not build", library.package);
    Ok(())
}

/// Links the archive once under each name, and puts beside it what programs are built with.
fn build_library(library: &Library, target: &Path) -> Result<()> {
    let (lib, include) = (target.join("lib"), target.join("include"));
    fs::create_dir_all(lib.join("pkgconfig"))?;
    fs::create_dir_all(&include)?;
    let archive = repository::target().join(PROFILE).join(format!("lib{}.a", library.name));
    for soname in library.sonames() {
        link(&archive, &library.map(), &soname, &lib.join(&soname))?;
    }
    let newest = library.sonames().next().context("a library without a version")?;
    let link = lib.join(library.link_name());
    if link.symlink_metadata().is_ok() {
        fs::remove_file(&link)?;
    }
    symlink(newest, &link)?;
    fs::copy(library.header(), include.join(format!("{}.h", library.package)))?;
    let prefix = target.to_str().context("the target directory is not UTF-8")?;
    let file = lib.join(format!("pkgconfig/{}.pc", library.package));
    fs::write(file, package_config(library, prefix, "${prefix}/lib")?)?;
    Ok(())
}

/// What `pkg-config` reads, for a library that is installed below a prefix.
pub(crate) fn package_config(library: &Library, prefix: &str, lib: &str) -> Result<String> {
    let template = library.directory().join(format!("{}.pc.in", library.package));
    let template = fs::read_to_string(&template)
        .with_context(|| format!("cannot read {}", template.display()))?;
    Ok(template.replace("@PREFIX@", prefix).replace("@LIBDIR@", lib))
}

fn link(archive: &Path, map: &Path, soname: &str, to: &Path) -> Result<()> {
    let option = |name: &str, value: &Path| format!("-Wl,{name}{}", value.display());
    let (script, archive) = (option("--version-script=", map), archive.display().to_string());
    let (soname, to) = (format!("-Wl,-soname,{soname}"), to.display().to_string());
    let arguments = [
        "-shared",
        "-o",
        &to,
        &soname,
        &script,
        "-Wl,--whole-archive",
        &archive,
        "-Wl,--no-whole-archive",
        // What nothing in the map leads to, goes; nothing may be missing, or be found late.
        "-Wl,--gc-sections,--strip-all,--as-needed",
        "-Wl,-z,defs,-z,relro,-z,now,-z,noexecstack",
        // So that it needs no more than the library of C.
        "-static-libgcc",
    ];
    run_command("cc", &arguments).map(drop)
}
