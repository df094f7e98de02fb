//! `spec`: which code obeys which rule of the specification, and which tests show it.
//!
//! | module | what |
//! |---|---|
//! | [`pages`] | the rules that `docs/spec` defines |
//! | [`citations`] | where code and tests name a rule |
//! | [`exceptions`] | rules that need no code or no test, with the reason |
//! | [`layout`] | the page of frames says what the encoder does |

mod citations;
mod exceptions;
mod layout;
mod pages;

use crate::{
    repository::{self, root},
    tidy::Finding,
};
use anyhow::{Context, Result};
use citations::{Citation, Role};
use exceptions::Exceptions;
use pages::{Rule, Rules};
use std::{collections::BTreeMap, fs, path::Path};

/// Where the specification is.
const PAGES: &str = "docs/spec/";

/// Which rules need no code, or no test.
const EXCEPTIONS: &str = "docs/spec/exceptions.toml";

/// Where rules are obeyed and shown to be.
const CITING: &[&str] = &["crates/", "bins/", "testing/", "fuzz/"];

/// The page with the fields of frames, and the sources that write them.
const FRAMES: &str = "docs/spec/frames.md";
const ENCODER: &[&str] = &["crates/cman-wire/src/body.rs", "crates/cman-wire/src/field.rs"];

/// What `cargo xtask spec` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// List only this rule, or only rules whose number begins so: R-85, G-
    rule: Option<String>,
}

/// Everything that was read.
struct Survey {
    rules: Rules,
    exceptions: Exceptions,
    /// Who cites each rule, in the order of files.
    citations: BTreeMap<String, Vec<Citation>>,
    findings: Vec<Finding>,
}

/// Lists the rules with those who cite them, then those that nobody does.
pub(crate) fn run(options: &Options) -> Result<()> {
    let survey = survey()?;
    let wanted = |id: &str| options.rule.as_ref().is_none_or(|begin| id.starts_with(begin));
    for rule in survey.rules.iter().filter(|rule| wanted(&rule.id)) {
        println!("{:7}{} ({}:{})", rule.id, rule.title, rule.file, rule.line);
        let cited = survey.citations.get(&rule.id).map_or(&[][..], Vec::as_slice);
        for citation in cited {
            println!("       {citation}");
        }
        if let Some(reason) = survey.exceptions.reason(&rule.id) {
            println!("       exception: {reason}");
        }
    }
    if options.rule.is_none() {
        summarize(&survey);
    }
    for finding in &survey.findings {
        println!("{finding}");
    }
    anyhow::ensure!(survey.findings.is_empty(), "specification and code do not fit together");
    Ok(())
}

/// What is wrong between specification and code: for `cargo xtask tidy`.
pub(crate) fn check() -> Result<Vec<Finding>> {
    survey().map(|survey| survey.findings)
}

fn summarize(survey: &Survey) {
    println!("\n{} rules, {} exceptions", survey.rules.len(), survey.exceptions.len());
    for (role, whom) in [(Role::Code, "no code cites"), (Role::Test, "no test cites")] {
        let ids: Vec<&str> = survey.lacking(role).map(|rule| rule.id.as_str()).collect();
        println!("{whom} {}: {}", ids.len(), ids.join(" "));
    }
}

impl Survey {
    /// Rules that no place in this role cites, and that no exception excuses from it.
    fn lacking(&self, role: Role) -> impl Iterator<Item = &Rule> {
        let cited = move |id: &str| {
            let citations = self.citations.get(id).map_or(&[][..], Vec::as_slice);
            citations.iter().any(|citation| citation.role == role)
        };
        let excused = move |id: &str| self.exceptions.excuses(id, role);
        self.rules.iter().filter(move |rule| !cited(&rule.id) && !excused(&rule.id))
    }

    /// The same, as what is wrong.
    fn holes(&self) -> Vec<Finding> {
        let roles = [(Role::Code, "code"), (Role::Test, "test")];
        let holes = roles.into_iter().flat_map(|(role, whom)| {
            self.lacking(role).map(move |rule| Finding {
                file: rule.file.clone(),
                line: Some(rule.line),
                what: format!(
                    "no {whom} cites {}: cite it, or give the reason in {EXCEPTIONS}",
                    rule.id
                ),
            })
        });
        holes.collect()
    }
}

fn survey() -> Result<Survey> {
    let mut rules = Rules::default();
    let mut findings = Vec::new();
    let files = repository::files()?;
    let names: Vec<String> = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    for name in names.iter().filter(|name| is_page(name)) {
        findings.extend(rules.read(name, &read(name)?));
    }
    let exceptions = exceptions_of(&rules, &mut findings)?;
    let mut citations = BTreeMap::<String, Vec<Citation>>::new();
    for name in names.iter().filter(|name| is_cited_from(name)) {
        for citation in citations::find(name, &read(name)?) {
            let known = rules.expand(&citation.from, &citation.to);
            if known.is_empty() {
                findings.push(unknown(&citation));
            }
            for id in known {
                citations.entry(id).or_default().push(citation.clone());
            }
        }
    }
    findings.extend(unknown_in_documents(&names, &rules)?);
    let page = read(FRAMES)?;
    for source in ENCODER {
        findings.extend(layout::check(source, &read(source)?, FRAMES, &page));
    }
    let mut survey = Survey { rules, exceptions, citations, findings };
    let holes = survey.holes();
    survey.findings.extend(holes);
    Ok(survey)
}

fn exceptions_of(rules: &Rules, findings: &mut Vec<Finding>) -> Result<Exceptions> {
    let (exceptions, wrong) = Exceptions::read(EXCEPTIONS, &read(EXCEPTIONS)?);
    findings.extend(wrong);
    for (id, line) in exceptions.lines() {
        if !rules.knows(id) {
            let what = format!("no page of {PAGES} has a rule {id}");
            findings.push(Finding { file: EXCEPTIONS.to_owned(), line: Some(line), what });
        }
    }
    Ok(exceptions)
}

/// Documents name rules too, though they neither obey nor test them.
fn unknown_in_documents(names: &[String], rules: &Rules) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for name in names.iter().filter(|name| has_extension(name, "md")) {
        let cited = citations::find(name, &read(name)?);
        let dead = cited.into_iter().filter(|c| rules.expand(&c.from, &c.to).is_empty());
        findings.extend(dead.map(|citation| unknown(&citation)));
    }
    Ok(findings)
}

fn unknown(citation: &Citation) -> Finding {
    Finding {
        file: citation.file.clone(),
        line: Some(citation.line),
        what: format!("no page of {PAGES} has a rule {}", citation.from),
    }
}

fn is_page(name: &str) -> bool {
    name.starts_with(PAGES) && has_extension(name, "md")
}

fn is_cited_from(name: &str) -> bool {
    let source = ["rs", "patch", "txt", "scn"].iter().any(|wanted| has_extension(name, wanted));
    source && CITING.iter().any(|directory| name.starts_with(directory))
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

fn read(name: &str) -> Result<String> {
    fs::read_to_string(root().join(name)).with_context(|| format!("cannot read {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of one rule with these citations and exceptions.
    fn said(source: &str, exceptions: &str) -> Vec<String> {
        let mut survey = Survey {
            rules: Rules::default(),
            exceptions: Exceptions::read(EXCEPTIONS, exceptions).0,
            citations: BTreeMap::new(),
            findings: Vec::new(),
        };
        survey.rules.read("docs/spec/a.md", "**R-10 Beats.** All of it.\n");
        for citation in citations::find("crates/a/src/b.rs", source) {
            survey.citations.entry(citation.from.clone()).or_default().push(citation);
        }
        survey.holes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_rule_that_nobody_cites_is_a_finding() {
        let hole = |whom: &str| {
            let what = format!("no {whom} cites R-10: cite it, or give the reason in ");
            format!("docs/spec/a.md:1: {what}{EXCEPTIONS}")
        };
        let untested = "[R-10]\nlacks = \"test\"\nreason = \"seen by eye\"\n";
        assert_eq!(said("", ""), [hole("code"), hole("test")]);
        assert_eq!(said("// R-10\n", ""), [hole("test")]);
        assert_eq!(said("", untested), [hole("code")]);
        assert_eq!(said("// R-10\n", untested), [""; 0]);
        assert_eq!(said("// R-10\nmod tests {\n    // R-10\n}\n", ""), [""; 0]);
    }
}
