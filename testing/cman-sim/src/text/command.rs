//! The commands of text scenarios. Their table is in [`super`].

use core::time::Duration;

use super::words;
use crate::{
    triggers::{Blow, Point},
    world::script::Loss,
};

/// A command. Hosts count from 0, nodes in the text from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Begin { count: usize, started: bool, seed: u64 },
    Newer(usize),
    Config { host: usize, version: u64 },
    Start(Vec<usize>),
    Crash(Vec<usize>),
    Stall(usize, Duration),
    Leave { host: usize, remove: bool },
    Kill { host: usize, target: usize },
    Dirty(Vec<usize>),
    Send { host: usize, count: usize, size: usize, safe: bool },
    Drop(Vec<Loss>),
    Pass,
    Strike(Blow, Point),
    Trace(Vec<String>),
    Ignore(Vec<String>),
    Run(Duration),
    Await { hosts: Vec<usize>, within: Duration },
    ShowViews,
    ShowDelivered,
}

/// How long `await` waits if nothing is said.
const WITHIN: Duration = Duration::from_secs(30);

/// How long a proposer is cut off or stalled.
const BLOW: Duration = Duration::from_secs(3);

impl Command {
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [word @ ("nodes" | "hosts"), count, seed @ ..] => begin(*word == "nodes", count, seed),
            ["newer", node] => host(node).map(Self::Newer),
            ["config", node, version] => {
                Ok(Self::Config { host: host(node)?, version: count_of(version)? })
            }
            ["start", nodes @ ..] => hosts(nodes).map(Self::Start),
            ["crash", nodes @ ..] => hosts(nodes).map(Self::Crash),
            ["stall", node, time] => Ok(Self::Stall(host(node)?, span(time)?)),
            ["leave", node] => Ok(Self::Leave { host: host(node)?, remove: false }),
            ["remove", node] => Ok(Self::Leave { host: host(node)?, remove: true }),
            ["kill", node, target] => Ok(Self::Kill { host: host(node)?, target: host(target)? }),
            ["dirty", nodes @ ..] => hosts(nodes).map(Self::Dirty),
            ["send", node, options @ ..] => send(host(node)?, options),
            ["drop", path, kinds @ ..] => losses(path, &known(kinds)?, false).map(Self::Drop),
            ["hold", path, kinds @ ..] => losses(path, &known(kinds)?, true).map(Self::Drop),
            ["split", sides @ ..] => split(sides).map(Self::Drop),
            ["pass"] => Ok(Self::Pass),
            ["strike", blow, "at", point] => {
                Ok(Self::Strike(named_blow(blow)?, named_point(point)?))
            }
            ["trace", kinds @ ..] => known(kinds).map(Self::Trace),
            ["ignore", kinds @ ..] => known(kinds).map(Self::Ignore),
            ["run", time] => span(time).map(Self::Run),
            ["await", nodes @ .., "within", time] => {
                Ok(Self::Await { hosts: hosts(nodes)?, within: span(time)? })
            }
            ["await", nodes @ ..] => Ok(Self::Await { hosts: hosts(nodes)?, within: WITHIN }),
            ["show", "views"] => Ok(Self::ShowViews),
            ["show", "delivered"] => Ok(Self::ShowDelivered),
            _ => Err(format!("`{line}` is no command: see testing/cman-sim/src/text/mod.rs")),
        }
    }
}

fn number(word: &str) -> Result<usize, String> {
    word.parse().map_err(|_| format!("a number expected, not `{word}`"))
}

fn count_of(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("a number expected, not `{word}`"))
}

fn host(word: &str) -> Result<usize, String> {
    number(word)?.checked_sub(1).ok_or_else(|| "nodes count from 1".to_owned())
}

fn hosts(words: &[&str]) -> Result<Vec<usize>, String> {
    if words.is_empty() {
        return Err("at least one node expected".to_owned());
    }
    words.iter().map(|word| host(word)).collect()
}

fn span(word: &str) -> Result<Duration, String> {
    let wrong = || format!("a time like 500ms or 2s expected, not `{word}`");
    let parse = |digits: &str| digits.parse::<u64>().map_err(|_| wrong());
    if let Some(digits) = word.strip_suffix("ms") {
        return parse(digits).map(Duration::from_millis);
    }
    parse(word.strip_suffix('s').ok_or_else(wrong)?).map(Duration::from_secs)
}

fn begin(started: bool, count: &str, seed: &[&str]) -> Result<Command, String> {
    let seed = match seed {
        [] => 1,
        ["seed", seed] => count_of(seed)?,
        _ => return Err("a number of nodes expected, and perhaps `seed N`".to_owned()),
    };
    Ok(Command::Begin { count: number(count)?, started, seed })
}

fn send(host: usize, options: &[&str]) -> Result<Command, String> {
    let (mut count, mut size, mut safe) = (1, 50, false);
    for option in options {
        match option.split_once('=') {
            Some(("count", value)) => count = number(value)?,
            Some(("size", value)) => size = number(value)?,
            None if *option == "safe" => safe = true,
            _ => return Err(format!("count=, size= or safe expected, not `{option}`")),
        }
    }
    Ok(Command::Send { host, count, size, safe })
}

/// Kinds of frames that exist.
fn known(kinds: &[&str]) -> Result<Vec<String>, String> {
    let known = |kind: &&str| match words::ALL.contains(kind) {
        true => Ok((*kind).to_owned()),
        false => Err(format!("no frame is called {kind}; there are {}", words::ALL.join(", "))),
    };
    kinds.iter().map(known).collect()
}

fn losses(path: &str, kinds: &[String], held: bool) -> Result<Vec<Loss>, String> {
    let (from, to) = path.split_once("->").ok_or_else(|| format!("A->B expected, not `{path}`"))?;
    let end = |word: &str| if word == "*" { Ok(None) } else { host(word).map(Some) };
    let loss = |kind| Ok(Loss { from: end(from)?, to: end(to)?, kind, held });
    if kinds.is_empty() {
        return loss(None).map(|loss| vec![loss]);
    }
    kinds.iter().map(|kind| loss(Some(kind.clone()))).collect()
}

fn split(words: &[&str]) -> Result<Vec<Loss>, String> {
    let sides: Vec<_> =
        words.split(|word| *word == "|").map(hosts).collect::<Result<_, String>>()?;
    let mut losses = Vec::new();
    for (at, side) in sides.iter().enumerate() {
        let others = sides.iter().enumerate().filter(|(other, _)| *other != at);
        for to in others.flat_map(|(_, other)| other) {
            let loss =
                |from: &usize| Loss { from: Some(*from), to: Some(*to), kind: None, held: false };
            losses.extend(side.iter().map(loss));
        }
    }
    Ok(losses)
}

fn named_blow(word: &str) -> Result<Blow, String> {
    Ok(match word {
        "crash" => Blow::Crash { back_after: None },
        "stall" => Blow::Stall(BLOW),
        "cutoff" => Blow::CutOff(BLOW),
        "mute" => Blow::Mute(BLOW),
        "deafen" => Blow::Deafen(BLOW),
        _ => return Err(format!("crash, stall, cutoff, mute or deafen expected, not `{word}`")),
    })
}

fn named_point(word: &str) -> Result<Point, String> {
    let found = Point::ALL.into_iter().find(|point| format!("{point:?}") == word);
    found.ok_or_else(|| format!("one of {:?} expected, not `{word}`", Point::ALL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let read = |line| Command::parse(line).unwrap();
        let begin = |started, seed| Command::Begin { count: 3, started, seed };
        assert_eq!(read("nodes 3"), begin(true, 1));
        assert_eq!(read("hosts 3 seed 7"), begin(false, 7));
        assert_eq!(read("crash 1 3"), Command::Crash(vec![0, 2]));
        assert_eq!(read("stall 2 500ms"), Command::Stall(1, Duration::from_millis(500)));
        let send = Command::Send { host: 0, count: 2, size: 9, safe: true };
        assert_eq!(read("send 1 count=2 size=9 safe"), send);
        let loss = |from, to, kind: Option<&str>| Loss {
            from,
            to,
            kind: kind.map(str::to_owned),
            held: false,
        };
        let data = vec![loss(Some(0), None, Some("Data"))];
        assert_eq!(read("drop 1->* Data"), Command::Drop(data));
        let both = vec![loss(Some(0), Some(1), None), loss(Some(1), Some(0), None)];
        assert_eq!(read("split 1 | 2"), Command::Drop(both));
        let within = Duration::from_secs(5);
        assert_eq!(read("await 1 2 within 5s"), Command::Await { hosts: vec![0, 1], within });
    }

    #[test]
    fn what_is_wrong_is_told() {
        let told = |line| Command::parse(line).unwrap_err();
        assert!(told("jump 1").contains("`jump 1` is no command"));
        assert!(told("run 5").contains("500ms or 2s"));
        assert!(told("crash").contains("at least one node"));
        assert!(told("start 0").contains("count from 1"));
        assert!(told("drop 1->2 Date").contains("no frame is called Date"));
        assert!(told("strike crash at Lunch").contains("Proposes"));
        assert!(told("send 1 twice").contains("count="));
    }
}
