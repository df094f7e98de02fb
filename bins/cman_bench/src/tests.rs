//! Both verbs against a fake daemon.

use crate::{
    Failure,
    cli::{Cli, Verb},
    receive,
    report::Report,
    send,
};
use clap::Parser;
use cman_client::{
    fake_daemon::{FakeDaemon, alone},
    groups::{GroupName, Process},
    ipc::{GroupEvent, GroupMessage, Message, Request},
};
use cman_types::{Incarnation, NodeId};
use std::path::Path;

fn run(run_dir: &Path, options: &str) -> Result<Report, Failure> {
    let words = ["cman_bench"].into_iter().chain(options.split(' '));
    let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
    match &cli.verb {
        Verb::Send(options) => send::run(run_dir, options),
        Verb::Receive(options) => receive::run(run_dir, options),
    }
}

fn with_daemon(
    answer: impl Fn(Request) -> Vec<Message> + Send + Sync + 'static,
    options: &str,
) -> Result<Report, Failure> {
    let dir = tempfile::tempdir().unwrap();
    let _daemon = FakeDaemon::start(dir.path(), answer).unwrap();
    run(dir.path(), options)
}

fn with_alone(options: &str) -> Result<Report, Failure> {
    with_daemon(alone(std::process::id()), options)
}

/// A daemon that tells a member of three messages at once.
fn with_three(options: &str) -> Result<Report, Failure> {
    let alone = alone(std::process::id());
    let answer = move |request| {
        let is_join = matches!(request, Request::GroupJoin { .. });
        let mut answers = alone(request);
        for number in (1..=3).filter(|_| is_join) {
            answers.push(Message::Group(GroupEvent::Message(GroupMessage {
                group: GroupName::new(b"g").unwrap(),
                sender: Process { node: NodeId::new(2).unwrap(), pid: 7 },
                incarnation: Incarnation(1),
                number,
                payload: "hello".into(),
            })));
        }
        answers
    };
    with_daemon(answer, options)
}

#[test]
fn what_is_sent_comes_back_and_is_measured() {
    let report = with_alone("send --group g --size 64 --count 1000").unwrap();
    assert_eq!((report.sent, report.delivered, report.changes), (Some(1000), 1000, 1));
    assert!(report.per_second > 0.0 && report.p50_us <= report.p999_us, "{report:?}");
    assert!(report.p50_us.is_some());
    let rate = report.megabytes_per_second * 1e6 / 64.0;
    assert!((rate / report.per_second - 1.0).abs() < 1e-6, "{report:?}");
}

#[test]
fn who_stays_counts_what_others_send() {
    let report = with_three("send --group g --size 16 --count 2 --stay 0.1").unwrap();
    assert_eq!((report.sent, report.delivered), (Some(2), 5));
    assert!((report.per_second * report.seconds - 5.0).abs() < 1e-6, "{report:?}");
}

#[test]
fn a_rate_is_kept() {
    let report = with_alone("send --group g --size 4 --count 21 --rate 100").unwrap();
    assert_eq!(report.sent, Some(21));
    assert!(report.seconds >= 0.2, "{report:?}");
    assert_eq!(report.p50_us, None, "there was no room for a stamp");
}

#[test]
fn sending_ends_after_a_time() {
    let report = with_alone("send --group g --size 0 --seconds 0.1 --rate 50").unwrap();
    assert!((4..=6).contains(&report.delivered), "{report:?}");
}

#[test]
fn a_receiver_counts_and_then_ends() {
    let two = with_three("receive --group g --count 2").unwrap();
    assert_eq!((two.sent, two.delivered), (None, 2));
    let three = with_three("receive --group g --seconds 0.1").unwrap();
    assert_eq!(three.delivered, 3);
    assert_ne!(two.order_hash, three.order_hash);
    let again = with_three("receive --group g --count 3").unwrap();
    assert_eq!(three.order_hash, again.order_hash);
}

#[test]
fn what_does_not_come_is_a_failure_that_says_what() {
    let options = "receive --group g --count 4 --patience 0.1";
    let failure = with_three(options).unwrap_err().to_string();
    assert!(failure.starts_with("3 messages came"), "{failure}");
    let options = "receive --group g --count 1 --members 2 --patience 0.1";
    let failure = with_alone(options).unwrap_err().to_string();
    assert!(failure.starts_with("fewer than 2 members"), "{failure}");
    let dir = tempfile::tempdir().unwrap();
    let failure = run(dir.path(), "receive --group g --count 1").unwrap_err().to_string();
    assert!(failure.contains("not running") && failure.contains("cman_tool join"), "{failure}");
}

#[test]
fn wrong_options_are_refused() {
    for options in [
        "send --group g --size 1",
        "send --group g --size 4194305 --count 1",
        "send --group g --size 1 --count 1 --seconds 1",
        "send --group g --size 1 --count 1 --rate 0",
        "send --group g --size 1 --count 1 --stay x",
        "receive --group g --seconds -1",
        "receive --count 1",
    ] {
        let words = ["cman_bench"].into_iter().chain(options.split(' '));
        assert!(Cli::try_parse_from(words).is_err(), "{options}");
    }
}
