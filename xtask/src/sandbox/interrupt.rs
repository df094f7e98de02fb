//! Ctrl-C and its relatives: a flag that everything here looks at often enough.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    flag::register,
};
use std::{
    os::unix::process::CommandExt,
    process::{Command, ExitStatus},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

/// How often the flag is looked at while something else is waited for.
const LOOK: Duration = Duration::from_millis(20);

/// Whether somebody wants the sandbox to end. From the first signal on, none ends us any more:
/// what was made must be removed first.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches the signals by which people, terminals and service managers end programs.
    pub(crate) fn catch() -> Result<Self> {
        let raised = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            register(signal, Arc::clone(&raised)).context("cannot handle signals")?;
        }
        Ok(Self(raised))
    }

    /// Whether a signal came.
    pub(crate) fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Fails once a signal came.
    pub(crate) fn check(&self) -> Result<()> {
        if self.raised() {
            bail!("interrupted");
        }
        Ok(())
    }

    /// Waits, but not longer than until a signal comes.
    pub(crate) fn wait(&self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end && !self.raised() {
            sleep(LOOK);
        }
    }

    /// Runs a command to its end. A signal ends it and what it started, also a signal that was
    /// sent to us alone.
    pub(crate) fn run(&self, command: &mut Command) -> Result<ExitStatus> {
        let program = command.get_program().to_owned();
        let program = program.display();
        let mut child =
            command.process_group(0).spawn().with_context(|| format!("cannot run {program}"))?;
        loop {
            if let Some(status) = child.try_wait()? {
                self.check()?;
                return Ok(status);
            }
            if self.raised() {
                // They may have ended by themselves just now.
                let _ = kill_process_group(Pid::from_child(&child), Signal::TERM);
                child.wait()?;
                self.check()?;
            }
            sleep(LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(flag: bool) -> Interrupt {
        Interrupt(Arc::new(AtomicBool::new(flag)))
    }

    #[test]
    fn a_command_that_is_not_interrupted_runs_to_its_end() {
        let status = raised(false).run(Command::new("sh").args(["-c", "exit 7"])).unwrap();
        assert_eq!(status.code(), Some(7));
    }

    #[test]
    fn an_interrupt_ends_commands_and_waits() {
        let (start, interrupt) = (Instant::now(), raised(true));
        // The sleeper is a child of the shell, which waits for it.
        let mut shell = Command::new("sh");
        let error = interrupt.run(shell.args(["-c", "sleep 60; true"])).unwrap_err();
        assert_eq!(error.to_string(), "interrupted");
        interrupt.wait(Duration::from_secs(60));
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
