//! A run directory with a fake daemon, and the tool run on it.

use cman_client::{
    fake_daemon::FakeDaemon,
    ipc::{ErrorCode, ErrorReply, Message, Reply, Request, encode},
};
use std::{
    fs,
    io::{Read, Write},
    net::Shutdown,
    os::unix::{fs::symlink, net::UnixListener, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
};
use tempfile::TempDir;

/// A machine with a run directory and, maybe, a daemon.
pub(crate) struct Machine {
    pub(crate) dir: TempDir,
    daemon: Option<FakeDaemon>,
}

impl Machine {
    /// Without a daemon.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), daemon: None }
    }

    /// With a daemon that answers by `answer`.
    pub(crate) fn with_daemon(
        answer: impl Fn(Request) -> Vec<Message> + Send + Sync + 'static,
    ) -> Self {
        let mut machine = Self::new();
        machine.start_daemon(answer);
        machine
    }

    pub(crate) fn start_daemon(
        &mut self,
        answer: impl Fn(Request) -> Vec<Message> + Send + Sync + 'static,
    ) {
        self.daemon = Some(FakeDaemon::start(self.dir.path(), answer).unwrap());
    }

    /// Gives all places for readers away: from now on each is told that there is no room.
    pub(crate) fn fill(&self) {
        let socket = file(self, "cman.sock");
        fs::remove_file(&socket).unwrap();
        let listener = UnixListener::bind(&socket).unwrap();
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                for message in refusal(ErrorCode::Busy, "too many clients", "end some of them") {
                    client.write_all(&encode(&message).unwrap()).unwrap();
                }
                client.shutdown(Shutdown::Write).unwrap();
                // Closing with something unread would take the words away from the client.
                let _hello = client.read_to_end(&mut Vec::new());
            }
        });
    }

    /// A command line for this machine. Its words are parted by blanks.
    pub(crate) fn command(&self, line: &str) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_cman_tool")), line)
    }

    /// The same for a copy of the tool.
    pub(crate) fn command_of(&self, tool: &Path, line: &str) -> Command {
        let mut command = Command::new(tool);
        command
            .args(line.split_whitespace())
            .env_clear()
            .env("TZ", "UTC")
            .env("CMAN_RUN_DIR", self.dir.path())
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        Ran::new(self.command(line).output().unwrap(), self.dir.path())
    }
}

/// A living process that is called as the daemon is, and that the lock file names.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(machine: &Machine) -> Self {
        let program = file(machine, "cmand");
        // A copy could not be run while another test's new process has it open for writing.
        symlink("/bin/sleep", &program).unwrap();
        let process = Self(Command::new(&program).arg0("sleep").arg("600").spawn().unwrap());
        fs::write(file(machine, "cmand.lock"), format!("{}\n", process.pid())).unwrap();
        process
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn end(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// How a run of the tool ended and what it said, with the run directory replaced by `RUN_DIR`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn new(output: Output, run_dir: &Path) -> Self {
        let run_dir = run_dir.to_str().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(run_dir, "RUN_DIR");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// What it printed, if it did what it should and said nothing else.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// What it complained about, if it ended with `code` and printed nothing else.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{}", self.err);
        self.err
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// Compares a text with the one that is kept under this name.
#[track_caller]
pub(crate) fn assert_text(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/texts").join(name);
    if std::env::var_os("REWRITE").is_some() {
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; REWRITE=1 makes it", path.display()));
    assert_eq!(text, kept, "differs from {}; REWRITE=1 writes it anew", path.display());
}

pub(crate) fn reply(reply: Reply) -> Vec<Message> {
    vec![Message::Reply(reply)]
}

pub(crate) fn refusal(code: ErrorCode, text: &str, advice: &str) -> Vec<Message> {
    reply(Reply::Error(ErrorReply { code, text: text.into(), advice: advice.into() }))
}

/// Requests that a fake daemon has heard, for a look afterwards.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<Request>>>);

impl Heard {
    pub(crate) fn note(&self, request: &Request) {
        self.0.lock().unwrap().push(request.clone());
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, request: &Request) -> usize {
        self.all().iter().filter(|heard| *heard == request).count()
    }
}

/// Where a file of this machine is.
pub(crate) fn file(machine: &Machine, name: &str) -> PathBuf {
    machine.dir.path().join(name)
}
