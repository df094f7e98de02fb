//! Every file in `tests/fixtures` is parsed and what cman says about it compared with the text
//! beside it. `REWRITE=1 cargo test -p cman-config` writes the texts anew, to be reviewed.
//!
//! The name of a fixture begins with the code it is for.
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read is a failed test")]

use cman_config::{Code, parse};
use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// All inputs by name: the files, and those too large to keep.
fn inputs() -> BTreeMap<String, Vec<u8>> {
    let mut inputs = BTreeMap::new();
    for entry in fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "conf") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            inputs.insert(name, fs::read(path).unwrap());
        }
    }
    let nodes: Vec<(u32, String)> = (1..=4097).map(|id| (id, format!("n{id}"))).collect();
    let nodes: Vec<(u32, &str)> = nodes.iter().map(|(id, name)| (*id, name.as_str())).collect();
    let many = cman_config::template("alpha", &nodes, None);
    inputs.insert("CM0303-too-many-nodes".to_owned(), many.into_bytes());
    inputs.insert("CM0002-huge".to_owned(), vec![b' '; cman_config::FILE_SIZE_MAX + 1]);
    let elements = format!("<cluster>{}</cluster>", "<a/>".repeat(200_000));
    inputs.insert("CM0002-many-elements".to_owned(), elements.into_bytes());
    let attributes: String = (0..2001).fold(String::new(), |mut text, n| {
        write!(text, " a{n}=\"\"").unwrap();
        text
    });
    let attributes = format!("<cluster\n {attributes}/>");
    inputs.insert("CM0002-many-attributes".to_owned(), attributes.into_bytes());
    inputs
}

/// What cman says about a file: its problems, and the configuration if there is one.
fn outcome(bytes: &[u8]) -> String {
    match parse("cluster.conf", bytes) {
        Ok(parsed) => format!("{}{:#?}\n", parsed.warnings, parsed.config),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn fixtures_are_judged_as_recorded() {
    let rewrite = std::env::var_os("REWRITE").is_some();
    let mut different = Vec::new();
    for (name, bytes) in inputs() {
        let path = fixtures().join(format!("{name}.txt"));
        let got = outcome(&bytes);
        if rewrite {
            fs::write(&path, &got).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != got {
            different.push(format!("--- {name}\n{got}"));
        }
    }
    assert!(different.is_empty(), "review, then REWRITE=1:\n{}", different.join("\n"));
}

#[test]
fn no_recorded_text_is_left_over() {
    let inputs = inputs();
    for entry in fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(inputs.contains_key(name), "{} belongs to no fixture", path.display());
    }
}

#[test]
fn every_code_has_a_fixture_that_shows_it() {
    let inputs = inputs();
    for code in Code::ALL {
        let mut named =
            inputs.iter().filter(|(name, _)| name.starts_with(code.as_str())).peekable();
        assert!(named.peek().is_some(), "no fixture for {code}");
        for (name, bytes) in named {
            let found = parse("cluster.conf", bytes).map_or_else(|all| all, |ok| ok.warnings);
            assert!(found.iter().any(|problem| problem.code == *code), "{name} lacks {code}");
        }
    }
}
