//! The support archive.

use crate::{
    replies::{daemon, events, healthy},
    support::{Machine, file, refusal},
};
use cman_client::ipc::{ErrorCode, Request, StatusReply};
use flate2::read::GzDecoder;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

/// The files of an archive by their names, and the one directory they are in.
fn unpack(path: &Path) -> (String, BTreeMap<String, String>) {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(path).unwrap()));
    let mut files = BTreeMap::new();
    let mut directory = String::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        directory = path.parent().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        files.insert(name, String::from_utf8_lossy(&bytes).into_owned());
    }
    (directory, files)
}

/// A daemon that says that its configuration is in the machine's directory.
fn machine_with_configuration(text: &str) -> Machine {
    let mut machine = Machine::new();
    let config = file(&machine, "cluster.conf");
    fs::write(&config, text).unwrap();
    let mut status: StatusReply = healthy();
    status.daemon.config_file = config.to_str().unwrap().to_owned();
    machine.start_daemon(daemon(status));
    machine
}

const CONFIGURATION: &str = r#"<cluster name="alpha" config_version="4">
  <cman keyfile="/etc/cluster/cman.key"/>
  <fencedevice name="apc" passwd="hush"/>
</cluster>
"#;

#[test]
fn a_report_has_everything_and_no_secret() {
    let machine = machine_with_configuration(CONFIGURATION);
    let ran = machine.run("report --output r.tar.gz");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "r.tar.gz\n"), "{}", ran.err);
    let path = file(&machine, "r.tar.gz");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let (directory, files) = unpack(&path);
    assert!(directory.starts_with("cman-report-n1-20"), "{directory}");
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "cluster.conf",
            "events.jsonl",
            "events.txt",
            "log.txt",
            "nodes.json",
            "nodes.txt",
            "present.txt",
            "recorder.bin",
            "status.json",
            "status.txt",
            "system.txt",
            "version.json",
        ]
    );
    assert_eq!(files["cluster.conf"], CONFIGURATION.replace("hush", "***"));
    assert_eq!(files["log.txt"], "a line of the log\n");
    assert_eq!(files["recorder.bin"], "\u{1}\u{2}\u{3}");
    // What happened before and what is now are two things.
    let count = events().len();
    assert_eq!(files["events.txt"].lines().count(), 2 * count);
    assert_eq!(files["present.txt"].lines().count(), count);
    let last: serde_json::Value = files["events.jsonl"]
        .lines()
        .next_back()
        .map(|line| serde_json::from_str(line).unwrap())
        .unwrap();
    assert_eq!(last["event"], "shutdown");
    assert!(files["status.txt"].starts_with("Version: 6.2.0\n"));
    assert!(files["status.json"].contains("\"cluster\": \"alpha\""));
    assert!(files["system.txt"].contains("Linux version"));
    assert!(files.values().all(|content| !content.contains("hush")));
}

#[test]
fn a_key_given_as_configuration_stays_at_home() {
    let machine = machine_with_configuration("cman-key-1 00ff00ff\n");
    machine.run("report --output r.tar.gz").done();
    let (_, files) = unpack(&file(&machine, "r.tar.gz"));
    assert_eq!(files["cluster.conf"], "***\n");
}

#[test]
fn without_a_daemon_there_is_a_report_that_says_so() {
    let machine = Machine::new();
    fs::write(file(&machine, "mine.conf"), CONFIGURATION).unwrap();
    let ran = machine.run("report --config mine.conf --json");
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    let problem = "daemon: The cluster daemon is not running: there is no RUN_DIR/cman.sock.";
    assert_eq!(ran.json()["problems"], serde_json::json!([problem]));
    let (directory, files) = unpack(&file(&machine, ran.json()["file"].as_str().unwrap()));
    assert_eq!(ran.json()["file"], format!("{directory}.tar.gz"));
    assert!(directory.starts_with("cman-report-unknown-20"), "{directory}");
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["cluster.conf", "problems.txt", "system.txt"]);
}

#[test]
fn a_full_daemon_is_reported_through_the_places_for_administrators() {
    let machine = machine_with_configuration(CONFIGURATION);
    machine.fill();
    machine.run("report --output r.tar.gz").done();
    let (_, files) = unpack(&file(&machine, "r.tar.gz"));
    assert!(files.contains_key("status.json") && files.contains_key("log.txt"), "{files:?}");
    assert!(!files.contains_key("problems.txt"), "{files:?}");
}

#[test]
fn a_report_without_a_status_has_failed() {
    let answer = daemon(healthy());
    let machine = Machine::with_daemon(move |request| match request {
        Request::Status => refusal(ErrorCode::Failed, "The engine is stuck.", ""),
        request => answer(request),
    });
    let ran = machine.run("report --output r.tar.gz");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "r.tar.gz\n"));
    assert!(ran.err.contains("left out: status: The engine is stuck.\n"), "{}", ran.err);
    assert!(unpack(&file(&machine, "r.tar.gz")).1.contains_key("log.txt"));
}

#[test]
fn a_report_overwrites_nothing() {
    let machine = Machine::new();
    fs::write(file(&machine, "r.tar.gz"), "precious").unwrap();
    let said = machine.run("report --output r.tar.gz").failed(1);
    assert_eq!(
        said,
        "cman_tool: r.tar.gz exists; a report overwrites nothing.\n\
         Name another file with --output.\n"
    );
    assert_eq!(fs::read(file(&machine, "r.tar.gz")).unwrap(), b"precious");
}

#[test]
fn a_pipe_given_as_configuration_is_not_waited_for() {
    let machine = Machine::new();
    let made = Command::new("mkfifo").arg(file(&machine, "pipe")).status().unwrap();
    assert!(made.success());
    let ran = machine.run("report --config pipe --json");
    let problems = ran.json()["problems"].clone();
    assert_eq!(problems[1], "pipe: it is a pipe, not a file", "{problems}");
}
