//! The mark that clients of this node carry state, in the run directory (R-80m).
//!
//! A file system stays mounted when the daemon dies, so the mark outlives it; it does not outlive
//! the machine's uptime, so it names that. Whoever finds one of this boot must not join.

use crate::{answer, context::Context, start_error::StartError};
use cman_io::regular_file;
use cman_ipc::{ErrorCode, Reply, paths::DIRTY_FILE};
use cman_node::Command;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
    sync::PoisonError,
};

/// Where the kernel tells which boot this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// What the file begins with.
const HEAD: &str = "cman-dirty-1";
/// Longer than the file ever is.
const FILE_BYTES_MAX: u64 = 256;

/// The mark of this node, or its place.
#[derive(Debug)]
pub(crate) struct Mark {
    path: PathBuf,
    boot: String,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Default, Debug)]
struct State {
    /// The node agreed: from then on the file stays until those who carry state let go.
    set: bool,
    /// They did: the node leaves by a request to which they could object.
    let_go: bool,
}

impl Mark {
    /// Looks for the mark of a former daemon. One of another boot is removed. `force_clean`: one of
    /// this boot, or that cannot be read, as well.
    ///
    /// # Errors
    /// A former daemon was marked in this boot, or nobody knows whether it was.
    pub(crate) fn check(run_dir: &Path, force_clean: bool) -> Result<Self, StartError> {
        let boot = fs::read_to_string(BOOT_ID)?.trim().to_owned();
        Self::check_in(run_dir, boot, force_clean)
    }

    fn check_in(run_dir: &Path, boot: String, force_clean: bool) -> Result<Self, StartError> {
        let path = run_dir.join(DIRTY_FILE);
        match found(&path, &boot) {
            Found::Nothing => {}
            Found::OtherBoot => {
                tracing::info!("{} is of another boot: removed", path.display());
                remove(&path)?;
            }
            Found::ThisBoot | Found::Damaged(_) if force_clean => {
                tracing::warn!(
                    "{} says that this node carries state; removed, because --force-clean says \
                     that there is none any more",
                    path.display()
                );
                remove(&path)?;
            }
            Found::ThisBoot => return Err(StartError::Dirty { path }),
            Found::Damaged(what) => return Err(StartError::DirtyDamaged { path, what }),
        }
        Ok(Self { path, boot, state: Mutex::default() })
    }

    /// Those who carry state could object to what this node does next, and did not.
    pub(crate) fn let_go(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).let_go = true;
    }

    /// The node has left in good order. The mark goes if its state did.
    pub(crate) fn has_left(&self) {
        let state = *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.set
            && state.let_go
            && let Err(error) = remove(&self.path)
        {
            tracing::warn!("{error}");
        }
    }

    fn is_set(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).set
    }

    fn write(&self) -> io::Result<()> {
        regular_file::write(&self.path, format!("{HEAD} {}\n", self.boot).as_bytes())
    }
}

/// `SetDirty`: on disk first, so that no daemon that comes after a crash can miss it.
pub(crate) async fn set(context: &Context) -> Reply {
    let mark = &context.mark;
    if let Err(error) = mark.write() {
        let text = format!("cannot write {}: {error}", mark.path.display());
        return answer::refused(ErrorCode::Failed, text, "make room in the run directory");
    }
    let answer = context.engine.command(Command::SetDirty).await;
    if matches!(answer, Ok(Ok(()))) {
        let mut state = mark.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.set {
            tracing::info!("this node carries state from now on, until its daemon ends");
        }
        state.set = true;
        return Reply::Done;
    }
    if !mark.is_set() {
        // It says nothing about this node then, and must not keep the next daemon from starting.
        let _gone = fs::remove_file(&mark.path);
    }
    match answer {
        Ok(Err(why)) => answer::refused(ErrorCode::NotMember, why.to_string(), ""),
        Ok(Ok(())) => Reply::Done,
        Err(error) => Reply::Error(answer::no_answer(error)),
    }
}

/// What stands where the mark would be.
#[derive(PartialEq, Eq, Debug)]
enum Found {
    Nothing,
    OtherBoot,
    ThisBoot,
    Damaged(String),
}

fn found(path: &Path, boot: &str) -> Found {
    let bytes = match regular_file::read(path, FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
        Err(error) => return Found::Damaged(format!("it cannot be read: {error}")),
    };
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        [HEAD, id] if *id == boot => Found::ThisBoot,
        // The kernel writes 32 digits in five groups.
        [HEAD, id] if is_boot_id(id) => Found::OtherBoot,
        _ => Found::Damaged(format!("`{HEAD} ` and the id of a boot are expected in it")),
    }
}

fn is_boot_id(id: &str) -> bool {
    let digits = id.chars().filter(char::is_ascii_hexdigit).count();
    id.len() == 36 && digits == 32
}

fn remove(path: &Path) -> Result<(), StartError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StartError::DirtyStays { path: path.to_owned(), source })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THIS: &str = "0f5b2a3c-0000-4000-8000-00000000000a";
    const OTHER: &str = "0f5b2a3c-0000-4000-8000-00000000000b";

    /// What a daemon in boot `THIS` makes of a file with this content; and whether it stays.
    fn start(content: Option<&str>, force_clean: bool) -> (Result<Mark, StartError>, bool) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(DIRTY_FILE);
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let mark = Mark::check_in(dir.path(), THIS.to_owned(), force_clean);
        (mark, path.exists())
    }

    #[test]
    fn a_mark_of_this_boot_is_no_start() {
        let marked = format!("cman-dirty-1 {THIS}\n");
        let (error, stays) = start(Some(&marked), false);
        let said = error.unwrap_err();
        assert!(stays && said.is_out(), "{said}");
        assert!(said.to_string().contains("reboot or fence this node"), "{said}");
        let (forced, stays) = start(Some(&marked), true);
        assert!(forced.is_ok() && !stays);
    }

    #[test]
    fn a_mark_of_another_boot_means_nothing() {
        assert!(matches!(start(None, false), (Ok(_), false)));
        let (mark, stays) = start(Some(&format!("cman-dirty-1 {OTHER}\n")), false);
        assert!(mark.is_ok() && !stays);
    }

    #[test]
    fn what_cannot_be_read_is_no_start() {
        for content in ["", "cman-dirty-1", "cman-dirty-1 xyz", "cman-dirty-2 a", "\u{0}\u{0}"] {
            let (error, stays) = start(Some(content), false);
            let said = error.unwrap_err();
            assert!(stays && said.is_out(), "{content:?}: {said}");
            assert!(said.to_string().contains("--force-clean"), "{said}");
            assert!(matches!(start(Some(content), true), (Ok(_), false)));
        }
    }

    #[test]
    fn it_goes_only_with_the_state() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(DIRTY_FILE);
        let mark = Mark::check_in(dir.path(), THIS.to_owned(), false).unwrap();
        mark.write().unwrap();
        assert_eq!(found(&path, THIS), Found::ThisBoot);
        mark.state.lock().unwrap().set = true;
        mark.has_left();
        assert!(path.exists(), "nobody was asked");
        mark.let_go();
        mark.has_left();
        assert!(!path.exists());
    }
}
