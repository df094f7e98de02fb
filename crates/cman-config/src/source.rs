//! The bytes of the file, and from an offset to line and column.

use crate::{code::Code, diagnostic::Diagnostic};
use core::ops::Range;
use roxmltree::{Document, Error, ParsingOptions};

/// The largest file that is read, in bytes. 4096 nodes with fencing take about a third of it.
pub const FILE_SIZE_MAX: usize = 4 << 20;
/// Most elements, comments and pieces of text. 4096 nodes with fencing take about a third.
const NODES_MAX: u32 = 200_000;
/// Most attributes of one element. The XML reader compares each with each.
const ATTRIBUTES_MAX: usize = 2_000;
/// Most mentions of XML name spaces, which mean nothing here. The XML reader copies them from
/// element to element.
const NAME_SPACES_MAX: usize = 100;

/// The text of a file. Offsets are in bytes, after a byte order mark if there is one.
#[derive(Debug)]
pub(crate) struct Source<'s> {
    text: &'s str,
    /// Where each line begins; the first is 0.
    line_starts: Vec<usize>,
}

impl<'s> Source<'s> {
    /// The text in these bytes, if they are text of a bearable size.
    pub(crate) fn new(bytes: &'s [u8]) -> Result<Self, Box<Diagnostic>> {
        if bytes.len() > FILE_SIZE_MAX {
            return Err(Box::new(Diagnostic::without_place(
                Code::TooLarge,
                format!("the file has more than {FILE_SIZE_MAX} bytes"),
                "check that this is the right file; one node takes about 100 bytes",
            )));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return Err(Box::new(not_text(bytes, error.valid_up_to()))),
        };
        let source = Self { text, line_starts: line_starts(text) };
        if let Some(at) = text.find('\0') {
            return Err(Box::new(not_text(bytes, at)));
        }
        if text.trim().is_empty() {
            return Err(Box::new(Diagnostic::without_place(
                Code::Empty,
                "the file is empty, expected a `<cluster>` element".to_owned(),
                "write a configuration; cluster.conf(5) begins with a complete example",
            )));
        }
        source.refuse_floods()?;
        Ok(source)
    }

    /// Refuses what would make the XML reader work much longer than the size of the file warrants.
    fn refuse_floods(&self) -> Result<(), Box<Diagnostic>> {
        let flood = |offset, what: String| {
            let help = "no cluster.conf needs that; check that this is the right file";
            Box::new(Diagnostic::at(
                self,
                offset..offset + 1,
                Code::TooLarge,
                what,
                help.to_owned(),
            ))
        };
        if let Some((at, _)) = self.text.match_indices("xmlns").nth(NAME_SPACES_MAX) {
            let what = format!("more than {NAME_SPACES_MAX} mentions of `xmlns`");
            return Err(flood(at, what));
        }
        // No `<` can stand within a tag, so all attributes of an element lie between two of them.
        let mut offset = 0;
        for piece in self.text.split('<') {
            if !piece.starts_with('!') && piece.matches(['"', '\'']).count() / 2 > ATTRIBUTES_MAX {
                let what = format!("one element has more than {ATTRIBUTES_MAX} attributes");
                return Err(flood(offset, what));
            }
            offset += piece.len() + 1;
        }
        Ok(())
    }

    /// The file as a tree of elements.
    pub(crate) fn document(&self) -> Result<Document<'s>, Box<Diagnostic>> {
        let options =
            ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, entity_resolver: None };
        Document::parse_with_options(self.text, options).map_err(|e| Box::new(self.explain(&e)))
    }

    /// What to tell the author of a file that the XML reader refuses.
    fn explain(&self, error: &Error) -> Diagnostic {
        let start = match error {
            Error::UnclosedRootNode | Error::UnexpectedEndOfStream => self.text.trim_end().len(),
            Error::DtdDetected => self.text.find("<!DOCTYPE").unwrap_or(0),
            other => self.offset_of(other.pos().row, other.pos().col),
        };
        let span = start..start.saturating_add(1);
        let (code, message, help) = explanation(error);
        Diagnostic::at(self, span, code, message, help)
    }

    /// The offset of a place that the XML reader names by line and column, both from 1.
    fn offset_of(&self, line: u32, column: u32) -> usize {
        let index = |n: u32| usize::try_from(n).unwrap_or(usize::MAX).saturating_sub(1);
        let start = self.line_starts.get(index(line)).copied().unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or("");
        let within = rest.char_indices().nth(index(column)).map_or(rest.len(), |(at, _)| at);
        start.saturating_add(within)
    }

    /// The line of an offset, from 1.
    pub(crate) fn line_number(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= offset).max(1)
    }

    /// Line and column of an offset, both from 1, the column in characters.
    pub(crate) fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.line_number(offset);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or("");
        (line, before.chars().count() + 1)
    }

    /// The line (from 1) without its end.
    pub(crate) fn line(&self, line: usize) -> &'s str {
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let rest = self.text.get(start..).unwrap_or("");
        rest.split('\n').next().unwrap_or("").trim_end_matches('\r')
    }

    /// The text in a range; empty if the range is not one of whole characters.
    pub(crate) fn slice(&self, range: Range<usize>) -> &'s str {
        self.text.get(range).unwrap_or("")
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    core::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

/// Bytes that are not text: where the first wrong one is, and what the file may be instead.
fn not_text(bytes: &[u8], wrong_at: usize) -> Diagnostic {
    let line = bytes.iter().take(wrong_at).filter(|&&byte| byte == b'\n').count() + 1;
    let byte = bytes.get(wrong_at).copied().unwrap_or(0);
    let message = format!("byte 0x{byte:02x} on line {line}, expected UTF-8 text");
    let help = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file is UTF-16: save it as UTF-8",
        _ if byte == 0 => "the file is binary: check that this is the right file",
        _ => "save the file as UTF-8, or check that this is the right file",
    };
    Diagnostic::without_place(Code::NotText, message, help)
}

/// The code, the message and the help for a refusal of the XML reader.
fn explanation(error: &Error) -> (Code, String, String) {
    let malformed = |message: String, help: String| (Code::Malformed, message, help);
    match error {
        Error::DtdDetected => (
            Code::DtdRefused,
            "a document type declaration, expected none".to_owned(),
            "remove `<!DOCTYPE ...>`: entities are not expanded, so that a small file stays small"
                .to_owned(),
        ),
        Error::NodesLimitReached
        | Error::AttributesLimitReached
        | Error::NamespacesLimitReached => (
            Code::TooLarge,
            format!("more than {NODES_MAX} elements, comments and pieces of text"),
            "no cluster.conf needs that; check that this is the right file".to_owned(),
        ),
        Error::UnexpectedCloseTag(open, close, _) => wrong_close_tag(&shown(open), &shown(close)),
        Error::UnclosedRootNode | Error::UnexpectedEndOfStream => malformed(
            "the file ends within an element, expected `</cluster>` at its end".to_owned(),
            "close each element with `/>` or with its closing tag; was the file cut short?"
                .to_owned(),
        ),
        Error::NoRootNode => malformed(
            "no element, expected `<cluster ...>`".to_owned(),
            "cluster.conf(5) begins with a complete example".to_owned(),
        ),
        Error::DuplicatedAttribute(name, _) => malformed(
            format!("`{}` is given twice in one element, expected once", shown(name)),
            "remove one of the two".to_owned(),
        ),
        Error::InvalidAttributeValue(_) => malformed(
            "`<` within a value".to_owned(),
            "write `&lt;` for it, or end the value before it with a quotation mark".to_owned(),
        ),
        Error::UnknownEntityReference(..) | Error::MalformedEntityReference(_) => malformed(
            "`&` that begins none of `&amp;` `&lt;` `&gt;` `&quot;` `&apos;` `&#N;`".to_owned(),
            "write `&amp;` for the character itself".to_owned(),
        ),
        Error::InvalidComment(_) => malformed(
            "`--` within a comment, expected `-->` at its end only".to_owned(),
            "write a single `-`, or another character".to_owned(),
        ),
        Error::UnknownNamespace(prefix, _) => malformed(
            format!("the prefix `{}:` is not declared", shown(prefix)),
            "write the name without a prefix".to_owned(),
        ),
        Error::NonXmlChar(c, _) => malformed(
            format!("the character U+{:04X}, which XML does not allow", u32::from(*c)),
            "remove it".to_owned(),
        ),
        Error::InvalidChar(expected, found, _) => {
            let expected = format!("`{}`", char::from(*expected));
            unexpected(&expected, *found)
        }
        Error::InvalidChar2(expected, found, _) => unexpected(expected, *found),
        Error::UnknownToken(_) => malformed(
            "this is outside of `<cluster>...</cluster>`".to_owned(),
            "remove it; everything stands within one `<cluster>` element".to_owned(),
        ),
        other => {
            // The reader repeats the place, which is shown anyway.
            let text = other.to_string();
            let message = text.rsplit_once(" at ").map_or(text.as_str(), |(before, _)| before);
            malformed(shown(message), CORRECT.to_owned())
        }
    }
}

/// `</close>` where `</open>` has to come first.
fn wrong_close_tag(open: &str, close: &str) -> (Code, String, String) {
    let message = format!("`</{close}>` closes `<{open}>`, expected `</{open}>`");
    let help = format!("write `</{open}>` first, or close `<{open}` with `/>` where it is opened");
    (Code::Malformed, message, help)
}

/// Help where nothing better is known.
const CORRECT: &str = "correct the XML here; it looks like <element name=\"value\"/>";

/// A character that cannot stand where it does. (It may be the first byte of a longer one.)
fn unexpected(expected: &str, found: u8) -> (Code, String, String) {
    let found = if found.is_ascii() { format!("`{}`", char::from(found)) } else { "this".into() };
    let help = match expected {
        "a quote" => "put the value into quotation marks: name=\"value\"",
        "`\"`" | "`'`" => "end the value before it with a quotation mark: name=\"value\"",
        _ => CORRECT,
    };
    let expected = if expected == "a quote" { "a quotation mark" } else { expected };
    let message = shown(&format!("{found}, expected {expected}"));
    (Code::Malformed, message, help.to_owned())
}

/// Longest piece of the file that a message repeats, in characters.
const SHOWN_MAX: usize = 60;

/// A piece of the file as messages show it: short, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(SHOWN_MAX).map(printable).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        out.push_str("...");
    }
    out
}

/// The character, or a stand-in for one that would move the cursor, colour the terminal or turn
/// the direction of writing.
pub(crate) fn printable(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let source = Source::new("<a>\r\n äö<b/>\n".as_bytes()).unwrap();
        assert_eq!(source.place(0), (1, 1));
        let at = source.text.find("<b").unwrap();
        assert_eq!(source.place(at), (2, 4));
        assert_eq!(source.offset_of(2, 4), at);
        assert_eq!(source.line(1), "<a>");
        assert_eq!(source.line(2), " äö<b/>");
        assert_eq!(source.line(99), "<a>");
    }

    #[test]
    fn places_out_of_range_are_harmless() {
        let source = Source::new(b"<a/>").unwrap();
        assert_eq!(source.offset_of(9, 9), 4);
        assert_eq!(source.offset_of(0, 0), 0);
        assert_eq!(source.place(99), (1, 1));
        assert_eq!(source.slice(3..99), "");
    }

    #[test]
    fn nothing_unprintable_is_shown() {
        assert_eq!(shown("a\u{1b}[31mb\tc"), "a\u{fffd}[31mb c");
        assert_eq!(shown(&"x".repeat(70)).len(), SHOWN_MAX + 3);
    }
}
