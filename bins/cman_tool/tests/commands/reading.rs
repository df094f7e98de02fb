//! Verbs that show something.

use crate::{
    replies::{alone, daemon, events, healthy, joining, nodes, troubled},
    support::{Machine, assert_text, reply},
};
use cman_client::ipc::{Message, Reply, Request, StatusReply, status::State};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    process::Stdio,
    thread,
    time::Duration,
};

fn status_text(status: StatusReply) -> String {
    Machine::with_daemon(daemon(status)).run("status").done()
}

/// Everything promised must be there as promised; more may be.
#[track_caller]
fn assert_contains(got: &Value, promised: &Value, place: &str) {
    match (got, promised) {
        (Value::Object(got), Value::Object(promised)) => {
            for (name, value) in promised {
                let place = format!("{place}.{name}");
                let got = got.get(name).unwrap_or_else(|| panic!("{place} is missing"));
                assert_contains(got, value, &place);
            }
        }
        (Value::Array(got), Value::Array(promised)) if got.len() == promised.len() => {
            for (got, promised) in got.iter().zip(promised) {
                assert_contains(got, promised, place);
            }
        }
        _ => assert_eq!(got, promised, "{place}"),
    }
}

#[test]
fn the_classic_status_of_a_member() {
    assert_text("status.txt", &status_text(healthy()));
}

#[test]
fn the_classic_status_ends_lines_with_blanks_where_it_always_did() {
    let text = status_text(healthy());
    for line in [
        "Quorum: 2  ",
        "Flags: ",
        "Ports Bound: 0  ",
        "Multicast addresses: 239.192.12.97 ",
        "Node addresses: 10.0.0.1 ",
    ] {
        assert!(text.lines().any(|l| l == line), "{line:?} is not in {text:?}");
    }
    assert!(status_text(alone()).lines().any(|l| l == "Quorum: 2 Activity blocked"));
}

#[test]
fn the_classic_status_without_a_view() {
    assert_text("status-joining.txt", &status_text(joining()));
}

#[test]
fn the_classic_status_says_what_the_node_is_doing() {
    for (state, text) in [
        (State::Starting, "Joining"),
        (State::Joining, "Joining"),
        (State::Member, "Cluster-Member"),
        (State::Leaving, "Leaving"),
        (State::Disallowed, "Disallowed"),
        (State::Left, "Not-in-Cluster"),
    ] {
        let line = format!("Membership state: {text}");
        let status = status_text(StatusReply { state, ..healthy() });
        assert!(status.lines().any(|l| l == line), "{line:?} is not in {status:?}");
    }
}

#[test]
fn trouble_goes_to_stderr_and_leaves_the_classic_status_as_it_is() {
    let ran = Machine::with_daemon(daemon(troubled())).run("status");
    assert_eq!(ran.code, Some(0));
    assert_text("status-troubled.txt", &ran.out);
    assert_text("status-troubled.err", &ran.err);
}

#[test]
fn the_long_status_adds_the_rest() {
    let long = |status| Machine::with_daemon(daemon(status)).run("status --long").done();
    assert_text("status-long.txt", &long(healthy()));
    assert_text("status-long-troubled.txt", &long(troubled()));
    assert!(long(healthy()).starts_with(&status_text(healthy())));
}

#[test]
fn the_status_as_json_has_all_that_was_promised() {
    let ran = Machine::with_daemon(daemon(healthy())).run("status --json");
    let promised = json!({
        "schema": 1, "cluster": "alpha", "cluster_id": 3169, "config_version": 4,
        "protocol_version": "1", "node_id": 1, "node_name": "n1",
        "incarnation": 1_763_821_000_123_u64, "state": "member",
        "view": { "epoch": 17, "coordinator": 1, "members": [1, 2, 3], "changes": 5,
                  "installed_at": "2026-11-22T15:04:05.123Z" },
        "quorum": { "quorate": true, "votes": 3, "expected_votes": 3, "needed": 2, "flags": [],
                    "lease_ms_left": 1240 },
        "encrypted": true,
        "links": [ { "id": 0, "address": "10.0.0.1", "port": 5405, "multicast": "239.192.12.97",
                     "up": true } ],
        "rejected_datagrams": { "unauthenticated": 0, "replayed": 0, "malformed": 0,
                                "foreign_cluster": 0 },
        "daemon": { "pid": 4711, "version": "0.1.0", "rss_bytes": 9_000_000, "stalls": 0 },
    });
    assert_contains(&ran.json(), &promised, "status");
    assert_text("status.json", &ran.done());
}

#[test]
fn what_is_absent_is_null_in_json() {
    let status = Machine::with_daemon(daemon(joining())).run("status --json").json();
    let promised = json!({ "state": "joining", "view": null, "quorum": { "lease_ms_left": null } });
    assert_contains(&status, &promised, "status");
}

#[test]
fn everything_has_a_place_in_json() {
    let ran = Machine::with_daemon(daemon(troubled())).run("status --json");
    assert_text("status-troubled.json", &ran.done());
}

#[test]
fn the_classic_nodes() {
    let machine = Machine::with_daemon(daemon(healthy()));
    assert_text("nodes.txt", &machine.run("nodes").done());
    assert_text("nodes-a-f.txt", &machine.run("nodes -a -f").done());
    assert_eq!(machine.run("nodes -af").done(), machine.run("nodes -f -a").done());
}

/// What the tool prints on a terminal.
fn on_terminal(machine: &Machine, line: &str) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let status = machine.command(line).stdout(slave).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let mut bytes = vec![0; 4096];
    let len = File::from(master).read(&mut bytes).unwrap();
    String::from_utf8(bytes[..len].to_vec()).unwrap().replace('\r', "")
}

#[test]
fn people_find_each_column_below_its_title_and_programs_where_it_always_was() {
    let machine = Machine::with_daemon(|_| {
        let mut reply = nodes();
        reply.nodes[0].joined_epoch = 1_795_359_845;
        reply.nodes.truncate(2);
        vec![Message::Reply(Reply::Nodes(reply))]
    });
    assert_eq!(
        machine.run("nodes").done(),
        "Node  Sts   Inc   Joined               Name\n   \
            1   M  1795359845   2026-11-22 15:04:05  n1\n   \
            2   X      0                        n2\n"
    );
    assert_eq!(
        on_terminal(&machine, "nodes"),
        "Node  Sts        Inc   Joined               Name\n   \
            1   M  1795359845   2026-11-22 15:04:05  n1\n   \
            2   X           0                        n2\n"
    );
    let machine = Machine::with_daemon(daemon(healthy()));
    assert_eq!(on_terminal(&machine, "nodes -a -f"), machine.run("nodes -a -f").done());
}

#[test]
fn one_node_by_its_name_or_its_id() {
    let machine = Machine::with_daemon(daemon(healthy()));
    let by_name = machine.run("nodes -n n3").done();
    assert_eq!(
        by_name,
        "Node  Sts   Inc   Joined               Name\n   3   X     17                        n3\n"
    );
    assert_eq!(by_name, machine.run("nodes -n 3").done());
    assert_eq!(
        machine.run("nodes -n n9").failed(1),
        "cman_tool: There is no node n9 in the configuration of this cluster.\n\
         It has n1, n2, n3, n4, n5.\n"
    );
}

#[test]
fn chosen_fields_of_the_nodes() {
    let machine = Machine::with_daemon(daemon(healthy()));
    assert_eq!(
        machine.run("nodes -F id,name,type,addr").done(),
        "1 n1 M 10.0.0.1,fd00::1 \n2 n2 X  \n3 n3 X 10.0.0.3 \n4 n4 M 10.0.0.4 \n5 n5 X 10.0.0.5 \n"
    );
    assert_eq!(machine.run("nodes -n n1 -F name").done(), "n1 \n");
}

#[test]
fn the_nodes_as_json() {
    let ran = Machine::with_daemon(daemon(healthy())).run("nodes --json");
    let nodes = ran.json();
    let promised = json!({
        "id": 1, "name": "n1", "state": "member", "votes": 1,
        "incarnation": 1_763_821_000_123_u64, "joined_at": "2026-11-22T15:04:05.123Z",
        "addresses": ["10.0.0.1", "fd00::1"],
    });
    assert_contains(&nodes["nodes"][0], &promised, "nodes[0]");
    let promised = json!({ "state": "never_seen", "incarnation": null, "joined_at": null });
    assert_contains(&nodes["nodes"][1], &promised, "nodes[1]");
    assert_text("nodes.json", &ran.done());
}

#[test]
fn versions() {
    let machine = Machine::with_daemon(daemon(healthy()));
    assert_eq!(machine.run("version").done(), "6.2.0 config 4\n");
    let promised = json!({ "version": "6.2.0", "config_version": 4, "protocol_version": "1",
                           "daemon_version": "0.1.0" });
    assert_contains(&machine.run("version --json").json(), &promised, "version");
}

/// A daemon that tells its events and ends.
fn ending(count: usize) -> Machine {
    Machine::with_daemon(move |request| match request {
        Request::Subscribe => {
            let mut answer = reply(Reply::Done);
            answer.extend(events().into_iter().take(count));
            // A greeting at this place makes no sense, but closes the stream for the reader.
            answer.push(Message::Reply(Reply::Done));
            answer
        }
        _ => Vec::new(),
    })
}

#[test]
fn the_places_kept_for_administrators_serve_for_reading() {
    let machine = Machine::with_daemon(daemon(healthy()));
    let lines = ["status", "nodes", "version", "services", "wait"];
    let before = lines.map(|line| machine.run(line).done());
    machine.fill();
    assert_eq!(lines.map(|line| machine.run(line).done()), before);
    // Who may not use them hears of the socket that it may use.
    std::fs::remove_file(machine.dir.path().join("admin.sock")).unwrap();
    let said = machine.run("status").failed(1);
    assert_eq!(said, "cman_tool: too many clients\nend some of them\n");
}

#[test]
fn services_are_groups_with_their_members() {
    let machine = Machine::with_daemon(daemon(healthy()));
    assert_text("services.txt", &machine.run("services").done());
    let promised = json!({ "groups": [
        { "name": "chat", "members": [{ "node": 1, "pid": 4711 }, { "node": 9, "pid": 7 }] },
        { "name": "locks\\xff", "members": [{ "node": 2, "pid": 812 }] },
    ] });
    assert_contains(&machine.run("services --json").json(), &promised, "services");
}

/// The first lines of a stream that goes on; the tool is ended when they are there.
fn first_lines(line: &str) -> String {
    let machine = Machine::with_daemon(daemon(healthy()));
    let mut tool = machine.command(line).stdout(Stdio::piped()).spawn().unwrap();
    let count = events().len();
    let lines = BufReader::new(tool.stdout.take().unwrap()).lines().take(count);
    let text: String = lines.map(|line| line.unwrap() + "\n").collect();
    tool.kill().unwrap();
    tool.wait().unwrap();
    text
}

#[test]
fn events_are_told_at_once() {
    assert_text("events.txt", &first_lines("events"));
    assert_text("events.json", &first_lines("events --json"));
}

#[test]
fn events_as_json_have_all_that_was_promised() {
    let text = first_lines("events --json");
    let events: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let view = json!({
        "at": "2026-11-22T15:04:05.123456Z", "monotonic_ns": 42, "event": "view",
        "epoch": 18, "coordinator": 1, "members": [1, 2], "joined": [2], "left": [3],
        "transitional": [1],
        "reasons": [ { "node": 3, "reason": "silent",
                       "evidence": "n1 heard nothing of it for 2000 ms" } ],
    });
    assert_contains(&events[0], &view, "view");
    assert_contains(&events[1], &json!({ "event": "quorum", "quorate": true }), "quorum");
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let expected = ["view", "quorum", "link", "link", "node", "config", "config", "shutdown"];
    assert_eq!(names, expected);
    assert_contains(&events[2], &json!({ "link": 0, "node": null, "up": false }), "link");
    assert_contains(&events[3], &json!({ "link": 0, "node": 2, "up": false }), "path");
    let node = json!({ "node": 3, "state": "dead", "change": "left", "reason": "silent" });
    assert_contains(&events[4], &node, "node");
    assert_contains(&events[5], &json!({ "config_version": 5, "other": null }), "config");
    let other = json!({ "other": { "node": 4, "config_version": 4 } });
    assert_contains(&events[6], &other, "other config");
}

#[test]
fn watching_shows_once_what_came_together() {
    let machine = Machine::with_daemon(daemon(healthy()));
    let shown = machine.run("nodes").done();
    let mut tool = machine.command("nodes --watch").stdout(Stdio::piped()).spawn().unwrap();
    let mut text = vec![0; shown.len()];
    tool.stdout.as_mut().unwrap().read_exact(&mut text).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), shown);
    thread::sleep(Duration::from_millis(200));
    tool.kill().unwrap();
    let rest = tool.wait_with_output().unwrap().stdout;
    assert_eq!(String::from_utf8(rest).unwrap(), "");
}

#[test]
fn a_daemon_that_talks_nonsense_ends_the_events() {
    let ran = ending(1).run("events --json");
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.out.lines().count(), 2, "{}", ran.out);
    assert!(ran.out.lines().next_back().unwrap().starts_with(r#"{"error":"#), "{}", ran.out);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let machine = Machine::with_daemon(daemon(healthy()));
    let mut tool =
        machine.command("events").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(tool.stdout.take());
    let output = tool.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

/// How a tool ends whose reader goes after the first line, when nothing happens any more.
#[track_caller]
fn end_of_reader(line: &str) {
    let machine = Machine::with_daemon(daemon(healthy()));
    let mut tool =
        machine.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut shown = BufReader::new(tool.stdout.take().unwrap());
    assert!(shown.read_line(&mut String::new()).unwrap() > 0);
    // All that comes by itself has come: only the closed pipe can end it now.
    thread::sleep(Duration::from_millis(300));
    drop(shown);
    for _ in 0..100 {
        if tool.try_wait().unwrap().is_some() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let stuck = tool.try_wait().unwrap().is_none();
    tool.kill().unwrap();
    let output = tool.wait_with_output().unwrap();
    assert!(!stuck, "{line}: it waits for an event that nobody wants to read");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()), "{line}");
}

#[test]
fn a_reader_that_has_seen_enough_is_not_kept_until_the_next_event() {
    for line in ["events", "events --json", "nodes --watch", "status --watch --json"] {
        end_of_reader(line);
    }
}
