//! `cman_tool keygen`.

use crate::{
    cli::{Common, Keygen},
    failure::Failure,
    output,
};
use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};
use zeroize::Zeroizing;

/// Length of a key in bytes.
const KEY_LEN: usize = 32;
/// What a key file begins with.
const WORD: &str = "cman-key-1 ";

/// Makes a cluster key; never overwrites one.
pub(super) fn run(common: &Common, args: &Keygen) -> Result<(), Failure> {
    let path = &args.keyfile;
    let key = random_key()?;
    write_new(path, key.as_bytes()).map_err(|error| refused(path, &error))?;
    let shown = path.display();
    if !common.json {
        output::talk(&format!(
            "Wrote a new cluster key to {shown}. Copy it to every node, over a safe path."
        ));
    }
    common.done(&format!("Wrote a new cluster key to {shown}."))
}

/// The content of a new key file: a word, 64 hexadecimal digits, a line end.
fn random_key() -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| {
        Failure::failed(format!("The system gives no random numbers: {error}."), "")
    })?;
    // All the room at once: growing would leave parts of the key in freed memory.
    let mut text = Zeroizing::new(String::with_capacity(WORD.len() + 2 * KEY_LEN + 1));
    text.push_str(WORD);
    for byte in *bytes {
        // Writing into a string cannot fail.
        let _written = write!(text, "{byte:02x}");
    }
    text.push('\n');
    Ok(text)
}

/// Writes a file that must not exist, for its owner only, and has it on disk when it returns. A
/// file that could not be written whole is taken away again.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        let _remains = fs::remove_file(path);
    }
    written.and_then(|()| File::open(directory_of(path))?.sync_all())
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Whether this is a file, and not a link to one either.
fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_file())
}

fn refused(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    let directory = directory_of(path).display();
    match error.kind() {
        ErrorKind::AlreadyExists if !is_file(path) => Failure::failed(
            format!("{shown} exists, and is no file."),
            "Name another one with --keyfile.",
        ),
        ErrorKind::AlreadyExists => Failure::failed(
            format!("{shown} exists; a cluster key is never overwritten."),
            format!("To replace it, move it away first: mv {shown} {shown}.old"),
        ),
        ErrorKind::NotFound if !directory_of(path).exists() => Failure::failed(
            format!("There is no directory {directory} to write the cluster key into."),
            format!("Make it first: mkdir -p {directory}"),
        ),
        ErrorKind::PermissionDenied => Failure::failed(
            format!("You are not permitted to write {shown}."),
            "Run it as root, or name another file with --keyfile.",
        ),
        _ => Failure::failed(
            format!("Cannot write the cluster key to {shown}: {error}."),
            "Name another file with --keyfile.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_a_word_and_64_digits_and_each_is_another() {
        let key = random_key().unwrap();
        let digits = key.strip_prefix("cman-key-1 ").unwrap().strip_suffix('\n').unwrap();
        assert_eq!(digits.len(), 64);
        assert!(digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{digits}");
        assert_ne!(*key, *random_key().unwrap());
    }

    #[test]
    fn a_file_is_for_its_owner_only_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_new(&path, b"first").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(write_new(&path, b"second").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn a_dangling_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (link, target) = (dir.path().join("link"), dir.path().join("target"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert_eq!(write_new(&link, b"key").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert!(!target.exists());
    }

    #[test]
    fn a_missing_directory_is_named() {
        let path = Path::new("/nowhere/at/all/key");
        let failure = refused(path, &write_new(path, b"key").unwrap_err());
        assert_eq!(
            failure.to_string(),
            "There is no directory /nowhere/at/all to write the cluster key into.\n\
             Make it first: mkdir -p /nowhere/at/all"
        );
    }

    #[test]
    fn what_is_no_file_is_not_to_be_moved_away() {
        for path in ["/", "/dev/null"] {
            let path = Path::new(path);
            let failure = refused(path, &write_new(path, b"key").unwrap_err());
            assert!(failure.to_string().contains("is no file"), "{failure}");
        }
        let path = Path::new("/proc/key");
        let failure = refused(path, &write_new(path, b"key").unwrap_err());
        assert!(failure.to_string().starts_with("Cannot write the cluster key to"), "{failure}");
    }
}
