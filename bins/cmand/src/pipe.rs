//! The pipe that `cman_tool` of 2009 waits on: it starts a daemon with the number of a descriptor
//! in the environment, and reads one line about how the start went.

use std::{
    env,
    fs::{File, Metadata},
    io::Write,
    os::unix::fs::FileTypeExt,
    path::Path,
};

/// The variable with the number of the descriptor.
pub(crate) const VARIABLE: &str = "CMAN_PIPE";

/// The way to whoever waits; to nobody if nobody does.
#[derive(Debug)]
pub(crate) struct Pipe(Option<File>);

impl Pipe {
    /// What this process was given. To be called before it has opened anything, which could have
    /// the number of a descriptor that was not given after all.
    pub(crate) fn inherited() -> Self {
        let number = env::var(VARIABLE).ok().and_then(|number| number.parse::<u32>().ok());
        Self(number.and_then(Self::open))
    }

    /// Opened again, because the descriptor itself is not ours to close.
    fn open(number: u32) -> Option<File> {
        let path = Path::new("/proc/self/fd").join(number.to_string());
        let is_pipe = |metadata: Metadata| metadata.file_type().is_fifo();
        if !path.metadata().is_ok_and(is_pipe) {
            return None;
        }
        File::options().write(true).open(path).ok()
    }

    /// The daemon answers, as this process.
    pub(crate) fn succeeded(&mut self, pid: u32) {
        self.tell(&format!("SUCCESS: {pid}\n"));
    }

    /// The start failed, for this reason. Not heard if it has succeeded before.
    pub(crate) fn failed(&mut self, why: &str) {
        self.tell(&format!("{why}\n"));
    }

    fn tell(&mut self, line: &str) {
        if let Some(mut file) = self.0.take() {
            // Whoever waited may be gone.
            let _gone = file.write_all(line.as_bytes());
        }
    }
}
