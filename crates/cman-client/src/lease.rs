//! Whether this node may act, read from the page that the daemon publishes.

use crate::error::Error;
use cman_io::lease_page::LeaseReader;
use std::path::{Path, PathBuf};

/// The daemon's published quorum lease. A daemon that is stalled or dead cannot say yes, and a yes
/// costs no more than a look at the clock.
#[derive(Debug)]
pub struct Lease {
    run_dir: PathBuf,
    page: LeaseReader,
}

impl Lease {
    /// Maps the page in `run_dir`.
    ///
    /// # Errors
    /// When there is none: no daemon has run there since the machine booted.
    pub fn open(run_dir: &Path) -> Result<Self, Error> {
        Ok(Self { run_dir: run_dir.to_owned(), page: LeaseReader::open(run_dir)? })
    }

    /// Whether this node may act at this very moment.
    #[must_use]
    pub fn is_quorate(&mut self) -> bool {
        self.page.is_quorate() || self.is_quorate_by_another_page()
    }

    /// A run directory that was removed and made again has another page, and ours never says yes
    /// any more. So before a no, look which one is there now.
    fn is_quorate_by_another_page(&mut self) -> bool {
        let Ok(page) = LeaseReader::open(&self.run_dir) else { return false };
        self.page = page;
        self.page.is_quorate()
    }
}
