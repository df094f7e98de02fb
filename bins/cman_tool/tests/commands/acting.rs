//! Verbs that do something, and waiting.

use crate::{
    replies::{alone, daemon, healthy, id, joining},
    support::{Heard, Machine, Process, Ran, file, refusal, reply},
};
use cman_client::ipc::{
    ClassicRequest, ErrorCode, Message, Reply, Request, StatusReply, status::State,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

#[test]
fn nodes_are_killed_by_name_or_id() {
    let heard = Heard::default();
    let hears = heard.clone();
    let answer = daemon(healthy());
    let machine = Machine::with_daemon(move |request| {
        hears.note(&request);
        answer(request)
    });
    assert_eq!(machine.run("kill -n n2 -n 3").done(), "");
    let kills = [Request::Nodes, Request::Kill { node: id(2) }, Request::Kill { node: id(3) }];
    assert_eq!(heard.all(), kills);
}

#[test]
fn nobody_is_killed_if_one_is_unknown() {
    let heard = Heard::default();
    let hears = heard.clone();
    let answer = daemon(healthy());
    let machine = Machine::with_daemon(move |request| {
        hears.note(&request);
        answer(request)
    });
    let said = machine.run("kill -n n2 -n n7").failed(1);
    assert!(said.contains("There is no node n7"), "{said}");
    assert_eq!(heard.all(), [Request::Nodes]);
}

#[test]
fn votes_are_those_of_this_node_or_of_another() {
    let heard = Heard::default();
    let hears = heard.clone();
    let answer = daemon(healthy());
    let machine = Machine::with_daemon(move |request| {
        hears.note(&request);
        match request {
            Request::Classic(_) => reply(Reply::Done),
            request => answer(request),
        }
    });
    assert_eq!(machine.run("votes -v 2").done(), "");
    assert_eq!(machine.run("-v 3 -n n2 votes").done(), "");
    assert_eq!(machine.run("-e 4 expected").done(), "");
    let told = machine.run("expected --expected 5 --json").json();
    assert_eq!(told["text"], "The cluster expects 5 votes.");
    let votes = |node, votes| Request::Classic(ClassicRequest::SetVotes { node, votes });
    let expected = |votes| Request::Classic(ClassicRequest::SetExpectedVotes { votes });
    let asked = [votes(None, 2), Request::Nodes, votes(Some(id(2)), 3), expected(4), expected(5)];
    assert_eq!(heard.all(), asked);
}

#[test]
fn a_refusal_is_passed_on_with_its_advice() {
    let answer = daemon(healthy());
    let machine = Machine::with_daemon(move |request| match request {
        Request::Kill { .. } => refusal(ErrorCode::Refused, "n2 is no member.", "See the nodes."),
        request => answer(request),
    });
    assert_eq!(
        machine.run("kill -n n2").failed(1),
        "cman_tool: n2 is no member.\nSee the nodes.\n"
    );
    let ran = machine.run("kill -n n2 --json");
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.out, "{\"error\":\"n2 is no member.\",\"advice\":\"See the nodes.\"}\n");
}

#[test]
fn leaving_passes_on_how() {
    for (line, remove, force) in [
        ("leave", false, false),
        ("leave remove", true, false),
        ("leave force", false, true),
        ("leave remove force", true, true),
        ("-t 5 leave remove", true, false),
    ] {
        let heard = Heard::default();
        let hears = heard.clone();
        let machine = Machine::with_daemon(move |request| {
            hears.note(&request);
            reply(Reply::Done)
        });
        assert_eq!(machine.run(line).done(), "", "{line}");
        assert_eq!(heard.all(), [shutdown(force, remove)], "{line}");
    }
}

/// What `leave` asks for.
fn shutdown(anyway: bool, remove: bool) -> Request {
    Request::Classic(ClassicRequest::Shutdown { anyway, remove })
}

#[test]
fn whoever_objects_is_told_and_nobody_is_asked_again() {
    for line in ["leave", "leave -w", "leave -w -t 5"] {
        let heard = Heard::default();
        let hears = heard.clone();
        let machine = Machine::with_daemon(move |request| {
            hears.note(&request);
            refusal(ErrorCode::Busy, "this node stays in the cluster: clvmd objects", "End it.")
        });
        let said = machine.run(line).failed(1);
        assert_eq!(
            said, "cman_tool: this node stays in the cluster: clvmd objects\nEnd it.\n",
            "{line}"
        );
        assert_eq!(heard.all(), [shutdown(false, false)], "{line}");
    }
}

#[test]
fn a_daemon_that_is_being_asked_is_asked_once_without_w() {
    let machine = Machine::with_daemon(|_| refusal(ErrorCode::Already, "It is asked.", "Wait."));
    assert_eq!(machine.run("leave").failed(1), "cman_tool: It is asked.\nWait.\n");
}

#[test]
fn a_daemon_that_is_being_asked_is_asked_again_with_w_until_time_is_over() {
    let heard = Heard::default();
    let hears = heard.clone();
    let machine = Machine::with_daemon(move |request| {
        hears.note(&request);
        refusal(ErrorCode::Already, "It is asked.", "Wait.")
    });
    let said = machine.run("leave -w -t 1").failed(2);
    assert_eq!(said, "cman_tool: It is asked.\nWait.\n");
    assert!(heard.count(&shutdown(false, false)) > 2);
}

#[test]
fn programs_have_their_time_and_the_user_has_his() {
    let machine = Machine::with_daemon(|_| {
        thread::sleep(Duration::from_secs(3));
        reply(Reply::Done)
    });
    let said = machine.run("leave -t 1").failed(2);
    assert!(said.contains("has not left the cluster in the time given"), "{said}");
    let ran = machine.run("leave --json").done();
    assert_eq!(ran, "{\"done\":true,\"text\":\"The daemon has left the cluster.\"}\n");
}

#[test]
fn a_version_to_read_is_passed_on() {
    for (line, version) in
        [("version -r 7", 7), ("version -r", 0), ("version --reload 7", 7), ("version -r 0", 0)]
    {
        let heard = Heard::default();
        let hears = heard.clone();
        let machine = Machine::with_daemon(move |request| {
            hears.note(&request);
            reply(Reply::Done)
        });
        assert_eq!(machine.run(line).done(), "", "{line}");
        let wanted = Request::Classic(ClassicRequest::SetConfigVersion { version });
        assert_eq!(heard.all(), [wanted], "{line}");
    }
    let machine =
        Machine::with_daemon(|_| refusal(ErrorCode::Invalid, "cluster.conf:3:2: no.", "Mend it."));
    assert_eq!(
        machine.run("version -r 7").failed(1),
        "cman_tool: cluster.conf:3:2: no.\nMend it.\n"
    );
    assert!(machine.run("version -r seven").failed(1).contains("seven"));
}

#[test]
fn parts_to_debug_are_passed_on() {
    let heard = Heard::default();
    let hears = heard.clone();
    let machine = Machine::with_daemon(move |request| {
        hears.note(&request);
        reply(Reply::Done)
    });
    assert_eq!(machine.run("debug -d 12").done(), "");
    assert_eq!(heard.all(), [Request::Classic(ClassicRequest::SetDebug { mask: 12 })]);
    let ran = machine.run("debug -d 0 --json").json();
    assert_eq!(ran["text"], "The daemon logs what it was started to log.");
    assert!(machine.run("debug").failed(1).contains("--debug"));
    assert!(machine.run("debug -d all").failed(1).contains("all"));
}

#[test]
fn a_daemon_that_does_not_end_is_a_timeout() {
    let machine = Machine::with_daemon(|_| reply(Reply::Done));
    let said = machine.run("leave -w -t 1").failed(2);
    assert!(said.contains("has not ended in the time given"), "{said}");
}

#[test]
fn waiting_for_what_is_there_is_done_at_once() {
    let machine = Machine::with_daemon(daemon(healthy()));
    assert_eq!(machine.run("wait").done(), "");
    assert_eq!(machine.run("wait -q -t 1").done(), "");
    let ran = machine.run("wait -q --json");
    assert_eq!(ran.done(), "{\"done\":true,\"text\":\"This node is a member and quorate.\"}\n");
}

#[test]
fn waiting_in_vain_ends_with_2_and_says_who_is_missing() {
    let machine = Machine::with_daemon(daemon(alone()));
    assert_eq!(machine.run("wait -t 1").done(), "");
    let began = Instant::now();
    let said = machine.run("wait -q -t 1").failed(2);
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(
        said.starts_with(
            "cman_tool: Timed out. Waiting for quorum: 1 of 3 votes is here, 2 are needed; not \
             there: n2, n3, n5.\n"
        ),
        "{said}"
    );
    // Seen from node 2, which is not there itself.
    let two = StatusReply { node: id(2), ..joining() };
    let ran = Machine::with_daemon(daemon(two)).run("wait -t 1 --json");
    assert_eq!(ran.code, Some(2));
    assert_eq!(
        ran.json()["error"],
        "Timed out. Waiting for membership, joining now; not there: n3, n5."
    );
}

/// Two nodes of which one is enough, but not before both have been seen.
#[test]
fn waiting_says_why_votes_that_are_enough_do_not_count() {
    let mut status = alone();
    status.quorum.needed = 1;
    status.quorum.why = "waiting for all nodes to be seen once (wait_for_all)".into();
    let said = Machine::with_daemon(daemon(status.clone())).run("wait -q -t 1").failed(2);
    let expected = "cman_tool: Timed out. Waiting for quorum: waiting for all nodes to be seen \
                    once (wait_for_all); not there: n2, n3, n5.\n";
    assert!(said.starts_with(expected), "{said}");
    status.quorum.why.clear();
    let said = Machine::with_daemon(daemon(status)).run("wait -q -t 1").failed(2);
    assert!(said.contains("Waiting for quorum: votes here: 1, needed: 1; not there"), "{said}");
}

/// Another `leave` came first, and the daemon is about to end.
#[test]
fn leaving_while_the_daemon_ends_is_done_when_it_has_ended() {
    let machine = Machine::new();
    let mut process = Process::start(&machine);
    drop(std::os::unix::net::UnixListener::bind(file(&machine, "admin.sock")).unwrap());
    let tool = machine.command("leave --json").stdout(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_millis(300));
    process.end();
    let ran = Ran::new(tool.wait_with_output().unwrap(), machine.dir.path());
    let said = "{\"done\":true,\"text\":\"The daemon was leaving the cluster already, and has \
                ended.\"}\n";
    assert_eq!(ran.done(), said);
}

#[test]
fn waiting_ends_when_it_comes_true() {
    let asked = AtomicUsize::new(0);
    let (before, after) = (daemon(joining()), daemon(healthy()));
    let machine = Machine::with_daemon(move |request| {
        if request == Request::Status {
            asked.fetch_add(1, Ordering::Relaxed);
        }
        if asked.load(Ordering::Relaxed) < 4 { before(request) } else { after(request) }
    });
    assert_eq!(machine.run("wait -q -t 20").done(), "");
}

#[test]
fn waiting_for_what_never_comes_fails_at_once() {
    for (state, sentence) in [
        (State::Disallowed, "The other nodes do not admit this one"),
        (State::Leaving, "The daemon is leaving the cluster."),
        (State::Left, "The daemon is leaving the cluster."),
    ] {
        let machine = Machine::with_daemon(daemon(StatusReply { state, ..healthy() }));
        let said = machine.run("wait -t 20").failed(1);
        assert!(said.starts_with(&format!("cman_tool: {sentence}")), "{said}");
    }
}

#[test]
fn a_daemon_that_dies_while_it_is_waited_for_is_a_failure() {
    let asked = AtomicUsize::new(0);
    let answer = daemon(joining());
    let machine = Machine::with_daemon(move |request| {
        if asked.fetch_add(1, Ordering::Relaxed) < 3 { answer(request) } else { Vec::new() }
    });
    let said = machine.run("wait -t 20").failed(1);
    assert!(said.contains("ended while it was waited for"), "{said}");
}

#[test]
fn a_stuck_daemon_does_not_stretch_the_waiting() {
    let machine = Machine::with_daemon(|_| {
        thread::sleep(Duration::from_secs(30));
        Vec::<Message>::new()
    });
    let began = Instant::now();
    let said = machine.run("wait -t 1").failed(2);
    assert!(said.contains("gave no answer"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_sleeping_daemon_does_not_stretch_the_waiting_either() {
    let machine = Machine::new();
    let socket = file(&machine, "cman.sock");
    let _nobody_accepts = std::os::unix::net::UnixListener::bind(socket).unwrap();
    let began = Instant::now();
    let said = machine.run("wait -q -t 1").failed(2);
    assert!(said.contains("gave no answer"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_key_is_made_once() {
    let machine = Machine::new();
    let ran = machine.run("keygen --keyfile k");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
    assert_eq!(ran.err, "Wrote a new cluster key to k. Copy it to every node, over a safe path.\n");
    let path = file(&machine, "k");
    let key = fs::read_to_string(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!((key.len(), key.starts_with("cman-key-1 ")), (11 + 64 + 1, true));

    let said = machine.run("keygen -k k").failed(1);
    assert!(said.starts_with("cman_tool: k exists; a cluster key is never overwritten."), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), key);
}
