//! Registers a barrier for a number of nodes and waits there: a client to be killed.
//!
//! `wait_at_barrier RUN_DIR NAME NODES` prints `waiting` when it has registered, and `passed` when
//! all have come.

use anyhow::{Context, Result, bail};
use cman_client::{
    Socket,
    calls::Calls,
    ipc::{ClassicRequest, Request},
};
use cman_types::BarrierName;
use std::path::Path;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [run_dir, name, nodes] = arguments.as_slice() else {
        bail!("usage: wait_at_barrier RUN_DIR NAME NODES");
    };
    let name = BarrierName::new(name.as_bytes())?;
    let nodes = nodes.parse().context("NODES is no number")?;
    let calls = Calls::open(Path::new(run_dir), Socket::Public, "wait_at_barrier")?;
    let register = ClassicRequest::BarrierRegister { name: name.clone(), flags: 0, nodes };
    calls.ask(Request::Classic(register))?;
    println!("waiting");
    calls.ask(Request::Classic(ClassicRequest::BarrierWait { name }))?;
    println!("passed");
    Ok(())
}
