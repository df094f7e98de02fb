//! What a node was made with, as it stands in a recording: one `name value` on each line.

use cman_node::{Peer, Setup};
use cman_types::{Epoch, Incarnation, NodeId, Salt};
use core::{fmt::Write as _, str::FromStr, time::Duration};

/// A setup, and what else a replay must know.
#[derive(Clone, Debug)]
pub struct Described {
    /// The release that recorded.
    pub release: String,
    /// Whether datagrams are encrypted.
    pub encrypted: bool,
    /// The number that names the cluster's key in clear headers.
    pub key_id: u8,
    /// Whether outputs are recorded too.
    pub outputs: bool,
    /// What the node was made with.
    pub setup: Setup,
}

/// Why a setup cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SetupError {
    /// A line is missing.
    #[error("its setup does not say `{0}`")]
    Missing(&'static str),
    /// A value is not what it should be.
    #[error("its setup says `{name} {value}`, which is not possible")]
    Value {
        /// The line's name.
        name: &'static str,
        /// Its value.
        value: String,
    },
}

impl Described {
    /// As text. Keys are not part of a setup, and so of no recording.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { release, encrypted, key_id, outputs, setup } = self;
        let mut text = String::new();
        let salt = setup.salt.0.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let ceiling = setup.epoch_ceiling.map_or("none".to_owned(), |epoch| epoch.to_string());
        let mut line = |name: &str, value: &dyn core::fmt::Display| {
            // Writing to a string cannot fail.
            let _never = writeln!(text, "{name} {value}");
        };
        line("release", release);
        line("encrypted", encrypted);
        line("key_id", key_id);
        line("outputs", outputs);
        line("me", &setup.me);
        line("incarnation", &setup.incarnation.0);
        line("salt", &salt);
        line("seed", &setup.seed);
        line("address", &setup.address);
        line("cluster_name", &setup.cluster_name);
        line("cluster_id", &setup.cluster_id);
        line("config_version", &setup.config_version);
        line("expected_votes", &setup.expected_votes);
        line("two_node", &setup.two_node);
        line("wait_for_all", &setup.wait_for_all);
        line("token_ns", &setup.token.as_nanos());
        line("multicast", &setup.multicast);
        line("wire_version_min", &setup.wire_versions.0);
        line("wire_version_max", &setup.wire_versions.1);
        line("epoch_ceiling", &ceiling);
        line("wall_seconds", &setup.wall_seconds);
        line("removed", &setup.removed);
        line("raised", &setup.raised);
        line("device_poll_ns", &setup.device_poll.as_nanos());
        line("observe", &setup.observe);
        for Peer { id, votes, address } in &setup.peers {
            let address = address.map_or("none".to_owned(), |address| address.to_string());
            line("peer", &format_args!("{id} {votes} {address}"));
        }
        text
    }

    /// From text. Lines with other names are passed over.
    ///
    /// # Errors
    /// [`SetupError`] at the first line that is missing or wrong.
    pub fn from_text(text: &str) -> Result<Self, SetupError> {
        let lines = Lines(text);
        let ceiling = match lines.raw("epoch_ceiling")? {
            "none" => None,
            _ => Some(Epoch(lines.value("epoch_ceiling")?)),
        };
        Ok(Self {
            release: lines.value("release")?,
            encrypted: lines.value("encrypted")?,
            key_id: lines.value("key_id")?,
            outputs: lines.value("outputs")?,
            setup: Setup {
                me: lines.node("me")?,
                incarnation: Incarnation(lines.value("incarnation")?),
                salt: lines.salt()?,
                seed: lines.value("seed")?,
                address: lines.value("address")?,
                cluster_name: lines.value("cluster_name")?,
                cluster_id: lines.value("cluster_id")?,
                config_version: lines.value("config_version")?,
                peers: lines.peers()?,
                expected_votes: lines.value("expected_votes")?,
                two_node: lines.value("two_node")?,
                wait_for_all: lines.value("wait_for_all")?,
                token: Duration::from_nanos(lines.value("token_ns")?),
                multicast: lines.value("multicast")?,
                wire_versions: (lines.value("wire_version_min")?, lines.value("wire_version_max")?),
                epoch_ceiling: ceiling,
                wall_seconds: lines.value("wall_seconds")?,
                removed: lines.value("removed")?,
                raised: Epoch(lines.value("raised")?),
                device_poll: Duration::from_nanos(lines.value("device_poll_ns")?),
                observe: lines.value("observe")?,
            },
        })
    }
}

/// The lines of a setup.
struct Lines<'a>(&'a str);

impl<'a> Lines<'a> {
    fn all(&self, name: &'static str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.lines().filter_map(move |line| {
            let (found, value) = line.split_once(' ')?;
            (found == name).then_some(value)
        })
    }

    fn raw(&self, name: &'static str) -> Result<&'a str, SetupError> {
        self.all(name).next().ok_or(SetupError::Missing(name))
    }

    fn value<T: FromStr>(&self, name: &'static str) -> Result<T, SetupError> {
        let value = self.raw(name)?;
        value.parse().map_err(|_| wrong(name, value))
    }

    fn node(&self, name: &'static str) -> Result<NodeId, SetupError> {
        let id = self.value(name)?;
        NodeId::new(id).ok_or_else(|| wrong(name, &id.to_string()))
    }

    fn salt(&self) -> Result<Salt, SetupError> {
        let hex = self.raw("salt")?;
        let salt = u128::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 32);
        salt.map(|salt| Salt(salt.to_be_bytes())).ok_or_else(|| wrong("salt", hex))
    }

    fn peers(&self) -> Result<Vec<Peer>, SetupError> {
        let peer = |line: &str| -> Option<Peer> {
            let mut words = line.split(' ');
            let (id, votes, address) = (words.next()?, words.next()?, words.next()?);
            let address = if address == "none" { None } else { Some(address.parse().ok()?) };
            let id = NodeId::new(id.parse().ok()?)?;
            Some(Peer { id, votes: votes.parse().ok()?, address })
        };
        self.all("peer").map(|line| peer(line).ok_or_else(|| wrong("peer", line))).collect()
    }
}

fn wrong(name: &'static str, value: &str) -> SetupError {
    SetupError::Value { name, value: value.to_owned() }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Described {
        let me = NodeId::new(2).unwrap();
        let peer = |id, address: Option<&str>| Peer {
            id: NodeId::new(id).unwrap(),
            votes: 1,
            address: address.map(|address| address.parse().unwrap()),
        };
        let setup = Setup {
            me,
            incarnation: Incarnation(17),
            salt: Salt([0xab; 16]),
            seed: 5,
            address: "10.0.0.2:5405".parse().unwrap(),
            cluster_name: "alpha beta".into(),
            cluster_id: 3169,
            config_version: 4,
            peers: vec![peer(1, None), peer(2, Some("10.0.0.2:5405"))],
            expected_votes: 1,
            two_node: false,
            wait_for_all: true,
            token: Duration::from_secs(2),
            multicast: true,
            wire_versions: (1, 1),
            epoch_ceiling: Some(Epoch(48)),
            wall_seconds: 9,
            removed: false,
            raised: Epoch(0),
            device_poll: Duration::from_secs(10),
            observe: false,
        };
        Described { release: "0.1.0".into(), encrypted: true, key_id: 1, outputs: true, setup }
    }

    #[test]
    fn a_recording_names_everything_the_node_was_made_with() {
        let mut described = sample();
        for ceiling in [Some(Epoch(48)), None] {
            described.setup.epoch_ceiling = ceiling;
            let read = Described::from_text(&described.to_text()).unwrap();
            assert_eq!(format!("{read:?}"), format!("{described:?}"));
        }
        let hex = "ab".repeat(16);
        let text = described.to_text();
        for line in ["me 2", &format!("salt {hex}"), "epoch_ceiling none", "peer 1 1 none"] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }

    #[test]
    fn each_line_is_needed_and_checked() {
        let text = sample().to_text();
        for at in 0..text.lines().count() {
            let name = text.lines().nth(at).unwrap().split(' ').next().unwrap();
            let with = |line: Option<&str>| -> String {
                let lines = text.lines().enumerate();
                let kept = lines.filter_map(|(n, old)| if n == at { line } else { Some(old) });
                kept.fold(String::new(), |text, line| format!("{text}{line}\n"))
            };
            if name != "peer" {
                let error = Described::from_text(&with(None)).unwrap_err();
                assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
            }
            // Names can be anything.
            if !matches!(name, "release" | "cluster_name") {
                let error = Described::from_text(&with(Some(&format!("{name} ?")))).unwrap_err();
                assert!(error.to_string().contains(&format!("`{name} ?`")), "{error}");
            }
        }
    }
}
