//! One attribute: numbers, switches, addresses, with ranges.

use crate::{code::Code, diagnostic::Findings, source::shown};
use core::{fmt::Display, net::IpAddr, ops::Range, ops::RangeInclusive};
use roxmltree::{Attribute, Node};

/// Where the beginning of an element stands: `<` and its name, with its prefix.
pub(crate) fn tag_span(node: Node<'_, '_>) -> Range<usize> {
    let start = node.range().start;
    start..start.saturating_add(1 + written_name(node).len())
}

/// The name of an element as the file has it, with its prefix.
pub(crate) fn written_name<'a>(node: Node<'a, '_>) -> &'a str {
    let text = node.document().input_text().get(node.range()).unwrap_or("");
    let tag = text.strip_prefix('<').unwrap_or(text);
    tag.split(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).next().unwrap_or("")
}

/// Whether this is an element of this name. One of an XML namespace means something else,
/// whatever it is called.
pub(crate) fn is_named(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().namespace().is_none() && node.tag_name().name() == name
}

/// The first child element of this name.
pub(crate) fn child<'a, 'input>(parent: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    parent.children().find(|node| is_named(*node, name))
}

/// The attribute of this name. One of an XML namespace means something else. (The XML reader's
/// own search does not tell them apart.)
pub(crate) fn attribute<'a, 'input>(
    node: Node<'a, 'input>,
    name: &str,
) -> Option<Attribute<'a, 'input>> {
    node.attributes().find(|given| given.namespace().is_none() && given.name() == name)
}

/// A compulsory attribute; reports that it is missing, with an example of what to write.
pub(crate) fn required<'a, 'input>(
    node: Node<'a, 'input>,
    name: &'static str,
    example: &str,
    findings: &mut Findings<'_>,
) -> Option<Attribute<'a, 'input>> {
    let found = attribute(node, name);
    if found.is_none() {
        let message = format!("`<{}>` has no `{name}`", node.tag_name().name());
        findings.report(Code::MissingAttribute, tag_span(node), message, format!("add {example}"));
    }
    found
}

/// What a number may be, and what to say if it is not.
#[derive(Debug)]
pub(crate) struct Number<T> {
    pub(crate) range: RangeInclusive<T>,
    /// What follows the number in messages, such as " ms".
    pub(crate) unit: &'static str,
    pub(crate) help: &'static str,
}

impl<T: Copy + Display + PartialOrd + TryFrom<u64>> Number<T> {
    /// The number in this attribute; `None`, and reported, if it is none or outside the range.
    pub(crate) fn read(
        &self,
        attribute: &Attribute<'_, '_>,
        findings: &mut Findings<'_>,
    ) -> Option<T> {
        let (low, high, unit) = (self.range.start(), self.range.end(), self.unit);
        let text = attribute.value().trim();
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let negative = text.strip_prefix('-').is_some_and(|rest| rest.parse::<u64>().is_ok());
        let number = text.parse().ok().and_then(|wide: u64| T::try_from(wide).ok());
        if digits && let Some(number) = number.filter(|number| self.range.contains(number)) {
            return Some(number);
        }
        let code = if digits || negative { Code::OutOfRange } else { Code::NotANumber };
        let message = format!(
            "`{}` is \"{}\", expected a number from {low} to {high}{unit}",
            attribute.name(),
            shown(attribute.value()),
        );
        findings.report(code, attribute.range_value(), message, self.help);
        None
    }
}

/// One of a few words, each with what it stands for; `None`, and reported, if it is none of them.
pub(crate) fn choice<T: Copy>(
    attribute: &Attribute<'_, '_>,
    choices: &[(&str, T)],
    findings: &mut Findings<'_>,
) -> Option<T> {
    let text = attribute.value().trim();
    let found = choices.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
    if let Some(&(_, meaning)) = found {
        return Some(meaning);
    }
    let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    let expected = words.join(" or ");
    let name = attribute.name();
    let message = format!("`{name}` is \"{}\", expected {expected}", shown(attribute.value()));
    let help = format!("write {name}={}", words.join(&format!(" or {name}=")));
    findings.report(Code::UnknownChoice, attribute.range_value(), message, help);
    None
}

/// An IP address; `None`, and reported, if it is none.
pub(crate) fn address(
    attribute: &Attribute<'_, '_>,
    help: &str,
    findings: &mut Findings<'_>,
) -> Option<IpAddr> {
    let parsed = attribute.value().trim().parse().ok();
    if parsed.is_none() {
        let (name, value) = (attribute.name(), shown(attribute.value()));
        let message = format!("`{name}` is \"{value}\", expected an IPv4 or IPv6 address");
        findings.report(Code::BadAddress, attribute.range_value(), message, help);
    }
    parsed
}
