//! Lengths, words and openings of source files.

use super::{Finding, LOGIC};

/// Most lines of a file, its unit tests not counted.
const FILE_LINES_MAX: usize = 800;

/// Most lines of a function.
const FUNCTION_LINES_MAX: usize = 70;

/// Most columns of a line.
const COLUMNS_MAX: usize = 100;

/// What logic must not say, and what to say instead: it must behave the same on every run, so no
/// clock, no chance, no hash order, nothing of the world outside.
const LOGIC_WORDS: &[(&str, &str)] = &[
    ("HashMap", "its order differs from run to run: use BTreeMap"),
    ("HashSet", "its order differs from run to run: use BTreeSet"),
    ("SystemTime", "logic reads no clock: take the time as an argument"),
    ("std::time::Instant", "logic reads no clock: use cman_types::Instant"),
    ("std::thread", "logic has no threads"),
    ("std::fs", "logic has no files: return an output for the shell"),
    ("std::env", "logic has no environment: take what it needs as an argument"),
    ("UdpSocket", "logic has no sockets: return an output for the shell"),
];

/// Where there is unsafe code: what talks to the kernel, and what C calls.
const UNSAFE: &[&str] = &["crates/cman-io/", "capi/"];

/// What nothing must say. Put together here, so that this file does not say them.
const LEFTOVERS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("XX", "X"),
];

/// Checks one source file.
pub(crate) fn check(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line: Option<usize>, what: String| {
        findings.push(Finding { file: file.to_owned(), line, what });
    };
    let lines: Vec<_> = text.lines().collect();
    let length = lines.iter().position(|line| *line == "mod tests {").unwrap_or(lines.len());
    if length > FILE_LINES_MAX {
        find(None, format!("{length} lines; split it, {FILE_LINES_MAX} are the limit"));
    }
    if let Some(what) = opening(file, &lines) {
        find(Some(1), what);
    }
    for (at, line) in lines.iter().enumerate() {
        // What only tests do is not part of the logic.
        let logical = is_logic(file) && at < length;
        let in_logic = if logical { in_logic(line) } else { Vec::new() };
        for what in in_line(line).into_iter().chain(in_logic) {
            find(Some(at + 1), what);
        }
    }
    for (start, length) in functions(&lines) {
        if length > FUNCTION_LINES_MAX {
            let limit = FUNCTION_LINES_MAX;
            find(Some(start + 1), format!("a function of {length} lines; {limit} are the limit"));
        }
    }
    findings
}

/// A crate's first file says what the crate is for, and that it needs nothing unsafe.
fn opening(file: &str, lines: &[&str]) -> Option<String> {
    let root = file.ends_with("src/lib.rs") || file.ends_with("src/main.rs");
    if !root {
        return None;
    }
    if !lines.first().is_some_and(|line| line.starts_with("//! ")) {
        return Some("a crate begins with `//!` and what it is for".to_owned());
    }
    let forbids = lines.contains(&"#![forbid(unsafe_code)]");
    let may_be_unsafe = UNSAFE.iter().any(|directory| file.starts_with(directory));
    if !forbids && !may_be_unsafe {
        return Some("a crate says `#![forbid(unsafe_code)]`; see ARCHITECTURE.md".to_owned());
    }
    None
}

/// What is wrong with a line for itself.
fn in_line(line: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let columns = line.chars().count();
    // The row of a table cannot be broken.
    let row = line.trim_start().starts_with("//! |");
    if columns > COLUMNS_MAX && !row {
        wrong.push(format!("{columns} columns; {COLUMNS_MAX} are the limit"));
    }
    for word in LEFTOVERS {
        if line.contains(word) {
            wrong.push(format!("{word} is left over: do it, or open an issue"));
        }
    }
    wrong
}

fn is_logic(file: &str) -> bool {
    let beside = ["/tests/", "/examples/"].iter().any(|directory| file.contains(directory));
    let test = beside || file.ends_with("/tests.rs");
    let package = file.strip_prefix("crates/").and_then(|file| file.split('/').next());
    !test && package.is_some_and(|package| LOGIC.contains(&package))
}

/// What is wrong with a line because it is part of the logic.
fn in_logic(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or_default();
    let imports_clock = code.contains("std::time::{") && code.contains("Instant");
    let code = if imports_clock { "std::time::Instant" } else { code };
    let said = LOGIC_WORDS.iter().filter(|(word, _)| code.contains(word));
    said.map(|(word, instead)| format!("{word}: {instead}")).collect()
}

/// Where functions begin, as indices of lines, and how many lines they have. Relies on the code
/// being formatted: a body ends at the first closing brace as deep as the function began.
fn functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let begins = lines.iter().enumerate().filter(|(_, line)| begins_function(line));
    let measured = begins.filter_map(|(start, line)| {
        let depth = line.len() - line.trim_start().len();
        let end = lines.iter().skip(start).position(|later| closes(later, depth))?;
        Some((start, end + 1))
    });
    measured.collect()
}

fn begins_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let qualifier = |word: &&str| {
        matches!(*word, "async" | "const" | "unsafe" | "extern" | "\"C\"")
            || word.starts_with("pub")
    };
    words.find(|word| !qualifier(word)) == Some("fn")
}

/// Whether a line ends what began at this depth: a body, or a declaration without one.
fn closes(line: &str, depth: usize) -> bool {
    let text = line.trim_start();
    line.len() - text.len() == depth
        && (text.starts_with('}') || text.ends_with(';') || text.ends_with('}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTSIDE: &str = "bins/cmand/src/shell.rs";
    const LOGICAL: &str = "crates/cman-proto/src/engine.rs";

    fn messages(file: &str, text: &str) -> Vec<String> {
        check(file, text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn clean_code_is_clean() {
        assert_eq!(messages(LOGICAL, "fn a() {\n    b();\n}\n"), [""; 0]);
    }

    #[test]
    fn logic_reads_no_clock_and_others_may() {
        for line in ["use std::time::Instant;", "use std::time::{Duration, Instant};"] {
            assert_eq!(messages(LOGICAL, line).len(), 1, "{line}");
            assert_eq!(messages(OUTSIDE, line).len(), 0, "{line}");
        }
        assert_eq!(messages(LOGICAL, "// unlike a HashMap").len(), 0);
        assert_eq!(messages(LOGICAL, "let m = HashMap::new();").len(), 1);
        let test = "#[cfg(test)]\nmod tests {\n    let m = HashMap::new();\n}\n";
        assert_eq!(messages(LOGICAL, test).len(), 0);
        assert_eq!(messages("crates/cman-wire/src/tests/golden.rs", "std::fs::read()").len(), 0);
        assert_eq!(messages("crates/cman-order/examples/rate.rs", "std::fs::read()").len(), 0);
        for package in LOGIC {
            let file = format!("crates/{package}/src/state.rs");
            assert_eq!(messages(&file, "std::fs::read()").len(), 1, "{file}");
        }
    }

    #[test]
    fn long_functions_are_measured_to_their_own_brace() {
        let body = "        x();\n".repeat(69);
        let function = format!("    pub(crate) fn long() {{\n{body}    }}\n    fn short() {{}}\n");
        let found = messages(OUTSIDE, &format!("impl A {{\n{function}}}\n"));
        let expected = format!("{OUTSIDE}:2: a function of 71 lines; 70 are the limit");
        assert_eq!(found, [expected]);
    }

    #[test]
    fn signatures_over_several_lines_do_not_end_a_function() {
        let lines = ["fn a(", "    b: u8,", ") -> u8 {", "    b", "}", "fn c();"];
        assert_eq!(functions(&lines), [(0, 5), (5, 1)]);
    }

    #[test]
    fn unit_tests_do_not_count_as_length() {
        let code = "x();\n".repeat(800);
        let tests = "#[cfg(test)]\nmod tests {\n".to_owned() + &"y();\n".repeat(100) + "}\n";
        assert_eq!(messages(OUTSIDE, &format!("{code}{tests}")).len(), 1, "801 with the attribute");
        assert_eq!(messages(OUTSIDE, &format!("{}{tests}", &code[5..])).len(), 0);
    }

    #[test]
    fn crates_begin_with_their_purpose() {
        let good = "//! Purpose.\n#![forbid(unsafe_code)]\n";
        assert_eq!(messages("crates/a/src/lib.rs", good).len(), 0);
        assert_eq!(messages("crates/a/src/lib.rs", "//! Purpose.\n").len(), 1);
        assert_eq!(messages("crates/cman-io/src/lib.rs", "//! Purpose.\n").len(), 0);
        assert_eq!(messages("capi/a/src/lib.rs", "//! Purpose.\n").len(), 0);
        assert_eq!(messages("crates/a/src/main.rs", "fn main() {}\n").len(), 1);
    }

    #[test]
    fn leftovers_and_long_lines_are_found() {
        assert_eq!(messages(OUTSIDE, &format!("// {} later", LEFTOVERS[0])).len(), 1);
        assert_eq!(messages(OUTSIDE, &"é".repeat(100)).len(), 0);
        assert_eq!(messages(OUTSIDE, &"é".repeat(101)).len(), 1);
        assert_eq!(messages(OUTSIDE, &format!("//! | {} |", "a".repeat(100))).len(), 0);
    }
}
