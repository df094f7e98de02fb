//! `dist`: the Debian package.
//!
//! What goes where is the table [`FILES`], the manual pages in `docs/manual`, and the control
//! files in `packaging/debian`. Nothing is taken from the machine that builds but the compiler
//! and the names of the packages that the programs need.
//!
//! | module | what |
//! |---|---|
//! | [`library`] | the C libraries in the package |
//! | [`fresh`] | a fresh system in a directory |
//! | [`check`] | installs the package in a fresh system and runs it there |
//! | [`boot`] | boots a fresh system in which the package is installed |

mod boot;
mod check;
mod fresh;
mod library;

use crate::{packages, repository};
use anyhow::{Context, Result, bail, ensure};
use cman_e2e::command::{run as run_command, run_with_input, system_command};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// What goes into the package as it is: from (relative to the repository, or to the release build
/// if it has no directory), to, and the mode.
const FILES: &[(&str, &str, u32)] = &[
    ("cmand", "usr/sbin/cmand", 0o755),
    ("cman_tool", "usr/sbin/cman_tool", 0o755),
    ("cman_bench", "usr/sbin/cman_bench", 0o755),
    ("packaging/cman.service", "lib/systemd/system/cman.service", 0o644),
    ("packaging/debian/copyright", "usr/share/doc/cman/copyright", 0o644),
    ("README.md", "usr/share/doc/cman/README.md", 0o644),
    ("SECURITY.md", "usr/share/doc/cman/SECURITY.md", 0o644),
];

/// What shells need to complete `cman_tool`, and where they look for it.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "usr/share/bash-completion/completions/cman_tool"),
    ("fish", "usr/share/fish/vendor_completions.d/cman_tool.fish"),
    ("zsh", "usr/share/zsh/vendor-completions/_cman_tool"),
];

/// Directories that the package owns, and their modes.
const DIRECTORIES: &[(&str, u32)] = &[("etc/cluster", 0o755), ("var/lib/cman", 0o700)];

/// Where the manual pages are: `NAME.SECTION.md`.
const MANUAL: &str = "docs/manual";

/// Where the control files are: `control` with fields to fill in, and the scripts.
const CONTROL: &str = "packaging/debian";

/// Scripts that Debian runs, as far as they exist.
const SCRIPTS: &[&str] = &["preinst", "postinst", "prerm", "postrm"];

/// What building the package needs.
const NEEDS: &[packages::Need] = &[
    ("dpkg-deb", "dpkg"),
    ("cc", "gcc"),
    ("dpkg-shlibdeps", "dpkg-dev"),
    ("gzip", "gzip"),
    ("lowdown", "lowdown"),
    ("strip", "binutils"),
];

/// What `cargo xtask dist` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Install the package in a fresh system, run it there, and remove it again
    #[arg(long)]
    check: bool,
    /// Boot a fresh system with the package in a virtual machine: some minutes
    #[arg(long)]
    boot: bool,
}

/// Builds the package, and checks it if asked to.
pub(crate) fn run(options: &Options) -> Result<()> {
    packages::ensure(NEEDS)?;
    let package = build()?;
    println!("{}", package.display());
    if options.check {
        check::run(&package)?;
    }
    if options.boot {
        boot::run(&package)?;
    }
    Ok(())
}

fn build() -> Result<PathBuf> {
    build_programs()?;
    let version = env!("CARGO_PKG_VERSION");
    let architecture = run_command("dpkg", &["--print-architecture"])?.trim().to_owned();
    let base = repository::target().join("dist");
    let name = format!("cman_{version}_{architecture}");
    let tree = base.join(&name);
    if tree.exists() {
        fs::remove_dir_all(&tree).with_context(|| format!("cannot clear {}", tree.display()))?;
    }
    fill(&tree)?;
    let libraries = library::fill(&tree)?;
    write_manual(&tree)?;
    write_control(&tree, &base, version, &architecture, &libraries)?;
    let package = base.join(format!("{name}.deb"));
    let (from, to) = (text_of(&tree)?, text_of(&package)?);
    run_command("dpkg-deb", &["--root-owner-group", "--build", from, to])?;
    Ok(package)
}

fn build_programs() -> Result<()> {
    let mut cargo = repository::cargo();
    cargo.args(["build", "--release", "--package", "cmand", "--package", "cman_tool"]);
    cargo.args(["--package", "cman_bench"]);
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(status.success(), "the programs do not build");
    Ok(())
}

fn fill(tree: &Path) -> Result<()> {
    for &(directory, mode) in DIRECTORIES {
        let directory = tree.join(directory);
        fs::create_dir_all(&directory)?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(mode))?;
    }
    for &(from, to, mode) in FILES {
        let program = !from.contains(['/', '.']);
        let source = if program {
            repository::target().join("release").join(from)
        } else {
            repository::root().join(from)
        };
        install(&source, &tree.join(to), mode)?;
        if program {
            run_command("strip", &["--strip-unneeded", text_of(&tree.join(to))?])?;
        }
    }
    for (shell, to) in COMPLETIONS {
        write_completions(shell, &tree.join(to))?;
    }
    let changelog = tree.join("usr/share/doc/cman/changelog");
    install(&repository::root().join("CHANGELOG.md"), &changelog, 0o644)?;
    compress(&changelog)
}

/// The tool writes them itself.
fn write_completions(shell: &str, to: &Path) -> Result<()> {
    let tool = repository::target().join("release/cman_tool");
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    let script = run_command(text_of(&tool)?, &["completions", shell])?;
    fs::write(to, script).with_context(|| format!("cannot write {}", to.display()))
}

fn install(from: &Path, to: &Path, mode: u32) -> Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    fs::copy(from, to).with_context(|| format!("cannot install {}", from.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    Ok(())
}

/// Compresses a file as Debian wants it: best, and without the time of the build.
fn compress(file: &Path) -> Result<()> {
    run_command("gzip", &["-9", "--no-name", "--force", text_of(file)?]).map(drop)
}

fn write_manual(tree: &Path) -> Result<()> {
    let directory = repository::root().join(MANUAL);
    for entry in fs::read_dir(&directory).with_context(|| format!("no manual in {MANUAL}"))? {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((page, number)) = page_of(&file) else { continue };
        let text = fs::read_to_string(&path)?;
        let target = tree.join(format!("usr/share/man/man{number}/{page}.{number}"));
        fs::create_dir_all(target.parent().unwrap_or(tree))?;
        let (title, section) = (format!("title={page}"), format!("section={number}"));
        let flags = ["-s", "-T", "man", "-M", &title, "-M", &section, "-o"];
        run_with_input("lowdown", &[&flags[..], &[text_of(&target)?]].concat(), &as_page(&text))?;
        compress(&target)?;
        let directory = target.parent().unwrap_or(tree);
        for name in library::names_of_page(page, &text) {
            library::write_reference(directory, name, page, number)?;
        }
    }
    Ok(())
}

/// `cman_tool.8.md` is page `cman_tool` of section 8. Other files are no manual pages.
fn page_of(file: &str) -> Option<(&str, &str)> {
    let (page, section) = file.strip_suffix(".md")?.rsplit_once('.')?;
    let digit = section.len() == 1 && section.chars().all(|c| c.is_ascii_digit());
    digit.then_some((page, section))
}

/// The text without its title, which a manual page has in its margin, and with its sections one
/// level up.
fn as_page(text: &str) -> String {
    let mut code = false;
    let mut page = String::new();
    for line in text.lines() {
        code ^= line.starts_with("```");
        match line.strip_prefix('#') {
            Some(title) if !code && title.starts_with(' ') => continue,
            Some(section) if !code => page.push_str(section),
            _ => page.push_str(line),
        }
        page.push('\n');
    }
    page
}

fn write_control(
    tree: &Path,
    base: &Path,
    version: &str,
    architecture: &str,
    libraries: &[PathBuf],
) -> Result<()> {
    let control = tree.join("DEBIAN");
    fs::create_dir_all(&control)?;
    library::write_control(&control)?;
    let template = repository::root().join(CONTROL).join("control");
    let template = fs::read_to_string(&template)
        .with_context(|| format!("cannot read {}", template.display()))?;
    let kilobytes = run_command("du", &["--summarize", "--apparent-size", "-k", text_of(tree)?])?;
    let kilobytes = kilobytes.split_whitespace().next().unwrap_or("0").to_owned();
    let filled = template
        .replace("@VERSION@", version)
        .replace("@ARCHITECTURE@", architecture)
        .replace("@DEPENDS@", &depends(tree, base, libraries)?)
        .replace("@SIZE@", &kilobytes);
    let field = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_uppercase());
    if let Some(unknown) = filled.split('@').find(field) {
        bail!("{CONTROL}/control asks for @{unknown}@, which is unknown");
    }
    fs::write(control.join("control"), filled)?;
    for script in SCRIPTS {
        let source = repository::root().join(CONTROL).join(script);
        if source.exists() {
            install(&source, &control.join(script), 0o755)?;
        }
    }
    Ok(())
}

/// The packages that bring the shared libraries the programs need.
fn depends(tree: &Path, base: &Path, libraries: &[PathBuf]) -> Result<String> {
    // The tool insists on being run in a source package.
    let fake = base.join("shlibdeps");
    fs::create_dir_all(fake.join("debian"))?;
    fs::write(fake.join("debian/control"), "Source: cman\n\nPackage: cman\nArchitecture: any\n")?;
    let mut command = system_command("dpkg-shlibdeps");
    command.arg("-O").current_dir(&fake);
    for (from, to, _) in FILES {
        if !from.contains(['/', '.']) {
            command.arg(format!("-e{}", tree.join(to).display()));
        }
    }
    for library in libraries {
        command.arg(format!("-e{}", library.display()));
    }
    let output = command.output().context("cannot run dpkg-shlibdeps")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let found = printed.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    let said = String::from_utf8_lossy(&output.stderr);
    found.map(str::to_owned).with_context(|| format!("dpkg-shlibdeps found nothing: {said}"))
}

fn text_of(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_move_up_and_comments_stay() {
        let text = "# a(8)\n## NAME\na - b\n```\n# comment\n```\n### join\n";
        assert_eq!(as_page(text), "# NAME\na - b\n```\n# comment\n```\n## join\n");
    }

    #[test]
    fn manual_pages_are_told_by_their_names() {
        assert_eq!(page_of("cman_tool.8.md"), Some(("cman_tool", "8")));
        assert_eq!(page_of("cluster.conf.5.md"), Some(("cluster.conf", "5")));
        assert_eq!(page_of("README.md"), None);
        assert_eq!(page_of("cmand.8.txt"), None);
    }
}
