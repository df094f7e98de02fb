//! C programs at real daemons: the tests and examples of the C libraries.
//!
//! They are compiled with the libraries and headers that `cargo xtask capi` makes, as anybody's
//! would be, and find the daemon of a node by its run directory.

use crate::{cluster::Cluster, command::run, node::Node};
use anyhow::{Context, Result, bail, ensure};
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
    thread::sleep,
    time::{Duration, Instant},
};

/// Where the libraries are, once found.
static FOUND: Mutex<Option<PathBuf>> = Mutex::new(None);

/// How every program is compiled: strictly, in the C of its time.
const STRICT: &[&str] =
    &["-std=c99", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-pedantic", "-Werror", "-g", "-O1"];

/// How a program is watched while it runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watched {
    /// Not at all.
    No,
    /// Compiled with AddressSanitizer and the checks for undefined behaviour.
    Sanitized,
    /// By valgrind, which also watches the library.
    Valgrind,
}

/// The libraries and headers. Where they lie is told by `CMAN_CAPI_DIR`; else they are those of the
/// workspace, brought up to date first if this runs under cargo.
pub fn libraries() -> Result<PathBuf> {
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(libraries) = &*found {
        return Ok(libraries.clone());
    }
    let libraries = match env::var_os("CMAN_CAPI_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => build()?,
    };
    ensure!(
        libraries.join("lib/libcman.so").is_file(),
        "there are no C libraries in {}: make them with `cargo xtask capi`",
        libraries.display()
    );
    *found = Some(libraries.clone());
    Ok(libraries)
}

fn build() -> Result<PathBuf> {
    let cargo = env::var_os("CARGO")
        .context("make the C libraries with `cargo xtask capi`, and set CMAN_CAPI_DIR")?;
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--package", "xtask", "--", "capi"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("cannot run cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cannot make the C libraries: {said}");
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(PathBuf::from(printed.lines().last().unwrap_or_default()))
}

/// A compiled program.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    libraries: PathBuf,
    watched: Watched,
}

impl Program {
    /// Compiles `capi/libcman/SOURCE.c` into the directory of a cluster.
    pub fn compile(cluster: &Cluster, source: &str, watched: Watched) -> Result<Self> {
        Self::compile_for(cluster, source, watched, "libcman.so")
    }

    /// The same for another one of the library's names.
    pub fn compile_for(
        cluster: &Cluster,
        source: &str,
        watched: Watched,
        library: &str,
    ) -> Result<Self> {
        let libraries = libraries()?;
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let source = repository.join("capi/libcman").join(format!("{source}.c"));
        let name = source.file_stem().and_then(|name| name.to_str()).context("no name")?;
        let path = cluster.lab().directory().join(format!("{name}-{watched:?}-{library}"));
        let (source, to) = (source.display().to_string(), path.display().to_string());
        let include = format!("-I{}", libraries.join("include").display());
        let search = format!("-L{}", libraries.join("lib").display());
        let mut arguments = STRICT.to_vec();
        if watched == Watched::Sanitized {
            arguments.extend(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
        }
        let link = format!("-l:{library}");
        arguments.extend([&include, &source, "-o", &to, &search, &link, "-pthread"]);
        run("cc", &arguments).context("a C program does not compile")?;
        Ok(Self { path, libraries, watched })
    }

    /// A command that runs it at the daemon of a node.
    #[must_use]
    pub fn command(&self, node: &Node) -> Command {
        let mut command = match self.watched {
            Watched::No | Watched::Sanitized => Command::new(&self.path),
            Watched::Valgrind => {
                let mut command = Command::new("valgrind");
                command.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
                command.args(["--track-fds=no", "--fair-sched=yes"]).arg(&self.path);
                command
            }
        };
        command.env("CMAN_RUN_DIR", node.run_dir());
        command.env("LD_LIBRARY_PATH", self.libraries.join("lib"));
        command
    }

    /// Runs it at the daemon of a node, and expects it to succeed. Returns what it printed.
    pub fn succeeds(&self, node: &Node, arguments: &[&str], bound: Duration) -> Result<String> {
        self.start(node, arguments)?.finish(bound)
    }

    /// Starts it at the daemon of a node.
    pub fn start(&self, node: &Node, arguments: &[&str]) -> Result<Running> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let what = format!("`{name} {}` at node {}", arguments.join(" "), node.number());
        let number = node.number();
        let errors = self.path.with_extension(format!("{number}.{}", unique()));
        let child = self
            .command(node)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&errors)?)
            .spawn()
            .with_context(|| format!("cannot run {what}"))?;
        Ok(Running { what, child, errors })
    }
}

/// A number that no other call in this process gets.
fn unique() -> usize {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// A program that runs; killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    what: String,
    child: Child,
    errors: PathBuf,
}

impl Running {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Option<rustix::process::Pid> {
        rustix::process::Pid::from_raw(self.child.id().cast_signed())
    }

    /// Types something.
    pub fn type_in(&mut self, text: &str) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("nothing can be typed any more")?;
        stdin.write_all(text.as_bytes()).with_context(|| format!("{} does not read", self.what))
    }

    /// Waits for a line that begins with these words. One that does not end waits for ever, which
    /// the runner of the tests ends.
    pub fn wait_for(&mut self, beginning: &str) -> Result<String> {
        let stdout = self.child.stdout.as_mut().context("nothing more is printed")?;
        // No line is read ahead of the one that is waited for.
        let mut lines = BufReader::with_capacity(1, stdout);
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                bail!("{} never said {beginning:?}: {}", self.what, self.complaint());
            }
            if line.starts_with(beginning) {
                return Ok(line);
            }
        }
    }

    /// Waits until it has ended, well or not.
    fn wait(&mut self, bound: Duration) -> Result<ExitStatus> {
        drop(self.child.stdin.take());
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if start.elapsed() > bound {
                bail!("{} does not end: {}", self.what, self.complaint());
            }
            sleep(Duration::from_millis(10));
        }
    }

    /// Waits until it has ended well, and returns what else it printed.
    pub fn finish(mut self, bound: Duration) -> Result<String> {
        let status = self.wait(bound)?;
        ensure!(status.success(), "{} failed, {status}: {}", self.what, self.complaint());
        let mut printed = String::new();
        if let Some(stdout) = &mut self.child.stdout {
            stdout.read_to_string(&mut printed)?;
        }
        let complaint = self.complaint();
        ensure!(complaint.is_empty(), "{} complains: {complaint}", self.what);
        Ok(printed)
    }

    fn complaint(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
