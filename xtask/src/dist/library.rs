//! The C libraries in the package: what programs run with, and what they are built with.

use super::{install, text_of};
use crate::capi;
use anyhow::{Context, Result};
use cman_e2e::command::run as run_command;
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// Has the loader look again at what libraries there are, once the package is installed.
const TRIGGERS: &str = "activate-noawait ldconfig\n";

/// Puts the libraries and headers into the package. Returns the libraries.
pub(super) fn fill(tree: &Path) -> Result<Vec<PathBuf>> {
    let built = capi::build()?;
    let triplet = run_command("dpkg-architecture", &["-q", "DEB_HOST_MULTIARCH"])?;
    let lib = format!("usr/lib/{}", triplet.trim());
    let mut libraries = Vec::new();
    for library in capi::LIBRARIES {
        for soname in library.sonames() {
            let to = tree.join(&lib).join(&soname);
            install(&built.join("lib").join(&soname), &to, 0o644)?;
            libraries.push(to);
        }
        let newest = library.sonames().next().context("a library without a version")?;
        symlink(newest, tree.join(&lib).join(library.link_name()))?;
        let header = format!("include/{}.h", library.package);
        install(&built.join(&header), &tree.join("usr").join(&header), 0o644)?;
        let file = tree.join(&lib).join(format!("pkgconfig/{}.pc", library.package));
        fs::create_dir_all(file.parent().unwrap_or(tree))?;
        let text = capi::package_config(library, "/usr", &format!("/{lib}"))?;
        fs::write(file, text)?;
    }
    examples(tree)?;
    Ok(libraries)
}

/// The examples, as people expect them to lie.
fn examples(tree: &Path) -> Result<()> {
    for library in capi::LIBRARIES {
        let directory = library.directory().join("examples");
        let found = fs::read_dir(&directory)
            .with_context(|| format!("no examples in {}", directory.display()))?;
        for example in found {
            let example = example?;
            let to = tree.join("usr/share/doc/cman/examples").join(example.file_name());
            install(&example.path(), &to, 0o644)?;
        }
    }
    Ok(())
}

/// What the package manager is told of the libraries.
pub(super) fn write_control(control: &Path) -> Result<()> {
    fs::write(control.join("triggers"), TRIGGERS)?;
    let of = |library: &capi::Library| {
        let name = library.name;
        let lines = library.versions.iter().map(|v| format!("lib{name} {v} cman\n"));
        lines.collect::<String>()
    };
    let shlibs: String = capi::LIBRARIES.iter().map(of).collect();
    fs::write(control.join("shlibs"), shlibs)?;
    Ok(())
}

/// Pages that only lead to another: one for each other name that a page has.
pub(super) fn names_of_page<'a>(page: &str, text: &'a str) -> Vec<&'a str> {
    let names = text.lines().skip_while(|line| *line != "## NAME").nth(2).unwrap_or_default();
    let names = names.split(" - ").next().unwrap_or_default();
    names.split(", ").filter(|name| *name != page && !name.contains(' ')).collect()
}

/// Writes a page that leads to another.
pub(super) fn write_reference(directory: &Path, from: &str, to: &str, section: &str) -> Result<()> {
    let file = directory.join(format!("{from}.{section}"));
    fs::write(&file, format!(".so man{section}/{to}.{section}\n"))
        .with_context(|| format!("cannot write {}", text_of(&file).unwrap_or(from)))?;
    super::compress(&file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_found_by_all_its_names() {
        let text = "# a(3)\n\n## NAME\n\na, b, c - things\n\n## SYNOPSIS\n";
        assert_eq!(names_of_page("a", text), ["b", "c"]);
        assert_eq!(names_of_page("d", "## NAME\n\nd - one thing\n"), [""; 0]);
    }
}
