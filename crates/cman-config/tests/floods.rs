//! Files made to be slow are refused or read in the time their size warrants.

use cman_config::{Code, FILE_SIZE_MAX, parse};
use std::time::{Duration, Instant};

/// A generous bound for the largest file, in a build without optimisation on a busy machine.
const TIME_MAX: Duration = Duration::from_secs(30);

/// `head`, as many of `piece` as a file can hold (numbered where it has a `#`), and `tail`.
fn flood(head: &str, piece: &str, tail: &str) -> String {
    let mut text = head.to_owned();
    for n in 0.. {
        let piece = piece.replace('#', &n.to_string());
        if text.len() + piece.len() + tail.len() > FILE_SIZE_MAX {
            break;
        }
        text.push_str(&piece);
    }
    text + tail
}

#[test]
fn floods_are_answered_in_time() {
    let head = "<cluster name=\"a\" config_version=\"1\"><clusternodes>";
    let tail = "</clusternodes></cluster>";
    let floods = [
        flood("", "<a>", ""),
        flood("", "<cluster>", ""),
        flood("<cluster", " a#=\"\"", "/>"),
        flood("<cluster", " xmlns:a#=\"b\"", "/>"),
        flood("", "<a xmlns:a#=\"b\">", ""),
        flood(head, "<clusternode nodeid=\"1\" name=\"n\"/>", tail),
        flood(head, "<clusternode nodeid=\"#\" name=\"n#\"/>", tail),
        flood(head, "<clusternodf x#=\"\"/>", tail),
        flood(head, "<x#/>", tail),
        flood("<!-- ", "=\"\"", " --><cluster/>"),
        flood("<cluster ", "\"", "/>"),
        flood("<!DOCTYPE a [<!ENTITY a0 \"x\">", "<!ENTITY a# \"&a0;&a0;&a0;\">", "]><a>&a9;</a>"),
    ];
    for text in floods {
        let start = Instant::now();
        let answer = parse("file.conf", text.as_bytes());
        let told = answer.expect_err("no flood is a configuration").to_string();
        let took = start.elapsed();
        let begin: String = text.chars().take(80).collect();
        assert!(took < TIME_MAX, "{begin}: {took:?}");
        assert!(told.len() < 200_000, "{begin}: an answer of {} bytes", told.len());
    }
}

#[test]
fn errors_are_not_crowded_out_by_warnings() {
    let text = format!("<cluster>{}</cluster>", "<x/>".repeat(300));
    let problems = parse("file.conf", text.as_bytes()).expect_err("it has no name");
    assert_eq!((problems.len(), problems.omitted()), (200, 103));
    assert_eq!(problems.iter().filter(|problem| problem.code == Code::UnknownElement).count(), 197);
    assert!(problems.has_errors());
    assert!(problems.to_string().ends_with("file.conf: 103 more problems not shown\n"));
}

#[test]
fn as_many_nodes_as_allowed_are_read() {
    let names: Vec<(u32, String)> = (1..=4096).map(|id| (id, format!("n{id}"))).collect();
    let nodes: Vec<(u32, &str)> = names.iter().map(|(id, name)| (*id, name.as_str())).collect();
    let text = cman_config::template("alpha", &nodes, None);
    let parsed = parse("file.conf", text.as_bytes()).expect("4096 nodes are allowed");
    assert_eq!(parsed.config.nodes.len(), 4096);
    assert_eq!(parsed.config.expected_votes, 4096);
}
