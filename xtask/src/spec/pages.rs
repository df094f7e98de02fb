//! The rules that the pages of the specification define.

use super::citations::{head, number, starts_with_id};
use crate::tidy::Finding;
use std::collections::BTreeMap;

/// One rule.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its number: R-85, R-60r, G-12, P4.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Its page.
    pub file: String,
    /// Where on the page it begins, from 1.
    pub line: usize,
}

/// All rules, by number.
#[derive(Debug, Default)]
pub(super) struct Rules(BTreeMap<(String, u32, String), Rule>);

impl Rules {
    /// Takes over the rules of a page; says which are there a second time.
    pub(super) fn read(&mut self, file: &str, text: &str) -> Vec<Finding> {
        let mut twice = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let Some((id, title)) = definition(line) else { continue };
            let key = key(id);
            if let Some(first) = self.0.get(&key) {
                let what = format!("rule {id} is in {}:{} already", first.file, first.line);
                twice.push(Finding { file: file.to_owned(), line: Some(at + 1), what });
                continue;
            }
            let (id, title) = (id.to_owned(), title.to_owned());
            self.0.insert(key, Rule { id, title, file: file.to_owned(), line: at + 1 });
        }
        twice
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.values()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.0.contains_key(&key(id))
    }

    /// The rules from one number to another. The same one twice is itself; nothing if either end
    /// is no rule.
    pub(super) fn expand(&self, from: &str, to: &str) -> Vec<String> {
        if !self.knows(from) || !self.knows(to) || head(from) != head(to) || key(from) > key(to) {
            return Vec::new();
        }
        self.0.range(key(from)..=key(to)).map(|(_, rule)| rule.id.clone()).collect()
    }
}

/// Sorts R-9 before R-10, and all of one page together.
fn key(id: &str) -> (String, u32, String) {
    (head(id).to_owned(), number(id), id.to_owned())
}

/// The number and the title of the rule that begins in this line, if one does: in bold, at the
/// start of a paragraph, of a list item or of a table row; or as a heading.
fn definition(line: &str) -> Option<(&str, &str)> {
    if let Some(heading) = line.strip_prefix('#') {
        let heading = heading.trim_start_matches('#').trim();
        return split(heading);
    }
    let item = line.trim_start_matches(['-', '|', ' ']);
    let bold = item.strip_prefix("**")?;
    split(bold.split("**").next()?)
}

fn split(text: &str) -> Option<(&str, &str)> {
    let id = starts_with_id(text)?;
    let title = text.get(id.len()..)?.trim_matches([' ', '.', ':', '*', '\u{2014}']);
    Some((id, title))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let text = "**R-10 Beats.** All of it.\n\n- **R-11 Late.** So\nR-12 is no rule here.\n\
                    ### G-01 Groups\n| **P4** | x |\n**R-12r** one more\n";
        let mut rules = Rules::default();
        assert_eq!(rules.read("docs/spec/a.md", text), []);
        rules
    }

    #[test]
    fn rules_begin_in_bold_or_as_headings() {
        let found: Vec<_> = rules().iter().map(|r| (r.id.clone(), r.title.clone())).collect();
        let expected = [("G-01", "Groups"), ("P4", ""), ("R-10", "Beats"), ("R-11", "Late")];
        let more = ("R-12r", "");
        let all = expected.into_iter().chain([more]).map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(found, all.collect::<Vec<_>>());
    }

    #[test]
    fn rules_of_one_page_are_a_range_of_their_own() {
        let mut rules = Rules::default();
        let text = "**P1 A.**\n**PT-02 B.**\n**P7 C.**\n**BR-03 D.**\n";
        assert_eq!(rules.read("docs/spec/a.md", text), []);
        assert_eq!(rules.expand("P1", "P7"), ["P1", "P7"]);
        assert!(rules.expand("BR-03", "P7").is_empty(), "not of one page");
    }

    #[test]
    fn a_rule_is_there_once() {
        let twice = rules().read("docs/spec/b.md", "\n**R-11 Again.**\n");
        let said: Vec<_> = twice.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["docs/spec/b.md:2: rule R-11 is in docs/spec/a.md:3 already"]);
    }

    #[test]
    fn ranges_are_expanded() {
        assert_eq!(rules().expand("R-10", "R-12r"), ["R-10", "R-11", "R-12r"]);
        assert_eq!(rules().expand("R-11", "R-11"), ["R-11"]);
        assert_eq!(rules().expand("R-10", "R-99"), [""; 0]);
        assert_eq!(rules().expand("R-12", "R-12"), [""; 0], "another rule than R-12r");
    }
}
