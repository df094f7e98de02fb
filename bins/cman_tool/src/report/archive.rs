//! The archive: a gzipped tar file with everything in one directory.

use flate2::{Compression, write::GzEncoder};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// An archive that is being written.
pub(crate) struct Archive {
    tar: tar::Builder<GzEncoder<BufWriter<File>>>,
    directory: String,
    /// Seconds since 1970, the time of all files in it.
    unix_seconds: u64,
}

impl Archive {
    /// Makes a file that must not exist, for its owner only: logs name nodes and addresses.
    pub(crate) fn create(path: &Path, directory: &str, unix_seconds: u64) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let gzip = GzEncoder::new(BufWriter::new(file), Compression::default());
        Ok(Self { tar: tar::Builder::new(gzip), directory: directory.to_owned(), unix_seconds })
    }

    /// Adds a file.
    pub(crate) fn add(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(content.len()).unwrap_or(u64::MAX));
        header.set_mode(0o600);
        header.set_mtime(self.unix_seconds);
        let path = format!("{}/{name}", self.directory);
        self.tar.append_data(&mut header, path, content)
    }

    /// Writes the end; without it the archive cannot be read.
    pub(crate) fn finish(self) -> io::Result<()> {
        let file = self.tar.into_inner()?.finish()?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.flush()
    }
}
