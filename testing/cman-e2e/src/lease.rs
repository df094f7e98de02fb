//! The page on which a daemon publishes until when its node may act. Clients look there instead
//! of asking, so it is what counts when a daemon is stopped or dead.

use crate::node::Node;
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path};

/// The file in the run directory.
pub(crate) const FILE: &str = "lease";
/// What it begins with, and the version of its layout.
const MAGIC: &[u8] = b"CMANLEAS\x01\x00\x00\x00";
/// Where the deadline is: 8 bytes in the order of the machine.
const DEADLINE_AT: usize = 128;

/// Until when this node says that it may act, in nanoseconds of [`crate::cluster::now_ns`]; 0 if
/// it says that it may not.
pub fn deadline(node: &Node) -> Result<u64> {
    deadline_in(&node.run_dir())
}

/// The same for the daemon of this run directory.
pub(crate) fn deadline_in(run_dir: &Path) -> Result<u64> {
    let path = run_dir.join(FILE);
    // The daemon maps the file, and a mapping that is shared is what a reader of the file sees.
    let page = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&page).with_context(|| format!("in {}", path.display()))
}

fn parse(page: &[u8]) -> Result<u64> {
    ensure!(page.starts_with(MAGIC), "this is no lease page of version 1");
    let word = page.get(DEADLINE_AT..).and_then(|rest| rest.first_chunk::<8>());
    Ok(u64::from_ne_bytes(*word.context("the lease page is too short")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_is_read_from_its_place() {
        let mut page = vec![0; 4096];
        page[..8].copy_from_slice(b"CMANLEAS");
        page[8..12].copy_from_slice(&1_u32.to_ne_bytes());
        page[128..136].copy_from_slice(&77_u64.to_ne_bytes());
        assert_eq!(parse(&page).unwrap(), 77);
        page[8] = 2;
        assert!(parse(&page).is_err());
        assert!(parse(b"CMANLEAS\x01\x00\x00\x00").is_err());
    }
}
