//! Rules that need no code, or no test.
//!
//! ```toml
//! [R-80m]
//! lacks = "code and test"   # or "code", or "test"
//! reason = "not built: ..."
//! ```
//! No more of the format is understood.

use super::citations::Role;
use crate::tidy::Finding;
use std::collections::BTreeMap;

/// One exception.
#[derive(Debug, Default)]
struct Exception {
    line: usize,
    lacks: String,
    reason: String,
}

/// All of them, by rule.
#[derive(Debug, Default)]
pub(super) struct Exceptions(BTreeMap<String, Exception>);

impl Exceptions {
    /// Reads the file; says what in it is not understood or not complete.
    pub(super) fn read(file: &str, text: &str) -> (Self, Vec<Finding>) {
        let mut all = BTreeMap::<String, Exception>::new();
        let mut wrong = Vec::new();
        let mut find = |line: usize, what: &str| {
            let (file, what) = (file.to_owned(), what.to_owned());
            wrong.push(Finding { file, line: Some(line), what });
        };
        let mut open = None;
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(id) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                let fresh = Exception { line: at + 1, ..Exception::default() };
                if all.insert(id.to_owned(), fresh).is_some() {
                    find(at + 1, "this rule is excused already");
                }
                open = Some(id.to_owned());
                continue;
            }
            let exception = open.as_ref().and_then(|id| all.get_mut(id));
            match (exception, value(line)) {
                (Some(exception), Some(("lacks", value))) => value.clone_into(&mut exception.lacks),
                (Some(exception), Some(("reason", value))) => {
                    value.clone_into(&mut exception.reason);
                }
                _ => find(at + 1, "write [RULE], lacks = \"...\" or reason = \"...\""),
            }
        }
        for exception in all.values() {
            if !["code", "test", "code and test"].contains(&exception.lacks.as_str()) {
                find(exception.line, "`lacks` is \"code\", \"test\" or \"code and test\"");
            }
            if exception.reason.is_empty() {
                find(exception.line, "an exception has a `reason`");
            }
        }
        (Self(all), wrong)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The rules, and where each is excused.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|(id, exception)| (id.as_str(), exception.line))
    }

    /// Why this rule is excused, if it is.
    pub(super) fn reason(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(|exception| exception.reason.as_str())
    }

    /// Whether this rule may do without.
    pub(super) fn excuses(&self, id: &str, role: Role) -> bool {
        let what = if role == Role::Code { "code" } else { "test" };
        self.0.get(id).is_some_and(|exception| exception.lacks.contains(what))
    }
}

/// A key and its value.
fn value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once('=')?;
    let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
    Some((key.trim(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_say_what_is_lacking_and_why() {
        let text = "# Why.\n[R-80m]\nlacks = \"code and test\"\nreason = \"not built\"\n\
                    [R-33]\nlacks = \"code\"\nreason = \"follows\"\n";
        let (exceptions, wrong) = Exceptions::read("e.toml", text);
        assert_eq!(wrong, []);
        assert!(exceptions.excuses("R-80m", Role::Code) && exceptions.excuses("R-80m", Role::Test));
        assert!(exceptions.excuses("R-33", Role::Code) && !exceptions.excuses("R-33", Role::Test));
        assert_eq!(exceptions.reason("R-33"), Some("follows"));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let text = "reason = \"too early\"\n[R-1]\nlacks = \"nothing\"\n[R-1]\n";
        let (_, wrong) = Exceptions::read("e.toml", text);
        let lines: Vec<_> = wrong.iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[1].contains("already"), "{lines:?}");
    }
}
