//! What `cman_tool events` tells beside views and quorum, and what is remembered of it.

use anyhow::{Context, Result, ensure};
use cman_e2e::{
    attempt::expect_words,
    built,
    cases::{Scale, Stage},
    cluster::now_ns,
    command::run,
    report::Event,
    turn,
};
use serde_json::{Value, json};
use std::{fs, thread::sleep, time::Duration};

/// How long anything may take here.
const SOON: Duration = Duration::from_secs(30);

/// The events of a kind that a node told since then and that have these fields.
fn told(stage: &Stage, number: usize, since: u64, kind: &str, fields: &Value) -> Result<usize> {
    let fits = |event: &Event| {
        let promised = fields.as_object().into_iter().flatten();
        event.event == kind
            && event.monotonic_ns >= since
            && promised.into_iter().all(|(name, value)| event.fields.get(name) == Some(value))
    };
    Ok(stage.watch.events(number)?.iter().filter(|event| fits(event)).count())
}

/// Waits until a node has told exactly one such event, and fails if it tells more.
fn wait_once(stage: &Stage, number: usize, since: u64, kind: &str, fields: &Value) -> Result<()> {
    let what = format!("event {kind} {fields} of node {number}");
    stage.watch.wait(SOON, &what, |_| Ok(told(stage, number, since, kind, fields)? > 0))?;
    sleep(Duration::from_millis(300));
    let times = told(stage, number, since, kind, fields)?;
    ensure!(times == 1, "{times} times: {what}");
    Ok(())
}

#[test]
fn who_goes_and_comes_back_is_told_with_the_reason() -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::new(&Scale::short(), 3)?;
    let victim = stage.ordinary()?.last().copied().unwrap_or(3);
    let stayers = stage.others(&[victim]);
    let since = now_ns();
    stage.cluster.kill_together(&[victim])?;
    stage.watch.wait_formed(&stayers, &stayers, since, SOON)?;
    stage.restore(&[victim])?;
    for &stayer in &stayers {
        let left = json!({ "node": victim, "state": "dead", "change": "left", "reason": "silent" });
        wait_once(&stage, stayer, since, "node", &left)?;
        let returned = json!({ "node": victim, "state": "member", "change": "returned" });
        wait_once(&stage, stayer, since, "node", &returned)?;
        let all = stage.watch.events(stayer)?;
        let kinds: Vec<_> = all.iter().filter(|event| event.monotonic_ns >= since).collect();
        ensure!(kinds.first().is_some_and(|first| first.event == "view"), "first came {kinds:?}");
        let returned = kinds.iter().rev().find(|event| event.event == "node");
        let text = returned.map(|event| event.fields["text"].to_string()).unwrap_or_default();
        expect_words(&text, &["node", "away for"])?;
    }
    Ok(())
}

#[test]
fn a_cable_is_told_where_it_is_pulled_and_to_those_who_come_later() -> Result<()> {
    let _turn = turn::shared()?;
    let stage = Stage::new(&Scale::short(), 3)?;
    let unplugged = stage.ordinary()?.last().copied().unwrap_or(3);
    let others = stage.others(&[unplugged]);
    let since = now_ns();
    stage.cluster.lab().plug(unplugged, false)?;
    let down = json!({ "link": 0, "node": null, "up": false });
    wait_once(&stage, unplugged, since, "link", &down)?;
    stage.watch.wait_formed(&others, &others, since, SOON)?;
    let late = stage.cluster.node(unplugged)?.events()?;
    stage.watch.wait(SOON, "link that is down, told to a late listener", |_| {
        Ok(late.of_kind_since("link", since)?.len() == 1)
    })?;
    let again = now_ns();
    stage.cluster.lab().plug(unplugged, true)?;
    let up = json!({ "link": 0, "node": null, "up": true });
    wait_once(&stage, unplugged, again, "link", &up)?;
    for other in others {
        let whole = json!({ "node": null });
        ensure!(told(&stage, other, since, "link", &whole)? == 0, "node {other} lost no link");
    }
    Ok(())
}

#[test]
fn a_path_that_is_cut_is_told_and_nothing_else_happens() -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::new(&Scale::short(), 3)?;
    let coordinator = stage.coordinator()?;
    let cut_off = stage.ordinary()?.last().copied().unwrap_or(3);
    let since = now_ns();
    stage.cluster.lab_mut().cut(coordinator, cut_off)?;
    let down = json!({ "link": 0, "node": cut_off, "up": false });
    wait_once(&stage, coordinator, since, "link", &down)?;
    let again = now_ns();
    stage.cluster.lab_mut().heal()?;
    let up = json!({ "link": 0, "node": cut_off, "up": true });
    wait_once(&stage, coordinator, again, "link", &up)?;
    for &number in &stage.all {
        for kind in ["view", "quorum", "node"] {
            let times = told(&stage, number, since, kind, &json!({}))?;
            ensure!(times == 0, "node {number} told of {times} {kind} events");
        }
    }
    Ok(())
}

#[test]
fn multicast_that_ceases_and_begins_to_pass_is_told() -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::new(&Scale::short(), 3)?;
    for passes in [false, true] {
        let since = now_ns();
        for number in stage.all.clone() {
            if passes {
                stage.cluster.lab_mut().heal()?;
            } else {
                stage.cluster.lab_mut().block_multicast(number)?;
            }
        }
        for &number in &stage.all {
            let link = json!({ "link": 0, "node": null, "up": true, "multicast_heard": passes });
            stage.watch.wait(SOON, &format!("event {link} of node {number}"), |_| {
                Ok(told(&stage, number, since, "link", &link)? > 0)
            })?;
        }
    }
    Ok(())
}

#[test]
fn a_report_has_what_happened_before_and_what_is_now() -> Result<()> {
    let _turn = turn::shared()?;
    let scale = Scale::short();
    let mut stage = Stage::new(&scale, 3)?;
    let victim = stage.ordinary()?.last().copied().unwrap_or(3);
    let stayer = stage.others(&[victim]).first().copied().unwrap_or(1);
    stage.cluster.node_mut(victim)?.stop(SOON)?;
    stage.restore(&[victim])?;
    let archive = stage.cluster.lab().directory().join("report.tar.gz");
    let path = archive.to_str().context("not UTF-8")?;
    stage.cluster.node(stayer)?.tool_prints(&["report", "--output", path])?;
    let file = |name: &str| -> Result<String> {
        let directory = stage.cluster.lab().directory();
        let pattern = format!("*/{name}");
        run(
            "tar",
            &[
                "-xzf",
                path,
                "-C",
                &directory.display().to_string(),
                "--wildcards",
                &pattern,
                "--transform",
                "s,.*/,,",
            ],
        )?;
        Ok(fs::read_to_string(directory.join(name))?)
    };
    let past = file("events.jsonl")?;
    let past: Vec<Value> = past.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let first = past.first().context("nothing has ever happened")?;
    ensure!(first["event"] == "config" && first["config_version"] == 1, "it began with {first}");
    let change = |event: &&Value| event["node"] == victim && event["event"] == "node";
    let changes: Vec<_> = past.iter().filter(change).map(|event| &event["change"]).collect();
    ensure!(changes == ["joined", "left", "returned"], "node {victim} {changes:?}");
    let ordered = past.is_sorted_by_key(|event| event["monotonic_ns"].as_u64());
    ensure!(ordered, "the past is in disorder");
    ensure!(file("events.txt")?.lines().count() == past.len(), "the text has other events");
    let present = file("present.txt")?;
    expect_words(&present, &["view", "quorate"])?;
    ensure!(!present.contains("returned"), "the present holds the past: {present}");
    Ok(())
}

#[test]
fn who_says_that_a_daemon_is_silent_says_it_in_round_numbers() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Scale::short().conf(1))?;
    cluster.node_mut(1)?.start()?;
    cluster.wait_formed(&[1], SOON)?;
    cluster.node(1)?.pause()?;
    let output = cluster.node(1)?.tool(&["wait", "-t", "1"]);
    cluster.node(1)?.resume()?;
    let said = String::from_utf8_lossy(&output?.stderr).into_owned();
    ensure!(!said.contains('.') || !said.contains("0."), "it said {said}");
    expect_words(&said, &["no answer for"])
}
