//! `cman_tool`, every verb: text, JSON, exit codes.

use anyhow::{Context, Result, ensure};
use cman_e2e::{
    attempt::{bounded, expect_words, refused, said},
    built,
    cases::{Scale, Stage},
    cluster::Cluster,
    conf::Conf,
    node::Node,
    turn,
};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::Duration,
};

/// Nothing here may take longer.
const SOON: Duration = Duration::from_secs(20);

fn json(node: &Node, arguments: &[&str]) -> Result<Value> {
    let printed = node.tool_prints(arguments)?;
    ensure!(printed.ends_with('\n'), "no line end after {printed:?}");
    serde_json::from_str(&printed).with_context(|| format!("no JSON object: {printed}"))
}

/// What the interface promises of the fields of an object: their names and types.
fn expect_types(value: &Value, types: &[(&str, &str)]) -> Result<()> {
    for (path, expected) in types {
        let found = value.pointer(path).with_context(|| format!("no {path} in {value}"))?;
        let fits = match *expected {
            "number" => found.is_u64(),
            "text" => found.is_string(),
            "bool" => found.is_boolean(),
            "list" => found.is_array(),
            "number or null" => found.is_u64() || found.is_null(),
            other => anyhow::bail!("no type {other}"),
        };
        ensure!(fits, "{path} is {found}, which is no {expected}");
    }
    Ok(())
}

#[test]
fn without_a_daemon_every_verb_says_so() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = built::cluster(&Conf::new(1))?;
    let node = cluster.node(1)?;
    for verb in [
        &["status"][..],
        &["nodes"],
        &["version"],
        &["events"],
        &["leave"],
        &["kill", "-n", "n1"],
        &["wait", "-t", "1"],
    ] {
        refused(node.tool_command().args(verb), 1, &["not running", "cman_tool join"])?;
        let mut command = node.tool_command();
        let output = bounded(command.args(verb).arg("--json"), SOON)?;
        ensure!(output.status.code() == Some(1), "{verb:?} --json: {}", output.status);
        let told: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{verb:?} --json printed {}", said(&output)))?;
        let error = told["error"].as_str().unwrap_or_default();
        ensure!(error.contains("not running"), "{verb:?} --json said {told}");
    }
    Ok(())
}

#[test]
fn wrong_usage_is_exit_code_1() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = built::cluster(&Conf::new(1))?;
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["status", "--nonsense"],
        &["kill"],
        &["wait", "-t", "soon"],
        &["leave", "quietly"],
        &["join", "-X"],
        &["join", "-N", "4"],
        &["nodes", "-F", "colour"],
    ] {
        let mut command = cluster.node(1)?.tool_command();
        let said = refused(command.args(arguments), 1, &[])?;
        ensure!(!said.trim().is_empty(), "cman_tool {arguments:?} says nothing");
    }
    Ok(())
}

/// A `cman_tool join` for a node of the lab.
fn join(node: &Node) -> Command {
    let mut command = node.tool_command();
    command.args(["join", "--name", &format!("n{}", node.number())]);
    command.arg("--config").arg(node.config());
    command.arg("--state-dir").arg(node.state_dir());
    command.arg("--keyfile").arg(node.keyfile());
    command
}

#[test]
fn join_waits_as_long_as_it_is_told() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = built::cluster(&Conf::new(3).token(500))?;
    let [one, two, three] = [cluster.node(1)?, cluster.node(2)?, cluster.node(3)?];

    // Alone there is no quorum: time runs out, and the daemon stays.
    let waited = std::time::Instant::now();
    refused(join(one).args(["-q", "-t", "3"]), 2, &["quorum", "n2", "n3"])?;
    ensure!(waited.elapsed() >= Duration::from_secs(3), "it gave up after {:?}", waited.elapsed());
    refused(join(one).arg("-w"), 1, &["already running"])?;
    refused(one.tool_command().args(["wait", "-q", "-t", "1"]), 2, &["quorum"])?;
    one.tool_prints(&["wait", "-t", "20"])?;
    let inquorate = one.tool_prints(&["status"])?;
    ensure!(inquorate.contains("\nQuorum: 2 Activity blocked\n"), "status is\n{inquorate}");

    // The second makes it quorate, the third finds it so.
    for node in [two, three] {
        let output = bounded(join(node).args(["-w", "-q", "-t", "30"]), Duration::from_secs(40))?;
        ensure!(output.status.success(), "join of node {}: {}", node.number(), said(&output));
        ensure!(node.status()?.quorum.quorate, "joined with -q and not quorate");
    }
    cluster.wait_formed(&[1, 2, 3], SOON)?;
    one.tool_prints(&["wait", "-q", "-t", "1"])?;

    // And out again, one by one, each waiting until its daemon has ended.
    for node in [three, two, one] {
        let output = bounded(node.tool_command().args(["leave", "-w", "-t", "20"]), SOON)?;
        ensure!(output.status.success(), "leave of node {}: {}", node.number(), said(&output));
        cman_e2e::attempt::expect_nothing_left(&node.run_dir())?;
    }
    Ok(())
}

#[test]
fn a_join_that_cannot_work_says_why() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = built::cluster(&Conf::new(1))?;
    let node = cluster.node(1)?;
    node.configure_text("<cluster/>")?;
    refused(&mut join(node), 1, &["CM0104", "config_version"])?;
    fs::remove_file(node.config())?;
    refused(join(node).arg("-w"), 1, &["cluster.conf"])?;
    cman_e2e::attempt::expect_nothing_left(&node.run_dir())
}

#[test]
fn reading_verbs() -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::new(&Scale::short(), 3)?;
    let dead = stage.ordinary()?.last().copied().unwrap_or(3);
    let alive = stage.others(&[dead]);
    let since = cman_e2e::cluster::now_ns();
    stage.cluster.node_mut(dead)?.kill()?;
    stage.watch.remove(dead);
    stage.watch.wait_formed(&alive, &alive, since, SOON)?;
    let node = stage.cluster.node(alive.first().copied().unwrap_or(1))?;

    status_as_promised(node)?;
    nodes_as_promised(node, dead)?;
    ensure!(node.tool_prints(&["version"])? == "6.2.0 config 1\n", "another version");
    let version = json(node, &["version", "--json"])?;
    expect_types(&version, &[("/config_version", "number"), ("/protocol_version", "text")])
}

fn status_as_promised(node: &Node) -> Result<()> {
    let status = json(node, &["status", "--json"])?;
    expect_types(
        &status,
        &[
            ("/schema", "number"),
            ("/cluster", "text"),
            ("/cluster_id", "number"),
            ("/config_version", "number"),
            ("/protocol_version", "text"),
            ("/node_id", "number"),
            ("/node_name", "text"),
            ("/incarnation", "number"),
            ("/state", "text"),
            ("/view/epoch", "number"),
            ("/view/coordinator", "number"),
            ("/view/members", "list"),
            ("/view/changes", "number"),
            ("/view/installed_at", "text"),
            ("/quorum/quorate", "bool"),
            ("/quorum/votes", "number"),
            ("/quorum/expected_votes", "number"),
            ("/quorum/needed", "number"),
            ("/quorum/flags", "list"),
            ("/quorum/lease_ms_left", "number or null"),
            ("/encrypted", "bool"),
            ("/links/0/id", "number"),
            ("/links/0/address", "text"),
            ("/links/0/port", "number"),
            ("/links/0/multicast", "text"),
            ("/links/0/up", "bool"),
            ("/rejected_datagrams/unauthenticated", "number"),
            ("/rejected_datagrams/replayed", "number"),
            ("/rejected_datagrams/malformed", "number"),
            ("/rejected_datagrams/foreign_cluster", "number"),
            ("/daemon/pid", "number"),
            ("/daemon/version", "text"),
            ("/daemon/rss_bytes", "number"),
            ("/daemon/stalls", "number"),
        ],
    )?;
    ensure!(status["quorum"]["votes"] == 2 && status["quorum"]["expected_votes"] == 3);
    ensure!(status["encrypted"] == true, "not encrypted by default");
    let left = status["quorum"]["lease_ms_left"].as_u64().unwrap_or(0);
    ensure!((1..=1000).contains(&left), "{left} ms of lease left of a token of 1000 ms");

    // The classic text: every line in its place, blanks at the ends included.
    let text = node.tool_prints(&["status"])?;
    let number = node.number();
    let generation = status["view"]["epoch"].as_u64().context("no epoch")?;
    let (id, multicast) = (&status["cluster_id"], status["links"][0]["multicast"].as_str());
    let multicast = multicast.context("no multicast address")?;
    let expected = format!(
        "Version: 6.2.0\nConfig Version: 1\nCluster Name: lab\nCluster Id: {id}\n\
         Cluster Member: Yes\nCluster Generation: {generation}\n\
         Membership state: Cluster-Member\nNodes: 2\nExpected votes: 3\nTotal votes: 2\n\
         Node votes: 1\nQuorum: 2  \nActive subsystems: "
    );
    ensure!(text.starts_with(&expected), "the status is\n{text}\nand not\n{expected}");
    let expected = format!(
        "Flags: \nPorts Bound: 0  \nNode name: n{number}\nNode ID: {number}\n\
         Multicast addresses: {multicast} \nNode addresses: 10.77.0.{number} \n"
    );
    ensure!(text.ends_with(&expected), "the status is\n{text}\nand does not end with\n{expected}");
    Ok(())
}

fn nodes_as_promised(node: &Node, dead: usize) -> Result<()> {
    let nodes = json(node, &["nodes", "--json"])?;
    let rows = nodes["nodes"].as_array().context("no list of nodes")?;
    ensure!(rows.len() == 3, "{} nodes", rows.len());
    for (row, number) in rows.iter().zip(1_usize..) {
        expect_types(
            row,
            &[
                ("/id", "number"),
                ("/name", "text"),
                ("/state", "text"),
                ("/votes", "number"),
                ("/addresses", "list"),
            ],
        )?;
        let expected = if number == dead { "dead" } else { "member" };
        ensure!(row["state"] == expected, "node {number} is {}, not {expected}", row["state"]);
        ensure!(row["name"] == format!("n{number}"), "node {number} is called {}", row["name"]);
    }

    let text = node.tool_prints(&["nodes"])?;
    let mut lines = text.lines();
    ensure!(lines.next() == Some("Node  Sts   Inc   Joined               Name"), "it is\n{text}");
    for (line, number) in lines.zip(1_usize..) {
        let sts = if number == dead { 'X' } else { 'M' };
        ensure!(line.starts_with(&format!("{number:>4}   {sts}  ")), "line {line:?}");
        // After the epoch, which is as wide as it is: a date and a time, or blanks as wide.
        let (time, name) = line.rsplit_once("  ").context("no name")?;
        let time = time.get(time.len().saturating_sub(3 + 19)..).unwrap_or_default();
        ensure!(time.starts_with("   ") && (number == dead) == time.trim().is_empty(), "{line:?}");
        ensure!(name == format!("n{number}"), "the name in {line:?} is {name:?}");
    }
    let fields = node.tool_prints(&["nodes", "-F", "id,name,type,addr", "-n", "n1"])?;
    let sts = if dead == 1 { 'X' } else { 'M' };
    ensure!(fields == format!("1 n1 {sts} 10.77.0.1 \n"), "the fields are {fields:?}");
    let addresses = node.tool_prints(&["nodes", "-a"])?;
    ensure!(addresses.contains("       Addresses: 10.77.0.1 \n"), "it is\n{addresses}");
    refused(node.tool_command().args(["nodes", "-n", "n9"]), 1, &["n9", "n1"])?;
    Ok(())
}

#[test]
fn kill_puts_a_node_out_for_good() -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::new(&Scale::short(), 3)?;
    let victim = stage.ordinary()?.last().copied().unwrap_or(3);
    let stayers = stage.others(&[victim]);
    let killer = stage.cluster.node(stayers.first().copied().unwrap_or(1))?;
    refused(killer.tool_command().args(["kill", "-n", "n9"]), 1, &["n9", "n1"])?;

    let since = cman_e2e::cluster::now_ns();
    killer.tool_prints(&["kill", "-n", &format!("n{victim}")])?;
    stage.watch.wait_formed(&stayers, &stayers, since, SOON)?;
    let ended = stage.cluster.node_mut(victim)?.wait_exit(SOON)?;
    ensure!(ended.code() == Some(3), "the killed daemon ended with {ended}");
    expect_words(&stage.cluster.node(victim)?.log(), &["put out"])?;
    cman_e2e::attempt::expect_nothing_left(&stage.cluster.node(victim)?.run_dir())?;

    // Somebody who starts it again wants it back.
    stage.restore(&[victim])
}

#[test]
fn keygen_makes_private_keys_and_spares_old_ones() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = built::cluster(&Conf::new(1))?;
    let node = cluster.node(1)?;
    let file = cluster.lab().directory().join("new.key");
    let path = file.to_str().context("not UTF-8")?;
    node.tool_prints(&["keygen", "--keyfile", path])?;
    let key = fs::read(&file)?;
    ensure!(key != fs::read(node.keyfile())?, "two keys are the same");
    let mode = fs::metadata(&file)?.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "the key has mode {mode:o}");
    refused(node.tool_command().args(["keygen", "--keyfile", path]), 1, &["never overwritten"])?;
    ensure!(fs::read(&file)? == key, "the old key was touched");
    let nowhere = ["keygen", "--keyfile", "/nowhere/at/all/key"];
    refused(node.tool_command().args(nowhere), 1, &["/nowhere/at/all"])?;
    Ok(())
}

#[test]
fn events_tell_what_happens_as_it_happens() -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::new(&Scale::short(), 3)?;
    let leaver = stage.ordinary()?.last().copied().unwrap_or(3);
    let stayer = stage.others(&[leaver]).first().copied().unwrap_or(1);
    let mut command = stage.cluster.node(stayer)?.tool_command();
    let mut text = command.arg("events").stdout(Stdio::piped()).stdin(Stdio::null()).spawn()?;

    let since = cman_e2e::cluster::now_ns();
    stage.cluster.node(leaver)?.tool_prints(&["leave"])?;
    let stayers = stage.others(&[leaver]);
    stage.watch.wait_view(&stayers, &stayers, since, SOON)?;
    let view = stage.watch.views(stayer, since)?.first().context("no view event")?.clone();
    expect_types(
        &view.fields,
        &[
            ("/at", "text"),
            ("/epoch", "number"),
            ("/coordinator", "number"),
            ("/members", "list"),
            ("/joined", "list"),
            ("/left", "list"),
            ("/transitional", "list"),
            ("/reasons/0/node", "number"),
            ("/reasons/0/reason", "text"),
            ("/reasons/0/evidence", "text"),
        ],
    )?;
    ensure!(view.fields["left"][0] == leaver && view.fields["reasons"][0]["node"] == leaver);
    let quorum = stage.watch.events(stayer)?.into_iter().find(|e| e.event == "quorum");
    expect_types(&quorum.context("no quorum event")?.fields, &[("/quorate", "bool")])?;
    stage.cluster.node_mut(leaver)?.wait_exit(SOON)?;
    let last = stage.watch.events(leaver)?.last().map(|event| event.event.clone());
    ensure!(last.as_deref() == Some("shutdown"), "the last event of the leaver is {last:?}");

    // The text has the same, for people. The tool is killed: its end must not tidy anything up.
    std::thread::sleep(Duration::from_millis(500));
    text.kill()?;
    let told = said(&text.wait_with_output()?);
    expect_words(&told, &["view", "members", "quorate", &format!("left {leaver}")])
}

#[test]
fn a_report_has_everything_but_the_key() -> Result<()> {
    let _turn = turn::shared()?;
    let stage = Stage::new(&Scale::short(), 3)?;
    let node = stage.cluster.node(1)?;
    let archive = stage.cluster.lab().directory().join("report.tar");
    let path = archive.to_str().context("not UTF-8")?;
    node.tool_prints(&["report", "--output", path])?;

    let unpacked = stage.cluster.lab().directory().join("report");
    fs::create_dir(&unpacked)?;
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(&archive).arg("-C").arg(&unpacked);
    let output = bounded(&mut tar, SOON)?;
    ensure!(output.status.success(), "no archive: {}", said(&output));
    let mut everything = String::new();
    let mut names = String::new();
    for file in files_below(&unpacked)? {
        names.push_str(&file.to_string_lossy());
        names.push('\n');
        everything.push_str(&String::from_utf8_lossy(&fs::read(&file)?));
    }
    expect_words(&names, &["status", "event", "log", "conf"])?;
    expect_words(&everything, &["clusternode", "rejected_datagrams", "\"view\""])?;
    let key = fs::read_to_string(node.keyfile())?;
    let secret = key.split_whitespace().last().context("an empty key")?;
    ensure!(!everything.contains(secret), "the report holds the cluster's key");
    let mode = fs::metadata(&archive)?.permissions().mode() & 0o777;
    ensure!(mode & 0o007 == 0, "anybody may read the report: mode {mode:o}");
    Ok(())
}

fn files_below(directory: &std::path::Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

#[test]
fn a_sleeping_daemon_does_not_hang_its_tools() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster: Cluster = built::cluster(&Conf::new(1).token(500))?;
    cluster.node_mut(1)?.start()?;
    cluster.wait_formed(&[1], SOON)?;
    let node = cluster.node(1)?;
    node.pause()?;
    let outcome = refused(node.tool_command().arg("status"), 1, &["no answer"]);
    let timed = refused(node.tool_command().args(["wait", "-q", "-t", "1"]), 2, &[]);
    node.resume()?;
    outcome?;
    timed?;
    Ok(())
}
