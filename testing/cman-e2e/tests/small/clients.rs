//! Client sockets with strange people at either end.

use anyhow::{Result, ensure};
use cman_e2e::{
    attempt::{expect_words, refused},
    built,
    cases::{Scale, Stage},
    cluster::now_ns,
    conf::Conf,
    node::Node,
    random::Random,
    turn,
    watch::Changes,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread::{sleep, spawn},
    time::{Duration, Instant},
};

/// A daemon that is well answers within this, on a busy machine too.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// Clients that connect and never say a word: more than there is room for.
const SILENT_CLIENTS: usize = 4200;

#[test]
fn the_daemon_survives_its_clients() -> Result<()> {
    let _turn = turn::shared()?;
    let stage = Stage::new(&Scale::short(), 3)?;
    let node = stage.cluster.node(stage.coordinator()?)?;
    let (run_dir, since) = (node.run_dir(), now_ns());
    let mut random = Random::new(1);
    for socket in ["cman.sock", "admin.sock"].map(|name| run_dir.join(name)) {
        for _ in 0..50 {
            let size = random.place(4000);
            talk(&socket, &random.bytes(size))?;
        }
        // Lengths that promise more than there is, each kind of message, nothing in it.
        for kind in 0..64_u16 {
            for length in [0, 1, 0x00ff_ffff, u32::MAX] {
                let mut frame = length.to_le_bytes().to_vec();
                frame.extend(kind.to_le_bytes());
                frame.extend(1_u16.to_le_bytes());
                talk(&socket, &frame)?;
            }
        }
        // One byte at a time, and then gone.
        let mut slow = UnixStream::connect(&socket)?;
        for byte in [4, 0, 0, 0, 1] {
            // The daemon may have had enough.
            let _ = slow.write_all(&[byte]);
        }
    }

    // On a busy machine the first may be let go for their silence before the last has come.
    take_all_places(node).or_else(|_| take_all_places(node)).or_else(|_| take_all_places(node))?;
    // Those who are gone make room; until then the daemon may turn others away.
    let asked = Instant::now();
    let status = loop {
        match node.status() {
            Ok(status) => break status,
            Err(error) if asked.elapsed() >= ANSWER_MAX => return Err(error),
            Err(_) => sleep(Duration::from_millis(50)),
        }
    };
    ensure!(status.is_formed(&[1, 2, 3]), "the cluster suffered: {:?}", status.view);
    let changes = stage.watch.most_changes(&stage.all, since)?;
    ensure!(changes == Changes::default(), "the cluster suffered: {changes:?}");
    Ok(())
}

/// As many silent clients as there may be, and more: who finds no room hears that, and
/// administrators find room.
fn take_all_places(node: &Node) -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    let socket = node.run_dir().join("cman.sock");
    let silent: Vec<_> =
        (0..SILENT_CLIENTS).map_while(|_| UnixStream::connect(&socket).ok()).collect();
    ensure!(silent.len() > 10, "only {} clients may connect at once", silent.len());
    let mut late = UnixStream::connect(&socket)?;
    late.set_read_timeout(Some(ANSWER_MAX))?;
    let mut told = Vec::new();
    late.read_to_end(&mut told)?;
    expect_words(&String::from_utf8_lossy(&told), &["too many clients"])?;
    // The tool is run by one.
    node.tool_prints(&["status"])?;
    refused(node.tool_command().args(["kill", "-n", "nobody"]), 1, &["no node nobody"])?;
    Ok(())
}

/// Says something and does not wait for an answer for long.
fn talk(socket: &Path, words: &[u8]) -> Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_millis(1)))?;
    // The daemon may hang up in the middle, and may or may not answer.
    let _ = stream.write_all(words);
    let _ = stream.read(&mut [0; 64]);
    Ok(())
}

#[test]
fn a_client_that_never_listens_hurts_only_itself() -> Result<()> {
    let _turn = turn::shared()?;
    let mut stage = Stage::new(&Scale { token_ms: Some(500), ..Scale::short() }, 3)?;
    let node = stage.cluster.node(1)?;
    let mut deaf = node.tool_command();
    let mut deaf = deaf.args(["events", "--json"]).stdout(std::process::Stdio::piped()).spawn()?;
    // It has subscribed, and then it sleeps with its socket full.
    sleep(Duration::from_millis(500));
    let pid = rustix::process::Pid::from_child(&deaf);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP)?;
    let outcome = (1..=3).try_for_each(|_| {
        stage.cluster.node_mut(3)?.stop(Duration::from_secs(10))?;
        stage.restore(&[3])
    });
    let asked = Instant::now();
    let status = stage.cluster.node(1)?.status();
    let took = asked.elapsed();
    deaf.kill()?;
    deaf.wait()?;
    outcome?;
    ensure!(status?.is_formed(&[1, 2, 3]) && took < ANSWER_MAX, "the answer took {took:?}");
    Ok(())
}

#[test]
fn the_tool_survives_what_calls_itself_a_daemon() -> Result<()> {
    let _turn = turn::shared()?;
    let cluster = built::cluster(&Conf::new(1))?;
    let node = cluster.node(1)?;
    static OVER: AtomicBool = AtomicBool::new(false);
    let socket = node.run_dir().join("cman.sock");
    let listener = UnixListener::bind(&socket)?;
    let impostor = spawn(move || {
        let mut random = Random::new(2);
        while !OVER.load(Ordering::Relaxed) {
            let Ok((mut client, _)) = listener.accept() else { return };
            let size = random.place(2000);
            // The tool may hang up first.
            let _ = client.write_all(&random.bytes(size));
        }
    });
    let mut outcome = Ok(());
    for verb in [&["status"][..], &["nodes"], &["version"], &["wait", "-t", "2"], &["events"]] {
        let said = refused(node.tool_command().args(verb), 1, &[]);
        outcome = outcome.and(said.map(drop));
    }
    OVER.store(true, Ordering::Relaxed);
    drop(UnixStream::connect(&socket)?);
    ensure!(impostor.join().is_ok(), "the impostor panicked");
    outcome
}
