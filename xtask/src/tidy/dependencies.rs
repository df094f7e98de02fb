//! Which crate may use which: the arrows of ARCHITECTURE.md point one way.

use super::{Finding, LOGIC};
use crate::repository;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// What a crate may use when it is built, apart from tests. Others may use whatever they need,
/// except what [`NEVER`] says.
const MAY_USE: &[(&str, &[&str])] = &[
    ("cman-types", &[]),
    ("cman-wire", &["cman-types", "bytes", "crc32fast", "thiserror"]),
    ("cman-crypto", &["cman-types", "aws-lc-rs", "crc32fast", "thiserror", "zeroize"]),
    ("cman-quorum", &["cman-types", "thiserror"]),
    ("cman-order", &["cman-types", "cman-wire", "bytes"]),
    ("cman-proto", &["cman-types", "cman-wire", "cman-order", "cman-quorum", "bytes", "thiserror"]),
    (
        "cman-node",
        &[
            "cman-types",
            "cman-wire",
            "cman-crypto",
            "cman-order",
            "cman-quorum",
            "cman-proto",
            "cman-services",
            "thiserror",
            "tracing",
        ],
    ),
    (
        "cman-record",
        &["cman-types", "cman-wire", "cman-crypto", "cman-node", "crc32fast", "thiserror"],
    ),
    ("cman-services", &["cman-types", "bytes", "thiserror"]),
    ("cman-config", &["cman-types", "roxmltree", "thiserror"]),
    ("cman-ipc", &["cman-types", "bytes", "postcard", "serde", "thiserror"]),
    (
        "cman-client",
        &["cman-types", "cman-ipc", "cman-io", "bytes", "rustix", "thiserror", "tokio"],
    ),
    ("libcman", &["cman-types", "cman-client", "bytes", "libc", "rustix"]),
];

/// What a crate must not even use through others.
const NEVER: &[(&str, &[&str])] = &[
    ("cman-io", &["cman-proto", "cman-node"]),
    ("cman_tool", &["cman-proto", "cman-node"]),
    ("libcman", &["cman-proto", "cman-node"]),
    ("cman-sim", &["cman-io", "tokio"]),
    ("cman-e2e", &["cman-proto", "cman-node"]),
];

/// What no crate that decides may be built with, however indirectly: sockets, clocks, chance.
const IMPURE: &[&str] =
    &["aws-lc-rs", "getrandom", "libc", "mio", "quinn-udp", "rand", "rustix", "socket2", "tokio"];

/// Where each dependency has a line that says why it is there.
const RECORD: &str = "docs/decisions/0002-dependencies.md";

/// Crates by name, with what they use when built.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Checks the workspace as it is.
pub(crate) fn check() -> Result<Vec<Finding>> {
    let metadata = cargo_prints(&["metadata", "--format-version", "1", "--no-deps"])?;
    let metadata = serde_json::from_str(&metadata)?;
    let mut findings = check_graph(&graph(&metadata)?);
    let record = repository::root().join(RECORD);
    let record = fs::read_to_string(&record).with_context(|| format!("cannot read {RECORD}"))?;
    findings.extend(check_record(&metadata, &record));
    for package in LOGIC {
        let tree = ["tree", "--package", package, "--edges", "normal,build", "--prefix", "none"];
        findings.extend(check_tree(package, &cargo_prints(&tree)?));
    }
    Ok(findings)
}

fn cargo_prints(arguments: &[&str]) -> Result<String> {
    let printed = repository::cargo().args(arguments).output().context("cannot run cargo")?;
    ensure!(
        printed.status.success(),
        "`cargo {}` failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&printed.stderr).trim()
    );
    String::from_utf8(printed.stdout).context("cargo prints UTF-8")
}

/// Checks what a crate that decides is built with: a line `NAME vVERSION ...` each.
fn check_tree(package: &str, tree: &str) -> Vec<Finding> {
    let built: BTreeSet<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let impure = IMPURE.iter().filter(|name| built.contains(**name));
    impure.map(|used| finding(package, format!("must not be built with {used}"))).collect()
}

fn finding(package: &str, what: String) -> Finding {
    Finding { file: format!("{package}/Cargo.toml"), line: None, what }
}

fn graph(metadata: &Value) -> Result<Graph> {
    let packages = metadata.get("packages").and_then(Value::as_array);
    packages.context("cargo metadata without packages")?.iter().map(uses).collect()
}

fn uses(package: &Value) -> Result<(String, BTreeSet<String>)> {
    let name = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    let dependencies = package.get("dependencies").and_then(Value::as_array);
    let built = dependencies.into_iter().flatten().filter(|d| d.get("kind") != Some(&"dev".into()));
    Ok((name(package).context("a package without name")?, built.filter_map(name).collect()))
}

/// Checks that each crate from elsewhere is in the record.
fn check_record(metadata: &Value, record: &str) -> Vec<Finding> {
    let list = |value: &Value, key: &str| -> Vec<Value> {
        value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let dependencies =
        list(metadata, "packages").into_iter().flat_map(|p| list(&p, "dependencies"));
    let foreign = dependencies.filter(|dependency| dependency.get("path").is_none());
    let names = foreign.filter_map(|d| d.get("name").and_then(Value::as_str).map(str::to_owned));
    let recorded = |name: &str| {
        let letter = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        record.split(|c| !letter(c)).any(|word| word == name)
    };
    let missing: BTreeSet<_> = names.filter(|name| !recorded(name)).collect();
    let what = |name| format!("{name} has no line that says why it is used");
    let finding = |name| Finding { file: RECORD.to_owned(), line: None, what: what(name) };
    missing.into_iter().map(finding).collect()
}

fn check_graph(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |package: &str, what: String| findings.push(finding(package, what));
    for (package, uses) in graph {
        if let Some((_, may)) = MAY_USE.iter().find(|(name, _)| name == package) {
            for used in uses.iter().filter(|used| !may.contains(&used.as_str())) {
                find(package, format!("must not use {used}: see the table in ARCHITECTURE.md"));
            }
        }
        if let Some((_, never)) = NEVER.iter().find(|(name, _)| name == package) {
            let all = reachable(graph, package);
            for used in never.iter().filter(|used| all.contains(**used)) {
                find(package, format!("must not use {used}, not even through others"));
            }
        }
    }
    findings
}

/// Everything a package uses, itself not included, through packages of the workspace.
fn reachable<'a>(graph: &'a Graph, package: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = vec![package];
    while let Some(next) = open.pop() {
        for used in graph.get(next).into_iter().flatten() {
            if found.insert(used.as_str()) {
                open.push(used);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph_of(arrows: &[(&str, &[&str])]) -> Graph {
        let set = |uses: &[&str]| uses.iter().map(|&used| used.to_owned()).collect();
        arrows.iter().map(|(package, uses)| ((*package).to_owned(), set(uses))).collect()
    }

    #[test]
    fn logic_uses_only_what_it_may() {
        let graph = graph_of(&[("cman-proto", &["cman-types", "tokio"])]);
        let found = check_graph(&graph);
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().contains("must not use tokio"));
    }

    #[test]
    fn what_is_never_used_is_not_used_through_others() {
        let graph = graph_of(&[("cman-sim", &["helper"]), ("helper", &["cman-io"])]);
        assert_eq!(check_graph(&graph).len(), 1);
    }

    #[test]
    fn logic_is_not_even_built_with_sockets() {
        let tree = "cman-node v0.1.0 (/x)\ntracing v0.1.1\ntokio v1.0.0\ntracing v0.1.1 (*)\n";
        let found = check_tree("cman-node", tree);
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().contains("tokio"));
    }

    #[test]
    fn what_comes_from_elsewhere_is_recorded() {
        let text = r#"{ "packages": [ { "name": "cmand", "dependencies": [
            { "name": "serde" }, { "name": "serde_json" },
            { "name": "cman-io", "path": "/x" } ] } ] }"#;
        let metadata = serde_json::from_str(text).unwrap();
        let found = check_record(&metadata, "| serde_json | 5 |");
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().contains(": serde has no line"));
    }

    #[test]
    fn tests_may_use_anything() {
        let text = r#"{ "packages": [ { "name": "cman-types", "dependencies": [
            { "name": "proptest", "kind": "dev" }, { "name": "rand", "kind": null } ] } ] }"#;
        let graph = graph(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(graph["cman-types"], BTreeSet::from(["rand".to_owned()]));
    }
}
