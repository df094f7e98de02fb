//! Problems with their places, and the list of all problems of a file.

use crate::{
    code::{Code, Severity},
    source::Source,
};
use core::ops::Range;

/// Most problems that one list holds; the others are counted. A file with more is not a
/// `cluster.conf` with mistakes but something else.
const PROBLEMS_MAX: usize = 200;

/// One problem of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Diagnostic {
    /// What kind of problem it is.
    pub code: Code,
    /// How bad it is; always that of the code.
    pub severity: Severity,
    /// What is there and what was expected.
    pub message: String,
    /// What to write instead, or to do next.
    pub help: String,
    /// The line, from 1; 0 if the problem is the file as a whole.
    pub line: usize,
    /// The column in characters, from 1; 0 if the problem is the file as a whole.
    pub column: usize,
    /// How many characters it covers on that line, at least 1; 0 if it is the file as a whole.
    pub length: usize,
    /// The offending text itself; may be empty.
    pub text: String,
    /// The line it is on, shortened around it; see `render`.
    pub(crate) excerpt: crate::render::Excerpt,
}

impl Diagnostic {
    /// A problem of the file as a whole.
    pub(crate) fn without_place(code: Code, message: String, help: &str) -> Self {
        Self {
            code,
            severity: code.severity(),
            message,
            help: help.to_owned(),
            line: 0,
            column: 0,
            length: 0,
            text: String::new(),
            excerpt: crate::render::Excerpt::default(),
        }
    }

    /// A problem at a range of offsets.
    pub(crate) fn at(
        source: &Source<'_>,
        range: Range<usize>,
        code: Code,
        message: String,
        help: String,
    ) -> Self {
        let (line, column) = source.place(range.start);
        let text = source.slice(range);
        let length = text.lines().next().unwrap_or("").chars().count().max(1);
        Self {
            line,
            column,
            length,
            text: crate::source::shown(text),
            excerpt: crate::render::Excerpt::new(source.line(line), column, length),
            help,
            ..Self::without_place(code, message, "")
        }
    }
}

/// All the problems of one file, in the order of the file. Its `Display` is the text for people:
/// each problem with its place, the line it is on, and what to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostics {
    file_name: String,
    items: Vec<Diagnostic>,
    errors: usize,
    omitted: usize,
}

impl Diagnostics {
    pub(crate) fn of_one(file_name: &str, problem: Diagnostic) -> Self {
        let errors = usize::from(problem.severity == Severity::Error);
        Self { file_name: file_name.to_owned(), items: vec![problem], errors, omitted: 0 }
    }

    /// The name of the file, as given to [`crate::parse`].
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The problems, in the order of the file.
    pub fn iter(&self) -> core::slice::Iter<'_, Diagnostic> {
        self.items.iter()
    }

    /// Whether there is no problem.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many problems are listed.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.items.len()
    }

    /// How many more problems there are than listed.
    #[must_use]
    pub const fn omitted(&self) -> usize {
        self.omitted
    }

    /// Whether any problem is an error, so that the file cannot be used.
    #[must_use]
    pub const fn has_errors(&self) -> bool {
        self.errors > 0
    }
}

impl core::error::Error for Diagnostics {}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = core::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What a pass over the file has found so far.
#[derive(Debug)]
pub(crate) struct Findings<'s> {
    source: &'s Source<'s>,
    /// With the offset, to put them into the order of the file. Errors and the rest apart, so that
    /// a flood of warnings cannot crowd out an error.
    errors: Vec<(usize, Diagnostic)>,
    others: Vec<(usize, Diagnostic)>,
    errors_count: usize,
    others_count: usize,
}

impl<'s> Findings<'s> {
    pub(crate) const fn new(source: &'s Source<'s>) -> Self {
        Self { source, errors: Vec::new(), others: Vec::new(), errors_count: 0, others_count: 0 }
    }

    /// Adds a problem at a range of offsets.
    pub(crate) fn report(
        &mut self,
        code: Code,
        range: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.report_with(code, range, || (message.into(), help.into()));
    }

    /// Adds a problem whose message and help take some work, which is only done if it is listed.
    pub(crate) fn report_with(
        &mut self,
        code: Code,
        range: Range<usize>,
        texts: impl FnOnce() -> (String, String),
    ) {
        let (list, count) = match code.severity() {
            Severity::Error => (&mut self.errors, &mut self.errors_count),
            Severity::Note | Severity::Warning => (&mut self.others, &mut self.others_count),
        };
        *count += 1;
        if list.len() < PROBLEMS_MAX {
            let start = range.start;
            let (message, help) = texts();
            list.push((start, Diagnostic::at(self.source, range, code, message, help)));
        }
    }

    /// The text in a range of offsets.
    pub(crate) fn text(&self, range: Range<usize>) -> &'s str {
        self.source.slice(range)
    }

    /// The line that an offset is on, from 1.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.source.line_number(offset)
    }

    /// The finished list.
    pub(crate) fn into_diagnostics(self, file_name: &str) -> Diagnostics {
        let found = self.errors_count + self.others_count;
        let mut items = self.errors;
        items.extend(self.others);
        items.truncate(PROBLEMS_MAX);
        items.sort_by_key(|(offset, _)| *offset);
        let items: Vec<Diagnostic> = items.into_iter().map(|(_, problem)| problem).collect();
        let omitted = found - items.len();
        Diagnostics { file_name: file_name.to_owned(), items, errors: self.errors_count, omitted }
    }
}
