//! Plays all text scenarios, and checks that each rule of view changes and recovery has one.

use super::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Path and text of each scenario, by name.
fn files() -> Vec<(PathBuf, String)> {
    let directory = root().join("testing/cman-sim/scenarios");
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn text_scenarios_do_what_they_say() {
    let rewrite = env::var_os("REWRITE").is_some();
    let mut failed = Vec::new();
    for (path, text) in files() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let played = File::parse(&text).and_then(|file| play(&file));
        match played {
            Err(error) => failed.push(format!("{name}: {error}")),
            Ok(played) if played.to_text() == text => {}
            Ok(played) if rewrite => fs::write(&path, played.to_text()).unwrap(),
            Ok(played) => failed.push(format!("{name}: {}", difference(&text, &played.to_text()))),
        }
    }
    let hint = "\nIf this is meant: REWRITE=1 cargo test -p cman-sim text, then read the diff.";
    assert!(failed.is_empty(), "{}{hint}", failed.join("\n"));
}

/// The first line that differs.
fn difference(expected: &str, came: &str) -> String {
    let (mut expected, mut came) = (expected.lines(), came.lines());
    for number in 1.. {
        let (old, new) = (expected.next(), came.next());
        if old != new {
            let shown = |line: Option<&str>| line.unwrap_or("the end").to_owned();
            return format!(
                "line {number}\n  expected: {}\n  came:     {}",
                shown(old),
                shown(new)
            );
        }
    }
    String::new()
}

/// Where the rules stand of which each has a scenario: page and sections.
const SHOWN: [(&str, &[&str]); 2] = [
    (
        "membership.md",
        &[
            "## 4. View change",
            "## 5. Without a view",
            "## 6. Joining and merging",
            "## 7. Leaving",
        ],
    ),
    ("order.md", &["## 5. Repair", "## 6. The end of a view"]),
];

/// Rules of these sections without a scenario, and why that is right.
const EXCEPTIONS: [(&str, &str); 3] = [
    ("R-167", "no node says such things: cman-order has peers that do, in stream/bad_peers.rs"),
    ("R-74", "whoever loses touch with the coordinator alone acts as deputy or is put out before"),
    ("R-93", "not built"),
];

/// The rules of a section of a page.
fn rules(page: &str, section: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/spec").join(page)).unwrap();
    let lines = text.lines().skip_while(|line| *line != section).skip(1);
    let lines = lines.take_while(|line| !line.starts_with("## "));
    let number = |line: &str| Some(line.strip_prefix("**R-")?.split(' ').next()?.to_owned());
    lines.filter_map(number).map(|number| format!("R-{number}")).collect()
}

#[test]
fn text_scenarios_show_each_rule_of_view_change_and_recovery() {
    let files: Vec<_> =
        files().into_iter().map(|(path, text)| (path, File::parse(&text).unwrap())).collect();
    let shown: BTreeSet<_> = files.iter().flat_map(|(_, file)| file.rules()).collect();
    let sections = SHOWN.iter().flat_map(|(page, all)| all.iter().map(move |one| (page, one)));
    let wanted: Vec<_> = sections.flat_map(|(page, section)| rules(page, section)).collect();
    assert!(wanted.len() > 20, "the pages are read: {wanted:?}");
    let exceptions = BTreeMap::from(EXCEPTIONS);
    for rule in &wanted {
        let (has, excepted) =
            (shown.contains(rule.as_str()), exceptions.contains_key(rule.as_str()));
        assert!(has || excepted, "{rule} has no scenario in testing/cman-sim/scenarios");
        assert!(!(has && excepted), "{rule} has a scenario: it is no exception");
    }
    for rule in exceptions.keys() {
        assert!(wanted.iter().any(|wanted| wanted == rule), "{rule} is not asked for");
    }
}

#[test]
fn text_scenarios_say_what_they_show() {
    let pages = fs::read_dir(root().join("docs/spec")).unwrap();
    let pages = pages.filter_map(|page| fs::read_to_string(page.unwrap().path()).ok());
    let specified: String = pages.collect();
    for (path, text) in files() {
        let file = File::parse(&text).unwrap();
        let name = path.display();
        assert!(file.head.first().is_some_and(|line| line.len() > 12), "{name} says nothing");
        assert!(file.rules().count() > 0, "{name} names no rule");
        for rule in file.rules() {
            assert!(specified.contains(&format!("**{rule} ")), "{name}: {rule} is no rule");
        }
    }
}
