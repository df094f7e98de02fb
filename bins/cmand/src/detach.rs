//! Going into the background: a new process does all the work, and the one that was started waits
//! until that one's sockets answer or it has failed.

use crate::log::{Log, last_words};
use std::{
    env,
    fs::File,
    io::{self, Read},
    process::{Command, ExitCode, Stdio},
};

/// What the new process writes when its sockets answer.
const READY: &[u8] = b"ready\n";
/// More than it ever writes.
const REPORT_BYTES_MAX: u64 = 64;

/// Starts this program again, with the same arguments, to stay; and waits until it answers. Its
/// errors go to our stderr, and its exit code becomes ours.
pub(crate) fn start_again() -> ExitCode {
    match run_again() {
        Ok(code) => code,
        Err(error) => {
            last_words(&format!(
                "cannot start itself in the background: {error}; use --foreground"
            ));
            ExitCode::FAILURE
        }
    }
}

fn run_again() -> io::Result<ExitCode> {
    // On an old kernel the daemon holds what we were given, which is untidy and no more.
    let _old_kernel = cman_io::descriptors::keep_from_children();
    let mut daemon = Command::new(env::current_exe()?)
        .args(env::args_os().skip(1))
        .arg("--detached")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut report = Vec::new();
    if let Some(stdout) = daemon.stdout.take() {
        stdout.take(REPORT_BYTES_MAX).read_to_end(&mut report)?;
    }
    if report == READY {
        return Ok(ExitCode::SUCCESS);
    }
    let code = daemon.wait()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// In the new process, when its sockets answer: lets go of the terminal, the directory and the
/// process that waits.
///
/// # Errors
/// When there is no `/dev/null`, or the like.
pub(crate) fn let_go(log: &Log) -> io::Result<()> {
    log.flush();
    log.detach();
    log.flush();
    rustix::process::setsid()?;
    env::set_current_dir("/")?;
    let null = File::options().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stderr(&null)?;
    // Whoever waits may have been interrupted; we go on all the same.
    let _nobody = rustix::io::write(rustix::stdio::stdout(), READY);
    rustix::stdio::dup2_stdout(&null)?;
    Ok(())
}
