//! Finds what is unknown, historic, or not used yet.
//!
//! Walks along the [schema](crate::schema), so its depth is that of the schema, whatever the file.

use crate::{
    code::Code,
    diagnostic::Findings,
    schema::{CLUSTER, Child, ELEMENTS, Element, Fate},
    source::shown,
    suggest::nearest,
    value,
};
use roxmltree::{Attribute, NS_XML_URI, Node};
use std::collections::BTreeSet;

/// What XML itself defines, such as `xml:base`: it comes from the tools that put files together.
const XML_OWN: [&str; 4] = ["base", "id", "lang", "space"];

/// Reports everything below `root` that has no effect, and elements given more often than once.
pub(crate) fn check(root: Node<'_, '_>, findings: &mut Findings<'_>) {
    Walk { findings, noted: BTreeSet::new() }.element(root, &CLUSTER);
}

/// One pass over the file.
struct Walk<'f, 's> {
    findings: &'f mut Findings<'s>,
    /// What was noted before: a note that holds for every node is given for the first only.
    noted: BTreeSet<(&'static str, &'static str)>,
}

impl Walk<'_, '_> {
    fn element(&mut self, node: Node<'_, '_>, schema: &'static Element) {
        for attribute in node.attributes() {
            self.attribute(attribute, schema);
        }
        let mut seen = BTreeSet::new();
        for child in node.children() {
            if child.is_element() {
                self.child(child, schema, &mut seen);
            } else if child.is_text() {
                self.stray_text(child, schema);
            }
        }
    }

    fn attribute(&mut self, attribute: Attribute<'_, '_>, schema: &'static Element) {
        let name = attribute.name();
        if let Some(namespace) = attribute.namespace() {
            if !(namespace == NS_XML_URI && XML_OWN.contains(&name)) {
                self.foreign_attribute(attribute, schema);
            }
            return;
        }
        let span = attribute.range_qname();
        let inside = schema.name;
        match schema.attribute(name) {
            Some(Fate::Read) => {}
            Some(Fate::NoEffect(help)) => {
                let message = format!("`{name}` of `<{inside}>` has no effect");
                self.findings.report(Code::NoEffect, span, message, help);
            }
            Some(Fate::NotUsedYet(help)) => {
                if let Some((known, _)) = schema.attributes.iter().find(|(known, _)| *known == name)
                    && self.noted.insert((inside, known))
                {
                    let message =
                        format!("this version does nothing with `{name}` of `<{inside}>`");
                    self.findings.report(Code::NotUsedYet, span, message, help);
                }
            }
            None => {
                self.findings.report_with(Code::UnknownAttribute, span, || {
                    let message = format!("`{}` is no attribute of `<{inside}>`", shown(name));
                    (message, help_for_attribute(name, schema))
                });
            }
        }
    }

    fn foreign_attribute(&mut self, attribute: Attribute<'_, '_>, schema: &'static Element) {
        let span = attribute.range_qname();
        let written = shown(self.findings.text(span.clone()));
        self.findings.report_with(Code::UnknownAttribute, span, || {
            let message = format!(
                "`{written}` is of another XML namespace, and no attribute of `<{}>`",
                schema.name
            );
            (message, help_for_foreign(schema.attribute(attribute.name()).is_some()))
        });
    }

    fn foreign_element(&mut self, node: Node<'_, '_>, schema: &'static Element) {
        self.findings.report_with(Code::UnknownElement, value::tag_span(node), || {
            let message = format!(
                "`<{}>` is of another XML namespace, and no element of `<{}>`",
                shown(value::written_name(node)),
                schema.name
            );
            (message, help_for_foreign(schema.child(node.tag_name().name()).is_some()))
        });
    }

    fn child<'n>(
        &mut self,
        node: Node<'n, '_>,
        schema: &'static Element,
        seen: &mut BTreeSet<&'n str>,
    ) {
        if node.tag_name().namespace().is_some() {
            return self.foreign_element(node, schema);
        }
        let name = node.tag_name().name();
        let span = value::tag_span(node);
        let inside = schema.name;
        match schema.child(name) {
            Some(Child::Known(element)) => {
                if !seen.insert(name) && element.once {
                    let message =
                        format!("`<{name}>` is given again, expected once within `<{inside}>`");
                    let help = format!("put what it says into the first `<{name}>`");
                    self.findings.report(Code::RepeatedElement, span, message, help);
                }
                self.element(node, element);
            }
            Some(Child::Closed(_, Fate::NoEffect(help))) => {
                let message = format!("`<{name}>` within `<{inside}>` has no effect");
                self.findings.report(Code::NoEffect, span, message, *help);
            }
            Some(Child::Closed(known, Fate::NotUsedYet(help))) => {
                if self.noted.insert((inside, known)) {
                    let message = format!("this version does nothing with `<{name}>`");
                    self.findings.report(Code::NotUsedYet, span, message, *help);
                }
            }
            // A closed element is never one that is read.
            Some(Child::Closed(_, Fate::Read)) | None => {
                self.findings.report_with(Code::UnknownElement, span, || {
                    let message = format!("`<{}>` is no element of `<{inside}>`", shown(name));
                    (message, help_for_element(name, schema))
                });
            }
        }
    }

    fn stray_text(&mut self, node: Node<'_, '_>, schema: &'static Element) {
        let raw = self.findings.text(node.range());
        let text = raw.trim();
        if text.is_empty() {
            return;
        }
        let start = node.range().start + (raw.len() - raw.trim_start().len());
        let message = format!("text within `<{}>`: `{}`", schema.name, shown(text));
        let help = "remove it, or make it a comment: `<!-- ... -->`";
        self.findings.report(Code::StrayText, start..start + text.len(), message, help);
    }
}

/// What to do about a name of another namespace, which may be a known one but for that.
fn help_for_foreign(known: bool) -> String {
    let help = if known {
        "write it without a prefix and without `xmlns`, or remove it"
    } else {
        "remove it; nothing in cluster.conf is of an XML namespace"
    };
    help.to_owned()
}

/// What the author of an unknown attribute may have meant.
fn help_for_attribute(name: &str, schema: &Element) -> String {
    let elsewhere = ELEMENTS.iter().find(|element| element.attribute(name) == Some(Fate::Read));
    if let Some(element) = elsewhere {
        return format!("it belongs to `<{}>`", element.name);
    }
    if let Some(meant) = nearest(name, schema.attributes.iter().map(|&(known, _)| known)) {
        return format!("did you mean `{meant}`?");
    }
    let read = schema.attributes.iter().filter(|(_, fate)| *fate == Fate::Read);
    let read: Vec<String> = read.map(|(known, _)| format!("`{known}`")).collect();
    match read.as_slice() {
        [] => format!("remove it; `<{}>` has no attributes", schema.name),
        names => format!("remove it; `<{}>` has {}", schema.name, names.join(", ")),
    }
}

/// What the author of an unknown element may have meant.
fn help_for_element(name: &str, schema: &Element) -> String {
    if let Some(parent) = ELEMENTS.iter().find(|element| element.child(name).is_some()) {
        return format!("it belongs into `<{}>`", parent.name);
    }
    if let Some(meant) = nearest(name, schema.children.iter().map(Child::name)) {
        return format!("did you mean `<{meant}>`?");
    }
    if schema.attribute(name) == Some(Fate::Read) {
        return format!("write it as an attribute: `<{} {name}=\"...\">`", schema.name);
    }
    "remove it; cluster.conf(5) lists all elements".to_owned()
}
