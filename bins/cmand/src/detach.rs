//! Going into the background: a new process does all the work, and the one that was started, the
//! *starter*, waits until that one's sockets answer or it has failed.
//!
//! Until then the start belongs to whoever waits for it. When the starter is killed, or the
//! `cman_tool` that waits for the starter, there is no daemon afterwards and nothing that it made.

use crate::{
    log::{Log, last_words},
    pipe::{self, Pipe},
    start_error::StartError,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Signal, set_parent_process_death_signal},
};
use std::{
    env,
    fs::File,
    io::{self, Read},
    process::{ChildStdout, Command, ExitCode, Stdio},
};

/// What the new process writes when its sockets answer.
const READY: &[u8] = b"ready\n";
/// More than it ever writes.
const REPORT_BYTES_MAX: u64 = 64;

/// Starts this program again, with the same arguments, to stay; and waits until it answers. Its
/// errors go to our stderr, and its exit code becomes ours. `tied`: whoever started us may give the
/// start up, by ending without a word on our stdin.
pub(crate) fn start_again(tied: bool, pipe: &mut Pipe) -> ExitCode {
    match run_again(tied, pipe) {
        Ok(code) => code,
        Err(error) => {
            last_words(&format!(
                "cannot start itself in the background: {error}; use --foreground"
            ));
            ExitCode::FAILURE
        }
    }
}

fn run_again(tied: bool, pipe: &mut Pipe) -> io::Result<ExitCode> {
    // On an old kernel the daemon holds what we were given, which is untidy and no more.
    let _old_kernel = cman_io::descriptors::keep_from_children();
    let mut daemon = Command::new(env::current_exe()?)
        .args(env::args_os().skip(1))
        .arg("--detached")
        .env_remove(pipe::VARIABLE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut report = Vec::new();
    if let Some(stdout) = daemon.stdout.take() {
        if tied && is_given_up(&stdout)? {
            // The daemon ends with us.
            return Ok(ExitCode::FAILURE);
        }
        stdout.take(REPORT_BYTES_MAX).read_to_end(&mut report)?;
    }
    if report == READY {
        pipe.succeeded(daemon.id());
        return Ok(ExitCode::SUCCESS);
    }
    pipe.failed("the daemon could not start; its log says why");
    let code = daemon.wait()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Waits for the daemon's report, or for an end of our stdin. A word on stdin says that we are to
/// go on alone.
fn is_given_up(report: &ChildStdout) -> io::Result<bool> {
    loop {
        let stdin = io::stdin();
        let mut fds = [PollFd::new(report, PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let [report, stdin] = fds.map(|fd| !fd.revents().is_empty());
        if report {
            return Ok(false);
        }
        if stdin {
            return Ok(rustix::io::read(io::stdin(), &mut [0; 1])? == 0);
        }
    }
}

/// The process that started this one and waits for it; nobody in the foreground.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Starter {
    waits: bool,
}

impl Starter {
    /// While nothing is made yet, and names are resolved that may take long, this process ends with
    /// the one that waits for it.
    ///
    /// # Errors
    /// When nobody waits any more.
    pub(crate) fn end_with_it(detached: bool) -> Result<Self, StartError> {
        if detached {
            set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from)?;
        }
        let starter = Self { waits: detached };
        starter.check().map(|()| starter)
    }

    /// From now on things are made that must be taken away again: this process looks for itself
    /// whether anybody waits for it.
    ///
    /// # Errors
    /// When nobody does.
    pub(crate) fn let_make(self) -> Result<(), StartError> {
        if self.waits {
            set_parent_process_death_signal(None).map_err(io::Error::from)?;
        }
        self.check()
    }

    /// Whether the start is still wanted.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn check(self) -> Result<(), StartError> {
        let stdout = rustix::stdio::stdout();
        let mut fds = [PollFd::from_borrowed_fd(stdout, PollFlags::empty())];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        if self.waits
            && poll(&mut fds, Some(&at_once)).map_err(io::Error::from)? > 0
            && fds.iter().any(|fd| fd.revents().contains(PollFlags::ERR))
        {
            return Err(StartError::GivenUp);
        }
        Ok(())
    }
}

/// In the new process, when its sockets answer: lets go of the terminal, the directory and the
/// process that waits.
///
/// # Errors
/// When nobody waits any more, there is no `/dev/null`, or the like.
pub(crate) fn let_go(log: &Log) -> Result<(), StartError> {
    log.flush();
    log.detach();
    log.flush();
    rustix::process::setsid().map_err(io::Error::from)?;
    env::set_current_dir("/")?;
    let null = File::options().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stderr(&null).map_err(io::Error::from)?;
    rustix::io::write(rustix::stdio::stdout(), READY).map_err(|_| StartError::GivenUp)?;
    rustix::stdio::dup2_stdout(&null).map_err(io::Error::from)?;
    Ok(())
}
