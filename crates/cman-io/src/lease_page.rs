//! The quorum deadline, published in a page that every client can map.
//!
//! A client of a stalled daemon must not be told that the node is quorate. It therefore does not
//! ask the daemon: it compares its own clock with the deadline found here.
//!
//! The file is one page; the layout never changes for a version, all numbers in host order:
//!
//! | offset | size | what |
//! |---|---|---|
//! | 0 | 8 | `CMANLEAS` |
//! | 8 | 4 | version of this layout, 1 |
//! | 12 | 4 | the daemon's process number |
//! | 16 | 8 | when the daemon started, nanoseconds of boot time |
//! | 24 | 4 | the node id |
//! | 32 | 36 | the machine's boot id, as text: a page from before a reboot means nothing |
//! | 128 | 8 | the deadline in nanoseconds of boot time, 0 for none; written as one word |
//!
//! The file is used again by the next daemon and never removed, so that a client's mapping stays
//! good over restarts. Whoever reads it while no daemon runs sees a deadline that has passed.

use crate::{clock, regular_file};
use cman_types::{Instant, NodeId};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering},
};

/// The name of the page in the run directory.
pub const LEASE_FILE: &str = "lease";

const MAGIC: &[u8; 8] = b"CMANLEAS";
const VERSION: u32 = 1;
const PAGE_BYTES: usize = 4096;
const BOOT_ID_AT: usize = 32;
const BOOT_ID_BYTES: usize = 36;
const HEADER_BYTES: usize = BOOT_ID_AT + BOOT_ID_BYTES;
/// A cache line away from the header.
const DEADLINE_AT: usize = 128;

/// Why a page cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// The file cannot be opened, read or mapped.
    #[error("cannot use the lease page {}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is something else, or of a version that this program does not know.
    #[error("{} is not a lease page of version {VERSION}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The page was left over from before the machine booted.
    #[error("{} is from before this machine booted; no daemon has run since", .path.display())]
    OtherBoot {
        /// The file.
        path: PathBuf,
    },
}

/// The daemon's side: publishes the deadline. Cleared when made and when dropped.
#[derive(Debug)]
pub struct LeaseWriter(Page);

impl LeaseWriter {
    /// Makes or takes over the page in `run_dir` and clears its deadline. To be called before the
    /// first datagram is sent.
    ///
    /// # Errors
    /// When the file cannot be made or mapped.
    pub fn create(run_dir: &Path, node: NodeId) -> Result<Self, LeaseError> {
        let path = run_dir.join(LEASE_FILE);
        Self::create_file(&path, node).map_err(|source| LeaseError::Io { path, source })
    }

    fn create_file(path: &Path, node: NodeId) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)?;
        // Before the header, so that no reader joins a fresh header with an old deadline.
        file.write_all_at(&0_u64.to_ne_bytes(), offset(DEADLINE_AT))?;
        file.write_all_at(&header(node)?, 0)?;
        file.set_len(offset(PAGE_BYTES))?;
        Ok(Self(Page::map(&file, ProtFlags::READ | ProtFlags::WRITE)?))
    }

    /// What is published now.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.read()
    }

    /// Publishes until when this node is quorate; `None` if it is not.
    pub fn publish(&self, deadline: Option<Instant>) {
        let nanos = deadline.map_or(0, Instant::as_nanos);
        self.0.deadline().store(nanos, Ordering::Release);
    }
}

impl Drop for LeaseWriter {
    fn drop(&mut self) {
        self.publish(None);
    }
}

/// A client's side: reads the deadline.
#[derive(Debug)]
pub struct LeaseReader(Page);

impl LeaseReader {
    /// Maps the page of the daemon that runs, or ran, in `run_dir`.
    ///
    /// # Errors
    /// When there is no such page, or it is not one, or of another boot.
    pub fn open(run_dir: &Path) -> Result<Self, LeaseError> {
        let path = run_dir.join(LEASE_FILE);
        let io = |source| LeaseError::Io { path: path.clone(), source };
        let file = regular_file::open(&path).map_err(io)?;
        let mut head = [0; HEADER_BYTES];
        let long_enough = file.metadata().map_err(io)?.len() >= offset(PAGE_BYTES);
        if !long_enough || file.read_exact_at(&mut head, 0).is_err() || !is_ours(&head) {
            return Err(LeaseError::Foreign { path });
        }
        if head.get(BOOT_ID_AT..) != Some(boot_id().map_err(io)?.as_slice()) {
            return Err(LeaseError::OtherBoot { path });
        }
        Page::map(&file, ProtFlags::READ).map(Self).map_err(io)
    }

    /// Until when the node is quorate, on the boot-time clock; `None` if it is not.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.read()
    }

    /// Whether the node is quorate at this moment, by this process's own look at the clock.
    #[must_use]
    pub fn is_quorate(&self) -> bool {
        // The deadline is read first: a stall between the two can only turn yes into no.
        self.deadline().is_some_and(|deadline| clock::now() < deadline)
    }
}

fn header(node: NodeId) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEADER_BYTES);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&VERSION.to_ne_bytes());
    head.extend_from_slice(&std::process::id().to_ne_bytes());
    head.extend_from_slice(&clock::now().as_nanos().to_ne_bytes());
    head.extend_from_slice(&node.get().to_ne_bytes());
    head.resize(BOOT_ID_AT, 0);
    head.extend_from_slice(&boot_id()?);
    Ok(head)
}

fn is_ours(head: &[u8; HEADER_BYTES]) -> bool {
    head.starts_with(MAGIC) && head.get(8..12) == Some(VERSION.to_ne_bytes().as_slice())
}

/// What changes at every boot of the machine and at nothing else.
fn boot_id() -> io::Result<[u8; BOOT_ID_BYTES]> {
    let mut id = [0; BOOT_ID_BYTES];
    File::open("/proc/sys/kernel/random/boot_id")?.read_exact_at(&mut id, 0)?;
    Ok(id)
}

/// Offsets in the page as the file functions want them.
fn offset(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

/// One mapped page, unmapped when dropped.
#[derive(Debug)]
struct Page(NonNull<u8>);

// SAFETY: the mapping belongs to the process and not to a thread, and everything that is read or
// written through it after it was made is one atomic word.
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

impl Page {
    fn map(file: &File, access: ProtFlags) -> io::Result<Self> {
        // SAFETY: needed to share memory with other processes. The kernel chooses the place, so
        // no mapping of ours is replaced; the file is a page long. Whoever may shorten it is
        // trusted: the run directory belongs to the daemon's user.
        let place =
            unsafe { mmap(ptr::null_mut(), PAGE_BYTES, access, MapFlags::SHARED, file, 0) }?;
        NonNull::new(place.cast()).map(Self).ok_or_else(|| io::Error::from(io::ErrorKind::Other))
    }

    fn read(&self) -> Option<Instant> {
        match self.deadline().load(Ordering::Acquire) {
            0 => None,
            nanos => Some(Instant::from_nanos(nanos)),
        }
    }

    fn deadline(&self) -> &AtomicU64 {
        // SAFETY: inside the page.
        let place = unsafe { self.0.as_ptr().add(DEADLINE_AT) };
        // SAFETY: mapped as long as `self` lives, aligned to 128 bytes, and every process touches
        // this word by atomic loads and stores only.
        unsafe { AtomicU64::from_ptr(place.cast()) }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this length, and no reference outlives `self`.
        let _cannot_fail = unsafe { munmap(self.0.as_ptr().cast(), PAGE_BYTES) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn node() -> NodeId {
        NodeId::new(7).unwrap()
    }

    #[test]
    fn a_reader_sees_the_deadline_and_is_quorate_before_it_only() {
        let dir = tempfile::tempdir().unwrap();
        let writer = LeaseWriter::create(dir.path(), node()).unwrap();
        let reader = LeaseReader::open(dir.path()).unwrap();
        assert!(!reader.is_quorate());
        let soon = clock::now() + Duration::from_millis(30);
        writer.publish(Some(soon));
        assert_eq!(reader.deadline(), Some(soon));
        writer.publish(Some(clock::now() + Duration::from_secs(60)));
        assert!(reader.is_quorate());
        writer.publish(Some(clock::now()));
        assert!(!reader.is_quorate());
    }

    #[test]
    fn a_mapping_stays_good_over_a_restart_and_is_cleared_by_it() {
        let dir = tempfile::tempdir().unwrap();
        let far = Some(clock::now() + Duration::from_secs(60));
        let first = LeaseWriter::create(dir.path(), node()).unwrap();
        let reader = LeaseReader::open(dir.path()).unwrap();
        first.publish(far);
        std::mem::forget(first); // As kill -9 does: nothing is cleared.
        assert!(reader.is_quorate());
        let second = LeaseWriter::create(dir.path(), node()).unwrap();
        assert!(!reader.is_quorate());
        second.publish(far);
        assert!(reader.is_quorate());
        drop(second);
        assert!(!reader.is_quorate());
    }

    #[test]
    fn garbage_and_pages_of_another_boot_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LEASE_FILE);
        assert!(matches!(LeaseReader::open(dir.path()), Err(LeaseError::Io { .. })));
        std::fs::write(&path, b"CMANLEAS").unwrap();
        assert!(matches!(LeaseReader::open(dir.path()), Err(LeaseError::Foreign { .. })));
        std::fs::write(&path, [7; PAGE_BYTES]).unwrap();
        assert!(matches!(LeaseReader::open(dir.path()), Err(LeaseError::Foreign { .. })));
        drop(LeaseWriter::create(dir.path(), node()).unwrap());
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(b"00000000", offset(BOOT_ID_AT)).unwrap();
        assert!(matches!(LeaseReader::open(dir.path()), Err(LeaseError::OtherBoot { .. })));
    }
}
