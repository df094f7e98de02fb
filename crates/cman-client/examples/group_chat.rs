//! A chat between all who run it, on all nodes: lines of standard input are sent, everything is
//! seen by everybody in the same order. `group_chat [GROUP]`

use cman_client::{
    groups::{GroupName, Incoming, tokio::Groups},
    ipc::{GroupEvent, paths},
};
use std::{
    error::Error,
    io::{self, Write},
    path::PathBuf,
    thread,
};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "chat".to_owned());
    let run_dir = std::env::var_os(paths::RUN_DIR_ENV).unwrap_or_else(|| paths::RUN_DIR.into());
    let groups = Groups::open(&PathBuf::from(run_dir), "group_chat").await?;
    chat(groups, &GroupName::new(name.as_bytes())?, read_lines(), &mut io::stdout()).await
}

/// Shows which groups there are; says the lines, and shows what is said, until there are no more
/// lines and all has come back.
pub(crate) async fn chat(
    mut groups: Groups,
    group: &GroupName,
    mut lines: mpsc::Receiver<String>,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    for listed in groups.list().await? {
        let members: Vec<String> = listed.members.iter().map(ToString::to_string).collect();
        writeln!(out, "* in {}: {}", listed.group.as_bytes().escape_ascii(), members.join(" "))?;
    }
    groups.join(group).await?;
    let mut more = true;
    while more || groups.unconfirmed() > 0 {
        tokio::select! {
            incoming = groups.receive() => show(&incoming?, out)?,
            line = lines.recv(), if more => match line {
                Some(line) => {
                    groups.send(group, line.as_bytes(), false).await?;
                    groups.flush().await?;
                }
                None => more = false,
            },
        }
    }
    Ok(groups.leave(group).await?)
}

fn show(incoming: &Incoming, out: &mut impl Write) -> io::Result<()> {
    match incoming {
        Incoming::Group(GroupEvent::Config(config)) => {
            for (process, reason) in &config.joined {
                writeln!(out, "* {process} is here ({reason:?})")?;
            }
            for (process, reason) in &config.left {
                writeln!(out, "* {process} is gone ({reason:?})")?;
            }
            Ok(())
        }
        Incoming::Group(GroupEvent::Message(message)) => {
            writeln!(out, "{}: {}", message.sender, message.payload.escape_ascii())
        }
        Incoming::Group(GroupEvent::Refused(refused)) => {
            writeln!(out, "not sent: {}", refused.error.text)
        }
        Incoming::Cluster(event) => writeln!(out, "{:?}", event.event),
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
