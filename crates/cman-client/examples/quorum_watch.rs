//! Says when this node may act and when it may not, also across restarts of the daemon.

use cman_client::{
    Groups, Lease,
    groups::Incoming,
    ipc::{Event, paths},
};
use std::{
    error::Error,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

fn main() -> Result<(), Box<dyn Error>> {
    let run_dir = std::env::var_os(paths::RUN_DIR_ENV).unwrap_or_else(|| paths::RUN_DIR.into());
    let run_dir = PathBuf::from(run_dir);
    let mut cluster = Groups::open(&run_dir, "quorum_watch")?;
    loop {
        watch(&mut cluster, &run_dir, &mut io::stdout())?;
        cluster.reconnect(Duration::from_secs(3600))?;
        println!("connected again; what happened meanwhile is not known");
    }
}

/// Says what happens until the connection breaks.
pub(crate) fn watch(
    cluster: &mut Groups,
    run_dir: &Path,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    cluster.subscribe()?;
    let error = loop {
        match cluster.receive(None) {
            Ok(Some(Incoming::Cluster(event))) => show(&event.event, out)?,
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    writeln!(out, "{error}")?;
    // An event is old when it arrives; the lease is true at this moment.
    let may_act = Lease::open(run_dir).is_ok_and(|mut lease| lease.is_quorate());
    writeln!(out, "may this node act? {may_act}")?;
    Ok(())
}

fn show(event: &Event, out: &mut impl Write) -> io::Result<()> {
    match event {
        Event::View(view) => writeln!(out, "members: {:?}. {}", view.members, view.text),
        Event::Quorum(quorum) if quorum.quorate => writeln!(out, "may act: {}", quorum.text),
        Event::Quorum(quorum) => writeln!(out, "may not act: {}", quorum.text),
        Event::Shutdown(shutdown) => writeln!(out, "the daemon ends: {}", shutdown.text),
        _ => Ok(()),
    }
}
