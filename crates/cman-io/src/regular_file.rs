//! Reading files that somebody named, without being held up by what is no file.
//!
//! Opening a pipe waits for a writer, reading a terminal waits for a person, reading a device may
//! never end. Whoever names one of these by mistake is told so at once.

use std::{
    fmt,
    fs::{File, FileType, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

/// Opens a regular file for reading; links to one are followed.
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidInput`], with a sentence, for anything else than
/// a file.
pub fn open(path: &Path) -> io::Result<File> {
    // Without waiting for a writer, and without a terminal becoming ours.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    check(&file)?;
    Ok(file)
}

/// Refuses what was opened if it is no regular file.
pub(crate) fn check(file: &File) -> io::Result<()> {
    let found = file.metadata()?.file_type();
    if found.is_file() { Ok(()) } else { Err(NotAFile::error(found)) }
}

/// Reads at most the first `limit` bytes of a regular file.
///
/// # Errors
/// As [`open`], and when it cannot be read.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a small regular file anew, where there is none or over one.
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidInput`], with a sentence, when something else
/// than a file has the name.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) if !found.is_file() => return Err(NotAFile::error(found.file_type())),
        Ok(_) | Err(_) => {}
    }
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(flags)
        .open(path)?;
    io::Write::write_all(&mut file, content)
}

/// What stands where a file was expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct NotAFile(&'static str);

impl NotAFile {
    fn error(found: FileType) -> io::Error {
        let what = if found.is_dir() {
            "a directory"
        } else if found.is_fifo() {
            "a pipe"
        } else if found.is_socket() {
            "a socket"
        } else if found.is_symlink() {
            "a link"
        } else {
            "a device"
        };
        io::Error::new(io::ErrorKind::InvalidInput, Self(what))
    }
}

impl fmt::Display for NotAFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is {}, not a file", self.0)
    }
}

impl std::error::Error for NotAFile {}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::{fs, os::unix::fs::symlink};

    fn refusal(path: &Path) -> String {
        let error = open(path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
        error.to_string()
    }

    #[test]
    fn what_is_no_file_is_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        assert_eq!(refusal(&pipe), "it is a pipe, not a file");
        assert_eq!(refusal(dir.path()), "it is a directory, not a file");
        assert_eq!(refusal(Path::new("/dev/zero")), "it is a device, not a file");
        assert_eq!(write(&pipe, b"1").unwrap_err().to_string(), "it is a pipe, not a file");
        assert!(write(dir.path(), b"1").is_err());
    }

    #[test]
    fn files_and_links_to_them_are_read_up_to_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        write(&file, b"a longer text").unwrap();
        write(&file, b"text").unwrap();
        symlink(&file, &link).unwrap();
        assert_eq!(read(&link, 100).unwrap(), b"text");
        assert_eq!(read(&file, 2).unwrap(), b"te");
        assert_eq!(open(&dir.path().join("gone")).unwrap_err().kind(), io::ErrorKind::NotFound);
        // A link in a run directory is nobody's process number.
        assert!(write(&link, b"x").is_err());
        assert_eq!(fs::read(&file).unwrap(), b"text");
    }
}
