//! `cman_tool join`.

use super::wait::{self, Goal};
use crate::{
    cli::{Common, Join},
    deadline::Deadline,
    failure::Failure,
    progress::Progress,
};
use cman_client::Error;
use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader, ErrorKind, Write},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};

/// The program of the daemon.
const DAEMON: &str = "cmand";
/// What the daemon hears when this tool does not wait for it any more: anything would do.
const GO_ON: &[u8] = b"go on\n";
/// How often a daemon that is starting is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Starts the daemon, and waits if that is wanted.
pub(super) fn run(common: &Common, args: &Join) -> Result<(), Failure> {
    args.historic.check()?;
    refuse_second(common)?;
    let deadline = Deadline::after(args.timeout);
    let progress = Arc::new(Progress::new(common.json));
    progress.say("Waiting for the cluster daemon to start");
    start(common, args, deadline, &progress)?;
    let goal = match (args.wait, args.quorum) {
        (_, true) => Goal::Quorum,
        (true, false) => Goal::Membership,
        (false, false) => return common.done("The cluster daemon has started."),
    };
    wait::until(common, goal, deadline, &progress)?;
    common.done(goal.reached())
}

/// One daemon for each run directory.
fn refuse_second(common: &Common) -> Result<(), Failure> {
    match common.connect() {
        Ok(daemon) => Err(Failure::failed(
            format!(
                "The cluster daemon is already running in {}, as process {}.",
                common.run_dir.display(),
                daemon.daemon().pid
            ),
            "`cman_tool status` shows how it is; `cman_tool wait` waits for it.",
        )),
        Err(error) if error.is_not_running() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Starts the daemon. It detaches, and its first process ends, when its sockets answer.
fn start(
    common: &Common,
    args: &Join,
    deadline: Deadline,
    progress: &Arc<Progress>,
) -> Result<(), Failure> {
    let mut child = command(common, args)
        // When this tool is killed it ends, and the daemon knows that it is not wanted any more.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_run(&error))?;
    // With JSON its last line becomes a part of the answer.
    let shown = (!common.json).then(|| Arc::clone(progress));
    let said = child.stderr.take().map(|stderr| relay(stderr, shown));
    let status = wait_for_exit(&mut child, deadline)?;
    let last_words = said.map(|said| last_words(&said)).unwrap_or_default();
    if !status.success() {
        return Err(not_started(common, status, last_words));
    }
    match common.connect() {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_running() || matches!(error, Error::Closed) => {
            Err(Failure::failed(
                "The cluster daemon started, and ended at once.",
                "The daemon's log says why.",
            ))
        }
        Err(error) => Err(error.into()),
    }
}

/// The daemon's command line.
fn command(common: &Common, args: &Join) -> Command {
    let mut command = Command::new(program());
    command.arg("--tied").arg("--run-dir").arg(&common.run_dir);
    let options: [(&str, Option<&OsStr>); 4] = [
        ("--config", args.config.as_ref().map(|path| path.as_os_str())),
        ("--state-dir", args.state_dir.as_ref().map(|path| path.as_os_str())),
        ("--keyfile", args.keyfile.as_ref().map(|path| path.as_os_str())),
        ("--name", args.name.as_ref().map(|name| name.as_ref())),
    ];
    for (option, value) in options {
        if let Some(value) = value {
            command.arg(option).arg(value);
        }
    }
    if args.force_clean {
        command.arg("--force-clean");
    }
    command.args(args.historic.daemon_options());
    command
}

/// The program beside this one, else the one in `PATH`.
fn program() -> PathBuf {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(|own| own.parent()).map(|dir| dir.join(DAEMON));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(DAEMON))
}

fn cannot_run(error: &io::Error) -> Failure {
    let program = program();
    if error.kind() == ErrorKind::NotFound {
        return Failure::failed(
            "There is no program cmand, neither beside cman_tool nor in PATH.",
            "Install the daemon, or put its directory into PATH.",
        );
    }
    Failure::failed(format!("Cannot start {}: {error}.", program.display()), "")
}

/// Passes on what the daemon says while it starts, and shows it. It may let go of its stderr late
/// or never, so this does not wait for the end.
fn relay(stderr: ChildStderr, shown: Option<Arc<Progress>>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some(progress) = &shown {
                progress.line(&line);
            }
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The last line that the daemon said before it ended.
fn last_words(said: &Receiver<String>) -> String {
    // What a process wrote is in the pipe before it ends, but the other thread may lag behind.
    let grace = Duration::from_millis(200);
    let mut last = String::new();
    while let Ok(line) = said.recv_timeout(grace) {
        if !line.trim().is_empty() {
            last = line;
        }
    }
    last
}

/// Waits for the first process of the daemon. If time is over it is left to itself.
fn wait_for_exit(child: &mut Child, deadline: Deadline) -> Result<ExitStatus, Failure> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if deadline.has_passed() => {
                if let Some(stdin) = &mut child.stdin {
                    // If it is gone already it needs no word.
                    let _gone = stdin.write_all(GO_ON);
                }
                return Err(Failure::timed_out(
                    "The cluster daemon is still starting.",
                    "It goes on by itself: `cman_tool status` answers when it has started.",
                ));
            }
            Ok(None) => deadline.sleep(INTERVAL),
            Err(error) => {
                return Err(Failure::failed(format!("Lost track of {DAEMON}: {error}."), ""));
            }
        }
    }
}

fn not_started(common: &Common, status: ExitStatus, last_words: String) -> Failure {
    let sentence = match (status.code(), status.signal()) {
        (Some(3), _) => {
            "The cluster refused this node, or had it put out, or its state keeps it out."
                .to_owned()
        }
        (_, Some(signal)) => format!("The cluster daemon was ended by signal {signal}."),
        _ => "The cluster daemon did not start.".to_owned(),
    };
    let advice = match (last_words.is_empty(), common.json) {
        (true, _) => "`cmand --foreground` shows what happens.".to_owned(),
        (false, true) => last_words,
        (false, false) => "What it said stands above.".to_owned(),
    };
    Failure::failed(sentence, advice)
}
