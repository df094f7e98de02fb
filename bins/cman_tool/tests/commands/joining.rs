//! Starting the daemon: the tool and a script in the daemon's place, side by side.

use crate::{
    replies::{daemon, healthy},
    support::{Machine, Ran, file},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

/// Puts the tool, and beside it a script as the daemon, into the machine's directory.
fn install(machine: &Machine, script: &str) -> PathBuf {
    let tool = file(machine, "cman_tool");
    fs::hard_link(env!("CARGO_BIN_EXE_cman_tool"), &tool)
        .or_else(|_| fs::copy(env!("CARGO_BIN_EXE_cman_tool"), &tool).map(drop))
        .unwrap();
    let program = file(machine, "cmand");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    tool
}

fn join(machine: &Machine, script: &str, line: &str) -> Ran {
    let tool = install(machine, script);
    let output = machine.command_of(&tool, line).env("PATH", "/usr/bin:/bin").output().unwrap();
    Ran::new(output, machine.dir.path())
}

/// Leaves a mark and returns when the sockets are there, as a daemon that detaches does.
const GOOD: &str = r#"echo "$@" > arguments
while ! [ -S cman.sock ]; do sleep 0.02; done"#;

/// Starts the fake daemon when the script has left its mark; returns the script's arguments.
fn start_when_asked(machine: &mut Machine) -> String {
    let mark = file(machine, "arguments");
    let give_up = Instant::now() + Duration::from_secs(20);
    while fs::read_to_string(&mark).unwrap_or_default().is_empty() {
        assert!(Instant::now() < give_up, "nobody started the daemon");
        thread::sleep(Duration::from_millis(5));
    }
    machine.start_daemon(daemon(healthy()));
    let arguments = fs::read_to_string(mark).unwrap();
    arguments.replace(machine.dir.path().to_str().unwrap(), "RUN_DIR")
}

fn join_and_start(line: &str) -> (Ran, String) {
    let mut machine = Machine::new();
    let tool = install(&machine, GOOD);
    let mut command = machine.command_of(&tool, line);
    command.env("PATH", "/usr/bin:/bin");
    let joining = thread::spawn(move || command.output().unwrap());
    let arguments = start_when_asked(&mut machine);
    (Ran::new(joining.join().unwrap(), machine.dir.path()), arguments)
}

#[test]
fn the_daemon_beside_the_tool_is_started_with_all_that_was_said() {
    let (ran, arguments) =
        join_and_start("join -w -t 20 --config c.conf --state-dir /var/s --keyfile k --name n1");
    assert_eq!(ran.done(), "");
    assert_eq!(
        arguments,
        "--tied --run-dir RUN_DIR --config c.conf --state-dir /var/s --keyfile k --name n1\n"
    );
}

#[test]
fn what_was_not_said_is_left_to_the_daemon() {
    let (ran, arguments) = join_and_start("-t 20 -q join --json");
    assert_eq!(ran.done(), "{\"done\":true,\"text\":\"This node is a member and quorate.\"}\n");
    assert_eq!(arguments, "--tied --run-dir RUN_DIR\n");
}

#[test]
fn a_daemon_that_runs_already_is_named() {
    let machine = Machine::with_daemon(daemon(healthy()));
    let said = join(&machine, "touch started", "join -w").failed(1);
    assert_eq!(
        said,
        "cman_tool: The cluster daemon is already running in RUN_DIR, as process 4711.\n\
         `cman_tool status` shows how it is; `cman_tool wait` waits for it.\n"
    );
    assert!(!file(&machine, "started").exists());
}

#[test]
fn what_a_daemon_says_before_it_gives_up_is_passed_on() {
    let script = "echo 'cluster.conf:3:7: there is no node n1' >&2; exit 1";
    assert_eq!(
        join(&Machine::new(), script, "join").failed(1),
        "cluster.conf:3:7: there is no node n1\n\
         cman_tool: The cluster daemon did not start.\n\
         What it said stands above.\n"
    );
    let ran = join(&Machine::new(), script, "join --json");
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    assert_eq!(ran.json()["error"], "The cluster daemon did not start.");
    assert_eq!(ran.json()["advice"], "cluster.conf:3:7: there is no node n1");
}

#[test]
fn every_end_of_a_daemon_has_its_words() {
    for (script, sentence) in [
        ("exit 1", "The cluster daemon did not start."),
        ("exit 3", "The cluster refused this node, or had it put out, or its state keeps it out."),
        ("kill -9 $$", "The cluster daemon was ended by signal 9."),
        ("exit 0", "The cluster daemon started, and ended at once."),
    ] {
        let said = join(&Machine::new(), script, "join").failed(1);
        assert!(said.starts_with(&format!("cman_tool: {sentence}\n")), "{script}: {said}");
    }
}

#[test]
fn a_daemon_that_takes_too_long_is_a_timeout() {
    let said = join(&Machine::new(), "exec sleep 5 2>&-", "join -t 1").failed(2);
    assert!(said.starts_with("cman_tool: The cluster daemon is still starting.\n"), "{said}");
}

/// A daemon that notes what it hears on stdin until its end.
const LISTENER: &str = "echo $$ > began; cat > heard; echo over > over";

/// Waits until this file of the machine has something in it.
fn wait_for(machine: &Machine, name: &str) -> String {
    let give_up = Instant::now() + Duration::from_secs(20);
    loop {
        let text = fs::read_to_string(file(machine, name)).unwrap_or_default();
        if text.ends_with('\n') {
            return text;
        }
        assert!(Instant::now() < give_up, "there is no {name}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn who_stops_waiting_tells_the_daemon_to_go_on_and_who_is_killed_does_not() {
    let machine = Machine::new();
    join(&machine, LISTENER, "join -t 1").failed(2);
    wait_for(&machine, "over");
    assert_eq!(fs::read_to_string(file(&machine, "heard")).unwrap(), "go on\n");

    let machine = Machine::new();
    let tool = install(&machine, LISTENER);
    let mut command = machine.command_of(&tool, "join");
    let mut tool = command.env("PATH", "/usr/bin:/bin").spawn().unwrap();
    wait_for(&machine, "began");
    tool.kill().unwrap();
    tool.wait().unwrap();
    wait_for(&machine, "over");
    assert_eq!(fs::read_to_string(file(&machine, "heard")).unwrap(), "");
}

#[test]
fn without_a_program_it_says_what_to_install() {
    let machine = Machine::new();
    let tool = install(&machine, "");
    fs::remove_file(file(&machine, "cmand")).unwrap();
    let output = machine.command_of(&tool, "join").env("PATH", "/nowhere").output().unwrap();
    let said = Ran::new(output, machine.dir.path()).failed(1);
    assert!(
        said.starts_with("cman_tool: There is no program cmand, neither beside cman_tool nor"),
        "{said}"
    );
}

#[test]
fn the_daemon_is_also_found_in_the_path() {
    let machine = Machine::new();
    let tool = install(&machine, "exit 3");
    let elsewhere = file(&machine, "bin");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(file(&machine, "cmand"), elsewhere.join("cmand")).unwrap();
    let output = machine.command_of(&tool, "join").env("PATH", &elsewhere).output().unwrap();
    let said = Ran::new(output, machine.dir.path()).failed(1);
    assert!(said.contains("refused this node"), "{said}");
}

#[test]
fn historic_options_are_refused_before_anything_starts() {
    let machine = Machine::new();
    let said = join(&machine, "touch started", "join -X -w").failed(1);
    assert!(said.contains("has no option -X any more"), "{said}");
    assert!(!file(&machine, "started").exists());
}
