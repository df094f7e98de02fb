//! Problems as text for people: place, line, caret, help.

use crate::{
    diagnostic::{Diagnostic, Diagnostics},
    source::printable,
};
use core::fmt;

/// Characters of a line shown at most.
const WIDTH_MAX: usize = 96;
/// Characters shown before the problem when a line has to be shortened.
const LEAD: usize = 40;

/// A line of the file, shortened around the problem, and which part of it to underline. Empty for
/// the file as a whole.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Excerpt {
    text: String,
    indent: usize,
    underline: usize,
}

impl Excerpt {
    /// Of a `line`, with `length` characters underlined from `column` (from 1) on.
    pub(crate) fn new(line: &str, column: usize, length: usize) -> Self {
        let at = column.saturating_sub(1);
        let fits = at.saturating_add(length) <= WIDTH_MAX;
        let skipped = if fits { 0 } else { at.saturating_sub(LEAD) };
        let mut text = String::new();
        if skipped > 0 {
            text.push_str("...");
        }
        let indent = at - skipped + text.len();
        text.extend(line.chars().skip(skipped).take(WIDTH_MAX).map(printable));
        if line.chars().nth(skipped + WIDTH_MAX).is_some() {
            text.push_str("...");
        }
        let room = text.chars().count().saturating_sub(indent).max(1);
        Self { text: text.trim_end().to_owned(), indent, underline: length.clamp(1, room) }
    }
}

/// `place: severity[code]: message`, the line with the problem underlined, and the help.
fn problem(f: &mut fmt::Formatter<'_>, file_name: &str, found: &Diagnostic) -> fmt::Result {
    let Diagnostic { code, severity, message, help, line, column, excerpt, .. } = found;
    if *line == 0 {
        writeln!(f, "{file_name}: {severity}[{code}]: {message}")?;
        return writeln!(f, "  help: {help}");
    }
    writeln!(f, "{file_name}:{line}:{column}: {severity}[{code}]: {message}")?;
    writeln!(f, "{line:>5} | {}", excerpt.text)?;
    writeln!(
        f,
        "      | {:indent$}{:^<underline$}",
        "",
        "",
        indent = excerpt.indent,
        underline = excerpt.underline
    )?;
    writeln!(f, "  help: {help}")
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for found in self {
            problem(f, self.file_name(), found)?;
        }
        match self.omitted() {
            0 => Ok(()),
            omitted => writeln!(f, "{}: {omitted} more problems not shown", self.file_name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_shortened_around_the_problem() {
        let line = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let excerpt = Excerpt::new(&line, 501, 1);
        assert_eq!(excerpt.text.chars().nth(excerpt.indent), Some('X'));
        assert!(excerpt.text.len() <= WIDTH_MAX + 6);
        assert!(excerpt.text.starts_with("...a") && excerpt.text.ends_with("b..."));
    }

    #[test]
    fn an_underline_stays_within_its_line() {
        let excerpt = Excerpt::new("ab\tcd", 4, 100);
        assert_eq!((excerpt.text.as_str(), excerpt.indent, excerpt.underline), ("ab cd", 3, 2));
        assert_eq!(Excerpt::new("", 1, 1).underline, 1);
    }
}
