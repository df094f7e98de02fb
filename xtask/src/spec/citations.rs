//! Where rules are named: `R-85`, `R-10 to R-13`, `G-04`, `PT-02`, `P4`.

use std::fmt;

/// Whether the place obeys the rule or shows that others do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Code,
    Test,
}

/// A place that names a rule, or a range of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Citation {
    /// The first rule.
    pub from: String,
    /// The last one; the same unless it is a range.
    pub to: String,
    /// Which part it plays.
    pub role: Role,
    /// The file, relative to the root of the repository.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What else is known: the scenarios that show a mutant.
    note: String,
}

impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.role == Role::Code { "code" } else { "test" };
        write!(f, "{role} {}:{}{}", self.file, self.line, self.note)
    }
}

/// All citations of a file.
pub(super) fn find(file: &str, text: &str) -> Vec<Citation> {
    let mutant = file.ends_with(".patch");
    let tests_from = text.lines().position(|line| line == "mod tests {").unwrap_or(usize::MAX);
    let note = if mutant { scenarios(text) } else { String::new() };
    let mut citations = Vec::new();
    for (at, line) in text.lines().enumerate() {
        // The rest of a mutant is somebody else's line.
        if mutant && !line.starts_with("# ") {
            continue;
        }
        let role = if at > tests_from || is_test(file) { Role::Test } else { Role::Code };
        for (from, to) in in_line(line) {
            let (file, note) = (file.to_owned(), note.clone());
            citations.push(Citation { from, to, role, file, line: at + 1, note });
        }
    }
    citations
}

fn is_test(file: &str) -> bool {
    file.starts_with("testing/") || file.contains("/tests/") || file.ends_with("/tests.rs")
}

/// The scenarios in which a mutant is caught.
fn scenarios(patch: &str) -> String {
    let named = patch.lines().find_map(|line| line.strip_prefix("# scenario: "));
    named.map_or_else(String::new, |names| format!(" (scenario {names})"))
}

/// The rules that a line names, each as a range from itself to the last one meant.
fn in_line(line: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = line;
    let mut before = None;
    while let Some(first) = rest.chars().next() {
        let inside_word = before.is_some_and(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
        let id = if inside_word { None } else { starts_with_id(rest) };
        // A promise is named by a word so short that code may say it too.
        let id = id.filter(|id| head(id) != "P" || is_prose(line, rest));
        let Some(id) = id else {
            before = Some(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        };
        rest = rest.get(id.len()..).unwrap_or_default();
        before = id.chars().last();
        let last = rest.strip_prefix(" to ").and_then(starts_with_id).unwrap_or(id);
        found.push((id.to_owned(), last.to_owned()));
    }
    found
}

/// Whether what is left of a line stands in a comment, or in a document.
fn is_prose(line: &str, rest: &str) -> bool {
    let before = line.len() - rest.len();
    line.starts_with("# ") || line.find("//").is_none_or(|comment| comment < before)
}

/// What the numbers of rules begin with, each page its own: membership and the rest of the core,
/// groups, ports, barriers, the fencing record, the configuration, promises of the order.
const HEADS: [&str; 7] = ["R-", "G-", "PT-", "BR-", "FR-", "CF-", "P"];

/// The number of a rule with which the text begins.
pub(super) fn starts_with_id(text: &str) -> Option<&str> {
    let head = HEADS.into_iter().find(|head| text.starts_with(head))?;
    let body = text.get(head.len()..)?;
    let digits = body.find(|c: char| !c.is_ascii_digit()).unwrap_or(body.len());
    let allowed = if head == "P" { 1..=1 } else { 2..=3 };
    if !allowed.contains(&digits) {
        return None;
    }
    let mut after = body.get(digits..)?.chars();
    let letter = after.next().filter(|c| c.is_ascii_lowercase() && head == "R-");
    let next = if letter.is_some() { after.next() } else { body.get(digits..)?.chars().next() };
    if next.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    text.get(..head.len() + digits + usize::from(letter.is_some()))
}

/// What the number of a rule begins with.
pub(super) fn head(id: &str) -> &str {
    id.trim_end_matches(|c: char| c.is_ascii_digit() || c.is_ascii_lowercase())
}

/// The digits of a rule's number.
pub(super) fn number(id: &str) -> u32 {
    let digits: String = id.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(line: &str) -> Vec<String> {
        let name = |(from, to): (String, String)| if from == to { from } else { from + ".." + &to };
        in_line(line).into_iter().map(name).collect()
    }

    #[test]
    fn rules_are_words() {
        assert_eq!(
            ids("/// (R-10 to R-13, R-90; G-04). R-60r."),
            ["R-10..R-13", "R-13", "R-90", "G-04", "R-60r"]
        );
        assert_eq!(
            ids("PT-01, \"BR-02 to BR-10\", FR-03"),
            ["PT-01", "BR-02..BR-10", "BR-10", "FR-03"]
        );
        assert_eq!(ids("UR-10 XBR-10 R-1 R-1000 R-10xy R-10_a G-1x R-"), [""; 0]);
    }

    #[test]
    fn promises_are_named_in_prose_only() {
        assert_eq!(ids("let P4 = 1; // P2, not P12"), ["P2"]);
        assert_eq!(ids("# rule: P3 R-41m"), ["P3", "R-41m"]);
    }

    #[test]
    fn tests_and_code_are_told_apart() {
        let roles = |file: &str, text: &str| {
            find(file, text).into_iter().map(|citation| citation.role).collect::<Vec<_>>()
        };
        let text = "// R-10\nmod tests {\n    // R-10\n}\n";
        assert_eq!(roles("crates/a/src/b.rs", text), [Role::Code, Role::Test]);
        assert_eq!(roles("crates/a/tests/b.rs", "// R-10"), [Role::Test]);
        assert_eq!(roles("testing/cman-sim/src/b.rs", "// R-10"), [Role::Test]);
    }

    #[test]
    fn of_a_mutant_only_the_heading_counts() {
        let patch = "# rule: R-76\n# scenario: twins\nText.\n\n+    // R-99\n";
        let found = find("testing/mutants/a.patch", patch);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "test testing/mutants/a.patch:1 (scenario twins)");
    }
}
