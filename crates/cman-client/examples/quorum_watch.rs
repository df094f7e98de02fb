//! Says when this node may act and when it may not, also across restarts of the daemon.

use cman_client::{
    Groups, Lease,
    groups::Incoming,
    ipc::{Event, paths},
};
use std::{error::Error, path::PathBuf, time::Duration};

fn main() -> Result<(), Box<dyn Error>> {
    let run_dir = std::env::var_os(paths::RUN_DIR_ENV).unwrap_or_else(|| paths::RUN_DIR.into());
    let run_dir = PathBuf::from(run_dir);
    let mut cluster = Groups::open(&run_dir, "quorum_watch")?;
    loop {
        cluster.subscribe()?;
        let error = loop {
            match cluster.receive(None) {
                Ok(Some(Incoming::Cluster(event))) => show(&event.event),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        println!("{error}");
        // An event is old when it arrives; the lease is true at this moment.
        let may_act = Lease::open(&run_dir).is_ok_and(|mut lease| lease.is_quorate());
        println!("may this node act? {may_act}");
        cluster.reconnect(Duration::from_secs(3600))?;
        println!("connected again; what happened meanwhile is not known");
    }
}

fn show(event: &Event) {
    match event {
        Event::View(view) => println!("members: {:?}. {}", view.members, view.text),
        Event::Quorum(quorum) if quorum.quorate => println!("may act: {}", quorum.text),
        Event::Quorum(quorum) => println!("may not act: {}", quorum.text),
        Event::Shutdown(shutdown) => println!("the daemon ends: {}", shutdown.text),
        _ => {}
    }
}
