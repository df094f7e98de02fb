//! cluster.conf(5) tells the truth: its examples are valid, its messages real, its tables complete.
#![expect(clippy::unwrap_used, reason = "a manual that cannot be read is a failed test")]

use cman_config::{
    Code, Config, DEVICE_POLL_DEFAULT, DEVICE_POLL_MAX, PORT_DEFAULT, SHUTDOWN_TIMEOUT_DEFAULT,
    SHUTDOWN_TIMEOUT_MAX, TOKEN_DEFAULT, TOKEN_MAX, TOKEN_MIN, parse,
};
use std::{fs, path::Path};

fn manual() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual/cluster.conf.5.md");
    fs::read_to_string(path).unwrap()
}

/// The blocks of the manual that begin with this fence, without it.
fn blocks<'m>(manual: &'m str, fence: &str) -> Vec<&'m str> {
    manual.split(fence).skip(1).map(|rest| rest.split("\n```").next().unwrap_or(rest)).collect()
}

#[test]
fn every_code_is_in_the_manual() {
    let manual = manual();
    for code in Code::ALL {
        let row = format!("| {code} | {} |", code.severity());
        assert!(manual.contains(&row), "cluster.conf(5) has no row that begins `{row}`");
    }
}

#[test]
fn every_example_is_valid() {
    let manual = manual();
    let examples = blocks(&manual, "```xml\n");
    assert_eq!(examples.len(), 4);
    for example in examples {
        let parsed = parse("cluster.conf", example.as_bytes());
        let parsed = parsed.unwrap_or_else(|problems| panic!("{problems}"));
        assert!(parsed.warnings.is_empty(), "{}", parsed.warnings);
    }
}

#[test]
fn the_example_of_a_message_is_real() {
    let body = "<cluster name=\"a\" config_version=\"1\">\n  <!-- -->\n  <cman port=\"70000\"/>\n\
                <clusternodes><clusternode name=\"n1\" nodeid=\"1\"/></clusternodes></cluster>";
    let problems = parse("cluster.conf", body.as_bytes()).unwrap_err().to_string();
    assert!(manual().contains(&problems), "{problems}");
}

/// The default of everything, as the manual gives it.
#[test]
fn the_defaults_are_those_of_the_manual() {
    let text = cman_config::template("alpha", &[(1, "n1")], None);
    let Config {
        cluster_id,
        port,
        token,
        encryption,
        two_node,
        wait_for_all,
        shutdown_timeout,
        device_poll,
        ..
    } = parse("cluster.conf", text.as_bytes()).unwrap().config;
    let manual = manual();
    assert!(manual.contains(&format!("`alpha` is {cluster_id}")));
    assert_eq!((port, token), (PORT_DEFAULT, TOKEN_DEFAULT));
    assert!(manual.contains(&format!("Default: {port}, and thus {}.", port - 1)));
    assert!(manual.contains(&format!("Default: {}. *Why:* a dead", token.as_millis())));
    let (low, high) = (TOKEN_MIN.as_millis(), TOKEN_MAX.as_millis());
    assert!(manual.contains(&format!("from {low} to {high} milliseconds")));
    assert_eq!(shutdown_timeout, SHUTDOWN_TIMEOUT_DEFAULT);
    let (high, default) = (SHUTDOWN_TIMEOUT_MAX.as_millis(), shutdown_timeout.as_millis());
    let sentence =
        format!("from 1 to {high} milliseconds.\n  Default: {default}. *Why:* a program");
    assert!(manual.contains(&sentence), "{sentence}");
    assert_eq!(device_poll, DEVICE_POLL_DEFAULT);
    let (high, default) = (DEVICE_POLL_MAX.as_millis(), device_poll.as_millis());
    let sentence = format!("from 1 to {high} milliseconds.\n  Default: {default}. *Why:* a device");
    assert!(manual.contains(&sentence), "{sentence}");
    assert_eq!((encryption, two_node, wait_for_all), (true, false, false));
}
