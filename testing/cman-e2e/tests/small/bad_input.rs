//! Bad input: a clear error, exit code 1, nothing half-started.

use anyhow::{Context, Result, ensure};
use cman_e2e::{
    attempt::{bounded, expect_words, refused, refused_start, said},
    built,
    cluster::Cluster,
    conf::Conf,
    lab::Lab,
    turn,
};
use std::{
    fs,
    io::Write,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
    process::Command,
    thread::sleep,
    time::Duration,
};

/// Within this a start must have failed, when there is nothing to wait for.
const SOON: Duration = Duration::from_secs(10);

/// Within this a name that does not resolve must have been given up.
const NAME_GIVEN_UP: Duration = Duration::from_secs(45);

/// A lone node that would start if nothing were wrong.
fn lone_node() -> Result<Cluster> {
    built::cluster(&Conf::new(1).token(500))
}

fn with_config(cluster: &mut Cluster, text: &[u8], words: &[&str]) -> Result<String> {
    let node = cluster.node_mut(1)?;
    fs::write(node.config(), text)?;
    refused_start(node, words, SOON)
}

#[test]
fn configurations_that_cannot_be_used() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = lone_node()?;
    let good = fs::read_to_string(cluster.node(1)?.config())?;
    let path = cluster.node(1)?.config();
    let name = path.to_str().context("not UTF-8")?;

    with_config(&mut cluster, b"", &["CM0001", "empty", name])?;
    with_config(&mut cluster, b" \n\t\n", &["empty"])?;
    with_config(&mut cluster, b"<cluster name=\"a\" config_version=\"1\"", &["CM0004", name])?;
    with_config(&mut cluster, b"just a sentence", &["CM0004"])?;
    with_config(&mut cluster, b"\x7fELF\x02\x01\x01\x00\xff\xfe\x00\x80", &["CM0003"])?;
    with_config(
        &mut cluster,
        b"<?xml version=\"1.0\"?>\n<html/>\n",
        &["CM0006", "html", "cluster"],
    )?;
    let entities = b"<!DOCTYPE c [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><cluster/>";
    with_config(&mut cluster, entities, &["CM0005"])?;
    let mut huge = good.clone().into_bytes();
    huge.resize(64 << 20, b' ');
    with_config(&mut cluster, &huge, &["CM0002"])?;
    let deep = "<a>".repeat(500_000);
    with_config(&mut cluster, deep.as_bytes(), &[name])?;

    // What fails must also not have been remembered anywhere.
    fs::write(&path, &good)?;
    cluster.node_mut(1)?.start()?;
    cluster.wait_formed(&[1], SOON)?;
    Ok(())
}

#[test]
fn all_problems_of_a_file_are_told_together() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = lone_node()?;
    let text = "<?xml version=\"1.0\"?>\n\
        <cluster name=\"a cluster with a very long name\" config_version=\"zero\">\n\
        <clusternodes>\n\
        <clusternode name=\"n1\" nodeid=\"1\" votes=\"many\"/>\n\
        <clusternode name=\"n2\" nodeid=\"1\"/>\n\
        <clusternode name=\"n3\"/>\n\
        </clusternodes>\n\
        <totem token=\"5\"/>\n\
        </cluster>\n";
    let codes = ["CM0204", "CM0201", "CM0301", "CM0104", "CM0202"];
    let said = with_config(&mut cluster, text.as_bytes(), &codes)?;
    for place in [":2:", ":4:", ":5:", ":6:", ":8:"] {
        ensure!(said.contains(place), "no line number {place} in\n{said}");
    }
    expect_words(&said, &["\"many\"", "\"5\"", "zero"])
}

#[test]
fn files_that_are_not_there_or_not_files() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = lone_node()?;
    let node = cluster.node_mut(1)?;
    let (config, key) = (node.config(), node.keyfile());
    let (good, secret) = (fs::read(&config)?, fs::read(&key)?);

    fs::remove_file(&config)?;
    refused_start(node, &["cluster.conf", "no such file", "--config"], SOON)?;
    fs::create_dir(&config)?;
    refused_start(node, &["cluster.conf", "directory"], SOON)?;
    fs::remove_dir(&config)?;
    symlink(&config, &config)?;
    refused_start(node, &["cluster.conf"], SOON)?;
    fs::remove_file(&config)?;
    fs::write(&config, good)?;

    fs::remove_file(&key)?;
    refused_start(node, &["cman.key", "keygen"], SOON)?;
    for content in [&b""[..], b"cman-key-1 1234\n", b"\xff\x00\xff\x00", &[b'a'; 1 << 20]] {
        write_private(&key, content)?;
        let said = refused_start(node, &["cman.key"], SOON)?;
        ensure!(!said.contains("1234"), "it shows the key:\n{said}");
    }
    write_private(&key, &secret)?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644))?;
    refused_start(node, &["cman.key", "chmod 600"], SOON)?;
    Ok(())
}

fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o600))?)
}

#[test]
fn what_is_only_strange_is_a_warning_with_a_suggestion() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = lone_node()?;
    let node = cluster.node_mut(1)?;
    let good = fs::read_to_string(node.config())?;
    let strange = good
        .replace("</cluster>", "<rm/><clusternods/></cluster>")
        .replace("nodeid=\"1\"", "nodeid=\"1\" vote=\"1\"");
    node.configure_text(&strange)?;
    node.start()?;
    cluster.wait_formed(&[1], SOON)?;
    let log = cluster.node(1)?.log();
    expect_words(&log, &["CM0101", "clusternods", "clusternodes", "CM0102", "`vote`", "`votes`"])
}

#[test]
fn names_that_lead_nowhere() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = built::cluster(&Conf::new(2).token(500))?;
    let (one, two) = (Lab::address(1), Lab::address(2));

    // The own name as loopback: Debian's installer does that.
    cluster.lab().write_hosts(1, &format!("127.0.0.1 localhost\n127.0.1.1 n1\n{two} n2\n"))?;
    let loopback = ["n1", "127.0.1.1", "loopback", "/etc/hosts"];
    refused_start(cluster.node_mut(1)?, &loopback, SOON)?;

    // The own name as an address of somebody else.
    cluster.lab().write_hosts(1, &format!("127.0.0.1 localhost\n10.77.0.99 n1\n{two} n2\n"))?;
    refused_start(cluster.node_mut(1)?, &["n1", "10.77.0.99", "interface"], NAME_GIVEN_UP)?;

    // A peer that does not resolve is a warning, and its address is learnt from what it sends.
    cluster.lab().write_hosts(1, &format!("127.0.0.1 localhost\n{one} n1\n"))?;
    cluster.node_mut(1)?.start()?;
    cluster.node_mut(2)?.start()?;
    cluster.wait_formed(&[1, 2], Duration::from_secs(20))?;
    expect_words(&cluster.node(1)?.log(), &["n2", "resolve"])
}

#[test]
fn an_own_name_that_does_not_resolve() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = lone_node()?;
    cluster.lab().write_hosts(1, "127.0.0.1 localhost\n")?;
    refused_start(cluster.node_mut(1)?, &["n1", "resolve", "/etc/hosts"], NAME_GIVEN_UP)?;

    // It may come late: the machine may still be booting.
    let node = cluster.node_mut(1)?;
    fs::write(node.log_file(), "")?;
    node.start()?;
    sleep(Duration::from_secs(2));
    ensure!(node.is_running(), "it did not wait for its name:\n{}", node.log());
    let address = Lab::address(1);
    // `ip netns exec` has bound the file itself over /etc/hosts, so it is changed in place.
    let hosts = Path::new("/etc/netns").join(cluster.lab().namespace(1)).join("hosts");
    fs::File::options()
        .append(true)
        .open(hosts)?
        .write_all(format!("{address} n1\n").as_bytes())?;
    cluster.wait_formed(&[1], SOON)?;
    Ok(())
}

#[test]
fn places_that_are_taken() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = lone_node()?;
    cluster.node_mut(1)?.start()?;
    cluster.wait_formed(&[1], SOON)?;
    let programs = built::programs()?;
    let (run, other) = (cluster.node(1)?.run_dir(), cluster.lab().directory().join("other"));
    let second = |run_dir: &Path, state_dir: &Path| -> Result<Command> {
        let node = cluster.node(1)?;
        let mut command = cluster.lab().command(1, &programs.cmand);
        command.args(["--foreground", "--name", "n1", "--config"]).arg(node.config());
        command.arg("--keyfile").arg(node.keyfile());
        command.arg("--run-dir").arg(run_dir).arg("--state-dir").arg(state_dir);
        Ok(command)
    };
    // The run directory, the state directory, the port.
    refused(&mut second(&run, &other.join("state"))?, 1, &[run.to_str().context("UTF-8")?])?;
    refused(&mut second(&other.join("run"), &cluster.node(1)?.state_dir())?, 1, &["state"])?;
    let port = ["5405", "in use"];
    refused(&mut second(&other.join("run"), &other.join("state"))?, 1, &port)?;
    cman_e2e::attempt::expect_nothing_left(&other.join("run"))?;

    // The first one has not suffered.
    let status = cluster.node(1)?.status()?;
    ensure!(status.is_formed(&[1]), "the first daemon suffered: {:?}", status.raw);
    Ok(())
}

#[test]
fn sockets_that_somebody_left() -> Result<()> {
    let _turn = turn::shared()?;
    let mut cluster = lone_node()?;
    let node = cluster.node_mut(1)?;
    let socket = node.run_dir().join("cman.sock");

    // A socket without a daemon: the tool says so, a new daemon replaces it.
    drop(UnixListener::bind(&socket)?);
    refused(node.tool_command().arg("status"), 1, &["not running", "cman_tool join"])?;
    node.start()?;
    cluster.wait_formed(&[1], SOON)?;

    // A killed daemon leaves its own.
    cluster.node_mut(1)?.kill()?;
    ensure!(fs::exists(&socket)?, "kill -9 left no socket: this tests nothing");
    refused(cluster.node(1)?.tool_command().arg("status"), 1, &["not running"])?;
    cluster.node_mut(1)?.start()?;
    cluster.wait_formed(&[1], SOON)?;
    cluster.node_mut(1)?.stop(SOON)?;

    // Something that is no socket is not ours to remove.
    let node = cluster.node_mut(1)?;
    fs::write(&socket, "precious")?;
    fs::write(node.log_file(), "")?;
    node.start()?;
    let status = node.wait_exit(SOON)?;
    ensure!(status.code() == Some(1), "it ended with {status}: {}", node.log());
    expect_words(&node.log(), &["cman.sock"])?;
    Ok(())
}

/// A program as a user with no rights at all.
fn as_nobody(lab: &Lab, program: &Path) -> Command {
    let mut command = lab.command(1, "setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]);
    command.arg("--inh-caps=-all").arg("--bounding-set=-all").arg(program);
    command
}

#[test]
fn no_permission() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = lone_node()?;
    let programs = built::programs()?;
    let programs = reachable_copies(&cluster, &programs)?;
    let node = cluster.node(1)?;
    let daemon = |run_dir: &Path, state_dir: &Path| {
        let mut command = as_nobody(cluster.lab(), &programs.cmand);
        command.args(["--foreground", "--name", "n1", "--config"]).arg(node.config());
        command.arg("--keyfile").arg(node.keyfile());
        command.arg("--run-dir").arg(run_dir).arg("--state-dir").arg(state_dir);
        command
    };
    // The key is for root only.
    refused(&mut daemon(&node.run_dir(), &node.state_dir()), 1, &["cman.key", "permission"])?;
    own(&node.keyfile())?;
    // The directories belong to root.
    let said = refused(&mut daemon(&node.run_dir(), &node.state_dir()), 1, &["permission"])?;
    ensure!(said.contains("run") || said.contains("state"), "it does not say where:\n{said}");
    own(&node.state_dir())?;
    own(&node.run_dir())?;
    cman_e2e::attempt::expect_nothing_left(&node.run_dir())?;

    // With directories and key of its own it runs, and says honestly what it could not have.
    let mut command = daemon(&node.run_dir(), &node.state_dir());
    let log = fs::File::create(node.log_file())?;
    command.stderr(log.try_clone()?).stdout(log);
    let mut child = command.spawn()?;
    let formed = cluster.wait_formed(&[1], SOON);
    let warned = expect_words(&cluster.node(1)?.log(), &["priority", "lock"]);
    // The tool of another user may look, perhaps, but may not end the cluster.
    let stranger = Path::new("/usr/bin/setpriv");
    let mut tool = cluster.lab().command(1, stranger);
    tool.args(["--reuid=65533", "--regid=65533", "--clear-groups"]).arg(&programs.cman_tool);
    tool.arg("--run-dir").arg(cluster.node(1)?.run_dir()).arg("leave");
    let forbidden = refused(&mut tool, 1, &["permitted"]);
    child.kill()?;
    child.wait()?;
    formed?;
    warned?;
    forbidden?;
    Ok(())
}

/// The programs where anybody may run them.
fn reachable_copies(
    cluster: &Cluster,
    programs: &cman_e2e::node::Programs,
) -> Result<cman_e2e::node::Programs> {
    let directory = cluster.lab().directory().join("bin");
    fs::create_dir_all(&directory)?;
    fs::copy(&programs.cmand, directory.join("cmand"))?;
    fs::copy(&programs.cman_tool, directory.join("cman_tool"))?;
    cman_e2e::node::Programs::in_directory(&directory)
}

fn own(path: &Path) -> Result<()> {
    Ok(std::os::unix::fs::chown(path, Some(65534), Some(65534))?)
}

#[test]
fn wrong_usage() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = lone_node()?;
    let programs = built::programs()?;
    for arguments in [&["--nonsense"][..], &["--log-level", "loud"], &["stray"], &["--run-dir"]] {
        let mut command = cluster.lab().command(1, &programs.cmand);
        refused(command.args(arguments), 1, &[])?;
    }
    let mut command = cluster.lab().command(1, &programs.cmand);
    command.args(["--foreground", "--name", "n9", "--config"]).arg(cluster.node(1)?.config());
    refused(&mut command, 1, &["n9", "n1", "--name"])?;
    let help = bounded(cluster.lab().command(1, &programs.cmand).arg("--help"), SOON)?;
    ensure!(help.status.success(), "--help failed: {}", said(&help));
    Ok(())
}
