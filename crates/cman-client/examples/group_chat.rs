//! A chat between all who run it, on all nodes: lines of standard input are sent, everything is
//! seen by everybody in the same order. `group_chat [GROUP]`

use cman_client::{
    groups::{GroupName, Incoming, tokio::Groups},
    ipc::{GroupEvent, paths},
};
use std::{error::Error, io, path::PathBuf, thread};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "chat".to_owned());
    let group = GroupName::new(name.as_bytes())?;
    let run_dir = std::env::var_os(paths::RUN_DIR_ENV).unwrap_or_else(|| paths::RUN_DIR.into());
    let mut groups = Groups::open(&PathBuf::from(run_dir), "group_chat").await?;
    groups.join(&group).await?;
    let mut lines = read_lines();
    loop {
        tokio::select! {
            incoming = groups.receive() => show(&incoming?),
            line = lines.recv() => match line {
                Some(line) => {
                    groups.send(&group, line.as_bytes(), false).await?;
                    groups.flush().await?;
                }
                None => return Ok(groups.leave(&group).await?),
            },
        }
    }
}

fn show(incoming: &Incoming) {
    match incoming {
        Incoming::Group(GroupEvent::Config(config)) => {
            for (process, reason) in &config.joined {
                println!("* {process} is here ({reason:?})");
            }
            for (process, reason) in &config.left {
                println!("* {process} is gone ({reason:?})");
            }
        }
        Incoming::Group(GroupEvent::Message(message)) => {
            println!("{}: {}", message.sender, message.payload.escape_ascii());
        }
        Incoming::Group(GroupEvent::Refused(refused)) => {
            eprintln!("not sent: {}", refused.error.text);
        }
        Incoming::Cluster(event) => eprintln!("{:?}", event.event),
    }
}

/// Standard input has no other way to be read without waiting than a thread.
fn read_lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(16);
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}
