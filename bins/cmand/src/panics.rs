//! What a panic does: it is a bug, and ends the whole process, in whatever thread it happens and
//! however this program was built. Half a daemon would be worse than none, which the other nodes
//! and the service manager notice.

use std::{panic, process, sync::OnceLock};

type LastAct = dyn Fn() + Send + Sync;

static LAST_ACT: OnceLock<Box<LastAct>> = OnceLock::new();

/// From now on a panic aborts the process, after its message and the last act, if there is one.
pub(crate) fn abort() {
    let say = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        say(info);
        if let Some(act) = LAST_ACT.get() {
            act();
        }
        process::abort();
    }));
}

/// What is done before that, in the thread that panicked. Only the first one counts.
pub(crate) fn before_that(act: impl Fn() + Send + Sync + 'static) {
    let _not_the_first = LAST_ACT.set(Box::new(act));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, os::unix::process::ExitStatusExt, process::Command, thread};

    /// Set in the process that shall panic: where it leaves its mark.
    const MARK: &str = "CMAN_TEST_PANIC_MARK";

    #[test]
    fn a_panic_in_any_thread_ends_the_process_after_the_last_act() {
        if let Some(mark) = env::var_os(MARK) {
            let act = |text| {
                let mark = mark.clone();
                move || fs::write(&mark, text).unwrap()
            };
            before_that(act("last act"));
            before_that(act("another one"));
            abort();
            let panics = thread::spawn(|| panic!("a bug"));
            let _never = panics.join();
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("mark");
        let name = "panics::tests::a_panic_in_any_thread_ends_the_process_after_the_last_act";
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(MARK, &mark)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(6), "{:?}: {said}", output.status);
        assert!(said.contains("a bug"), "{said}");
        assert_eq!(fs::read(&mark).unwrap(), b"last act");
    }
}
