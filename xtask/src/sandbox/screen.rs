//! What is drawn.

use super::watched::Watched;
use cman_e2e::report::Event;
use serde_json::Value;
use std::time::Duration;

/// Most events that are drawn.
const EVENTS_MAX: usize = 10;

/// Cursor home, and clear to the end of the screen: what a terminal does without flicker.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Draws the whole screen anew.
pub(crate) fn draw(watched: &[Watched], guide: &str, running: Duration) {
    let rows: String = watched.iter().map(|node| row(node) + "\n").collect();
    let heading =
        "node      pid  state           epoch  coordinator  quorum           lease  members";
    println!(
        "{CLEAR}cman sandbox, {} nodes, running for {} s\n\n{heading}\n{rows}\nLast events\n{}\n\
         {guide}",
        watched.len(),
        running.as_secs(),
        last_events(watched)
    );
}

/// Prints what happened since the last call, a line each: for output that is no terminal.
pub(crate) fn print_news(watched: &mut [Watched]) {
    for node in watched {
        let events = node.events();
        for event in events.iter().skip(node.printed) {
            println!("n{}: {}", node.number, describe(event));
        }
        node.printed = events.len();
    }
}

fn row(node: &Watched) -> String {
    let name = format!("n{}", node.number);
    let Some(pid) = node.pid else {
        let seconds = node.seconds_to_restart().unwrap_or(0);
        return format!("{name:<5} {:>7}  dead, starts again in {seconds} s", "-");
    };
    let Some(status) = &node.status else {
        return format!("{name:<5} {pid:>7}  does not answer");
    };
    let state = &status.state;
    let (epoch, coordinator, members) = match &status.view {
        Some(view) => {
            (view.epoch.to_string(), format!("n{}", view.coordinator), ranges(&view.members))
        }
        None => ("-".to_owned(), "-".to_owned(), String::new()),
    };
    let quorum = &status.quorum;
    let word = if quorum.quorate { "quorate" } else { "blocked" };
    let votes = format!("{word} {}/{}", quorum.votes, quorum.needed);
    let lease = quorum.lease_ms_left.map_or("-".to_owned(), |left| format!("{left} ms"));
    format!(
        "{name:<5} {pid:>7}  {state:<10} {epoch:>10}  {coordinator:<11}  {votes:<13} {lease:>8}  \
         {members}"
    )
}

fn last_events(watched: &[Watched]) -> String {
    let mut events: Vec<_> = watched
        .iter()
        .flat_map(|node| node.events().into_iter().map(|event| (node.number, event)))
        .collect();
    events.sort_by_key(|(_, event)| event.monotonic_ns);
    let first = events.len().saturating_sub(EVENTS_MAX);
    let newest = events.iter().skip(first);
    newest.map(|(number, event)| format!("  n{number}: {}\n", describe(event))).collect()
}

/// An event as a sentence.
fn describe(event: &Event) -> String {
    let at = event.fields.get("at").and_then(Value::as_str).unwrap_or_default();
    // Of 2026-11-22T15:04:05.123456Z the time of day to the millisecond.
    let time = at.get(11..23).unwrap_or(at);
    let list = |name: &str| match event.fields.get(name) {
        Some(list) => ranges(&serde_json::from_value::<Vec<u32>>(list.clone()).unwrap_or_default()),
        None => String::new(),
    };
    let what = match event.event.as_str() {
        "view" => {
            let epoch = event.fields.get("epoch").map_or_else(String::new, Value::to_string);
            let mut text = format!("view {epoch}: members {}", list("members"));
            for (word, nodes) in [("joined", list("joined")), ("left", list("left"))] {
                if !nodes.is_empty() {
                    text += &format!(", {word} {nodes}");
                }
            }
            text
        }
        "quorum" if event.quorate() == Some(true) => "quorate".to_owned(),
        "quorum" => "no longer quorate: activity blocked".to_owned(),
        other => other.to_owned(),
    };
    format!("{time}  {what}")
}

/// Ascending numbers, shortened: `1-3 5`.
fn ranges(numbers: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let text = |&(first, last): &(u32, u32)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    };
    ranges.iter().map(text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_drawn_together() {
        assert_eq!(ranges(&[1, 2, 3, 5, 8, 9]), "1-3 5 8-9");
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[u32::MAX]), "4294967295");
    }

    #[test]
    fn events_become_sentences() {
        let line = r#"{"at":"2026-11-22T15:04:05.123456Z","monotonic_ns":1,"event":"view",
            "epoch":17,"members":[1,2],"joined":[],"left":[3]}"#;
        let event = serde_json::from_str(line).unwrap();
        assert_eq!(describe(&event), "15:04:05.123  view 17: members 1-2, left 3");
        let line = r#"{"at":"?","monotonic_ns":1,"event":"quorum","quorate":false}"#;
        let event = serde_json::from_str(line).unwrap();
        assert_eq!(describe(&event), "?  no longer quorate: activity blocked");
    }
}
