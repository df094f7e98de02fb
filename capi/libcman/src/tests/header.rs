//! The header and this library give the same things the same numbers.

use crate::constants::{
    CLUSTER_NAME_MAX, NODEID_ALL, NODEID_QDISK, NODEID_US, NODENAME_MAX, dispatch, extra, leave,
    reason, shutdown,
};
use crate::layouts::ADDRESS_ROOM;
use cman_client::ipc::classic::{barrier, debug};
use std::{collections::BTreeSet, ffi::c_int, fs, path::Path};

const HEADER: &str = include_str!("../../include/libcman.h");

/// What the header says a name is.
fn in_header(name: &str) -> i64 {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<_> = HEADER.lines().map(words).collect();
    let value = lines.iter().find_map(|words| match words.as_slice() {
        [define, defined, value, ..] if define == "#define" && defined == name => Some(value),
        [defined, equals, value, ..] if defined == name && equals == "=" => Some(value),
        _ => None,
    });
    let value = value.unwrap_or_else(|| panic!("the header has no {name}")).trim_end_matches(',');
    match value.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).unwrap(),
        None => value.parse().unwrap(),
    }
}

#[test]
fn flags_and_reasons_agree() {
    let table: &[(&str, c_int)] = &[
        ("CMAN_NODEID_US", NODEID_US),
        ("CMAN_NODEID_ALL", NODEID_ALL),
        ("CMAN_NODEID_QDISK", NODEID_QDISK),
        ("CMAN_REASON_PORTCLOSED", reason::PORTCLOSED),
        ("CMAN_REASON_STATECHANGE", reason::STATECHANGE),
        ("CMAN_REASON_PORTOPENED", reason::PORTOPENED),
        ("CMAN_REASON_TRY_SHUTDOWN", reason::TRY_SHUTDOWN),
        ("CMAN_REASON_CONFIG_UPDATE", reason::CONFIG_UPDATE),
        ("CMAN_DISPATCH_ALL", dispatch::ALL),
        ("CMAN_DISPATCH_BLOCKING", dispatch::BLOCKING),
        ("CMAN_DISPATCH_IGNORE_DATA", dispatch::IGNORE_DATA),
        ("CMAN_DISPATCH_IGNORE_EVENT", dispatch::IGNORE_EVENT),
        ("CMAN_LEAVEFLAG_REMOVED", leave::REMOVED),
        ("CMAN_LEAVEFLAG_FORCE", leave::FORCE),
        ("CMAN_SHUTDOWN_ANYWAY", shutdown::ANYWAY),
        ("CMAN_SHUTDOWN_REMOVED", shutdown::REMOVED),
        ("CMAN_EXTRA_FLAG_2NODE", extra::TWO_NODE),
        ("CMAN_EXTRA_FLAG_ERROR", extra::ERROR),
        ("CMAN_EXTRA_FLAG_SHUTDOWN", extra::SHUTDOWN),
        ("CMAN_EXTRA_FLAG_DISALLOWED", extra::DISALLOWED),
        ("CMAN_EXTRA_FLAG_DIRTY", extra::DIRTY),
    ];
    for (name, number) in table {
        assert_eq!(in_header(name), i64::from(*number), "{name}");
    }
}

#[test]
fn what_goes_to_the_daemon_as_it_is_agrees() {
    let table = [
        ("CMAN_BARRIER_AUTODELETE", barrier::AUTODELETE),
        ("CMAN_BARRIER_MULTISTEP", barrier::MULTISTEP),
        ("CMAN_BARRIER_MANUAL", barrier::MANUAL),
        ("CMAN_BARRIER_ENABLED", barrier::ENABLED),
        ("CMAN_BARRIER_CALLBACK", barrier::CALLBACK),
        ("CMAN_DEBUGLOG_BARRIER", debug::BARRIER),
        ("CMAN_DEBUGLOG_MEMBERSHIP", debug::MEMBERSHIP),
        ("CMAN_DEBUGLOG_DAEMON", debug::DAEMON),
        ("CMAN_DEBUGLOG_AIS", debug::AIS),
    ];
    for (name, number) in table {
        assert_eq!(in_header(name), i64::from(number), "{name}");
    }
}

#[test]
fn lengths_agree() {
    let table = [
        ("CMAN_MAX_ADDR_LEN", ADDRESS_ROOM),
        ("CMAN_MAX_NODENAME_LEN", NODENAME_MAX),
        ("MAX_CLUSTER_NAME_LEN", CLUSTER_NAME_MAX),
        ("CMAN_MAX_FENCE_AGENT_NAME_LEN", crate::constants::AGENT_ROOM),
    ];
    for (name, length) in table {
        assert_eq!(usize::try_from(in_header(name)).unwrap(), length, "{name}");
    }
}

/// The names that the library exports.
fn exported() -> BTreeSet<String> {
    let map = include_str!("../../libcman.map");
    let names = map.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    names.filter(|name| name.starts_with("cman_")).map(str::to_owned).collect()
}

/// Everything in the files of this directory, relative to the crate, whose names end like this.
fn texts(directory: &str, ending: &str) -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.to_str().unwrap().ends_with(ending));
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn the_header_declares_what_is_exported() {
    assert_eq!(exported().len(), 45);
    for name in exported() {
        let declarations = HEADER.matches(&format!(" {name}(")).count();
        assert!(declarations >= 1, "{name}");
    }
}

#[test]
fn every_function_has_a_manual_page_and_a_test() {
    let manual = texts("../../docs/manual", ".3.md");
    let tests = texts("tests", ".c");
    let named = |page: &String| {
        let names = page.lines().skip_while(|line| *line != "## NAME").nth(2).unwrap_or_default();
        let names = names.split(" - ").next().unwrap_or_default();
        names.split(", ").map(str::to_owned).collect::<Vec<_>>()
    };
    let named: BTreeSet<_> = manual.iter().flat_map(named).collect();
    for name in exported() {
        assert!(named.contains(&name), "{name} is in the NAME of no page of docs/manual");
        let call = format!("{name}(");
        // Each test of handles calls everything with a handle that is none; that is not enough.
        let calls: usize = tests.iter().map(|text| text.matches(&call).count()).sum();
        assert!(calls >= 2, "{name} has no test in capi/libcman/tests");
    }
    assert_eq!(named.difference(&exported()).collect::<Vec<_>>(), ["libcman"]);
}
