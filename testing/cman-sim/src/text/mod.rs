//! Text scenarios: commands to a simulated cluster, and below each what it is expected to do. One
//! file shows some rules of the specification; `testing/cman-sim/scenarios` holds them.
//!
//! `REWRITE=1 cargo test -p cman-sim text` writes what happens into the files instead of comparing
//! it. Read the difference before committing it: each line of it is a change of the protocol.
//!
//! | command | what it does |
//! |---|---|
//! | `nodes N [seed S]` | a cluster of N nodes, started, whole and quiet; the seed decides chance |
//! | `hosts N` | the same, with no node started |
//! | `newer N` | from its next start on, the node says that it speaks the next wire version as well |
//! | `config N V` | from its next start on, the node has this version of the configuration |
//! | `start N ..`, `crash N ..` | starts daemons; kills them |
//! | `stall N SPAN` | the node processes nothing for so long |
//! | `leave N`, `remove N`, `kill N M` | the node leaves; gives up its votes as well; puts another one out |
//! | `dirty N ..` | clients of these nodes carry state from now on |
//! | `send N [count=C] [size=S] [safe]` | the node sends messages |
//! | `drop A->B [KIND ..]` | datagrams with such frames, or all, are lost; `*` is any node |
//! | `hold A->B [KIND ..]` | the same, but they arrive when everything passes again |
//! | `split N .. \| M ..` | nothing passes between the sides |
//! | `pass` | everything passes again, and what was held back arrives |
//! | `strike BLOW at POINT` | the next proposer is hit: `crash`, `cutoff`, `mute`, `deafen` or `stall`; for the points see [`crate::triggers::Point`] |
//! | `trace KIND ..`, `ignore KIND ..` | such frames are written down, or not any more |
//! | `run SPAN` | time passes |
//! | `await N .. [within SPAN]` | time passes until these are in a view of their own |
//! | `show views`, `show delivered` | who is in which view; what was delivered since it was shown last |

mod command;
mod file;
mod player;
#[cfg(test)]
mod tests;
pub mod words;

pub use file::{Block, File};

/// Plays a scenario from its beginning; the same with what it wrote.
///
/// # Errors
/// A sentence, with the line, about a command that cannot be carried out.
pub fn play(file: &File) -> Result<File, String> {
    let mut player = player::Player::default();
    let mut played = file.clone();
    for block in &mut played.blocks {
        block.expected.clear();
        for (line, command) in (block.line..).zip(&block.commands) {
            let command = command::Command::parse(command)
                .map_err(|error| format!("line {line}: {error}"))?;
            let wrote = player.play(&command).map_err(|error| format!("line {line}: {error}"))?;
            block.expected.extend(wrote);
        }
    }
    Ok(played)
}
