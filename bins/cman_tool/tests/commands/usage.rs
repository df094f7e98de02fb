//! Wrong usage and no daemon.

use crate::support::{Machine, Process, assert_text, file};
use serde_json::json;
use std::os::unix::net::UnixListener;

#[test]
fn wrong_usage_ends_with_1() {
    let machine = Machine::new();
    for line in [
        "",
        "frobnicate",
        "status --frobnicate",
        "wait -t soon",
        "nodes -F color",
        "leave quickly",
        "kill",
        "expected",
        "expected -e few",
        "votes -n n1",
        "status extra",
    ] {
        let ran = machine.run(line);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{line}");
        assert!(ran.err.starts_with("cman_tool: "), "{line}: {}", ran.err);
    }
}

#[test]
fn a_full_place_for_talk_is_no_reason_to_die() {
    let machine = Machine::new();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status = machine.command("status").stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(1));
    let status = machine.command("keygen -k key").stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn what_users_type_does_nothing_to_their_terminal() {
    let machine = Machine::new();
    let said = machine.run("status --run-dir \u{1b}[31mred").failed(1);
    assert!(said.contains("\\u{1b}[31mred/cman.sock"), "{said}");
}

#[test]
fn wrong_usage_as_json() {
    let ran = Machine::new().run("nodes -F color --json");
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    let error = ran.json()["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("invalid value 'color'"), "{error}");
}

#[test]
fn help_and_version_are_no_errors() {
    let machine = Machine::new();
    assert_text("help.txt", &machine.run("--help").done());
    assert_eq!(machine.run("-V").done(), concat!("cman_tool ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(machine.run("help").done(), machine.run("--help").done());
    let verbs = "join leave kill expected votes wait status nodes events report keygen";
    for verb in verbs.split(' ') {
        let usage = format!("Usage: cman_tool {verb}");
        assert!(machine.run(&format!("{verb} -h")).done().contains(&usage), "{verb}");
        assert!(machine.run(&format!("help {verb}")).done().contains(&usage), "help {verb}");
    }
}

#[test]
fn options_do_not_get_in_the_way_of_help() {
    let machine = Machine::new();
    let help = machine.run("help").done();
    for line in ["--run-dir X help", "--json help", "help --json", "--run-dir=X help"] {
        assert_eq!(machine.run(line).done(), help, "{line}");
    }
    let join = machine.run("help join").done();
    for line in ["--run-dir X help join", "help --run-dir X join", "--json help join -w"] {
        assert_eq!(machine.run(line).done(), join, "{line}");
    }
}

#[test]
fn options_without_a_verb_are_answered_with_where_verbs_are() {
    let machine = Machine::new();
    let said = "cman_tool: There is no verb.\n`cman_tool help` shows all verbs.\n";
    assert_eq!(machine.run("--run-dir X").failed(1), said);
    let ran = machine.run("--json");
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    assert_eq!(ran.json()["error"], "There is no verb.");
}

#[test]
fn a_verb_that_does_not_exist_is_answered_with_one_that_does() {
    let machine = Machine::new();
    assert_eq!(
        machine.run("stats -l").failed(1),
        "cman_tool: There is no verb `stats`.\n\
         Did you mean `status`? `cman_tool help` shows all verbs.\n"
    );
    for line in ["frobnicate", "help frobnicate"] {
        assert_eq!(
            machine.run(line).failed(1),
            "cman_tool: There is no verb `frobnicate`.\n`cman_tool help` shows all verbs.\n"
        );
    }
    let told = machine.run("jion --json").json();
    assert_eq!(told["error"], "There is no verb `jion`.");
    assert!(told["advice"].as_str().unwrap().starts_with("Did you mean `join`?"), "{told}");
}

#[test]
fn without_a_daemon_everything_says_how_to_start_one() {
    let machine = Machine::new();
    for line in ["status", "nodes", "services", "version", "wait", "events", "leave", "kill -n n1"]
    {
        let said = machine.run(line).failed(1);
        let socket = if matches!(line, "leave" | "kill -n n1") { "admin" } else { "cman" };
        assert_eq!(
            said,
            format!(
                "cman_tool: The cluster daemon is not running: there is no RUN_DIR/{socket}.sock.\n\
                 Start it with `cman_tool join` or `systemctl start cman`; if it uses another run \
                 directory, name that with --run-dir.\n"
            ),
            "{line}"
        );
        let ran = machine.run(&format!("{line} --json"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "{line}");
        let error = &ran.json()["error"];
        let expected =
            format!("The cluster daemon is not running: there is no RUN_DIR/{socket}.sock.");
        assert_eq!(*error, json!(expected), "{line}");
    }
}

#[test]
fn a_daemon_that_lives_is_not_called_dead() {
    let machine = Machine::new();
    let process = Process::start(&machine);
    let pid = process.pid();
    let expected = |socket: &str| {
        format!(
            "cman_tool: The cluster daemon, process {pid}, does not listen on \
             RUN_DIR/{socket}.sock: it is starting or ending, or its socket was removed.\n\
             Try again in a moment; if that does not help, end it with `kill {pid}` and start it \
             again.\n"
        )
    };
    assert_eq!(machine.run("status").failed(1), expected("cman"));
    assert_eq!(machine.run("join").failed(1), expected("cman"));
    assert_eq!(machine.run("leave").failed(1), expected("admin"));
    // It does not listen any more, and its socket is still there.
    drop(UnixListener::bind(file(&machine, "cman.sock")).unwrap());
    assert_eq!(machine.run("status").failed(1), expected("cman"));
    drop(process);
    let said = machine.run("status").failed(1);
    assert!(said.starts_with("cman_tool: The cluster daemon is not running: it left "), "{said}");
}

#[test]
fn the_run_directory_is_moved_by_option_and_environment() {
    let machine = Machine::new();
    let said = machine.run("status --run-dir /nowhere").failed(1);
    assert!(said.contains("/nowhere/cman.sock"), "{said}");
    let said = machine.run("--run-dir /nowhere status").failed(1);
    assert!(said.contains("/nowhere/cman.sock"), "{said}");
}
