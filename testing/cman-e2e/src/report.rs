//! What `cman_tool --json` prints, as types. Fields that no test needs are left out.

use serde::Deserialize;
use serde_json::Value;

/// `cman_tool status --json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// The node that was asked.
    pub node_id: u32,
    /// `starting`, `joining`, `member`, `leaving`, `disallowed` or `left`.
    pub state: String,
    /// The view it is in, if it is in one.
    pub view: Option<View>,
    /// Its quorum.
    pub quorum: Quorum,
    /// Datagrams that it refused.
    pub rejected_datagrams: Rejected,
    /// The daemon itself.
    pub daemon: Daemon,
    /// Everything that was printed.
    #[serde(skip)]
    pub raw: Value,
}

/// An agreed membership.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct View {
    /// The number of the view.
    pub epoch: u64,
    /// The node that coordinates it.
    pub coordinator: u32,
    /// The node ids of its members, ascending.
    pub members: Vec<u32>,
    /// Views installed since the daemon started.
    pub changes: u64,
}

/// Votes, and whether they suffice.
#[derive(Clone, Debug, Deserialize)]
pub struct Quorum {
    /// Whether this node may act.
    pub quorate: bool,
    /// Votes of the view.
    pub votes: u32,
    /// Votes of the whole cluster.
    pub expected_votes: u32,
    /// Votes needed for quorum.
    pub needed: u32,
    /// What is left of the lease, in milliseconds.
    pub lease_ms_left: Option<u64>,
}

/// Refused datagrams by cause.
#[derive(Clone, Debug, Deserialize)]
pub struct Rejected {
    /// Did not open with the cluster's key, or were not sealed.
    pub unauthenticated: u64,
    /// Were seen before.
    pub replayed: u64,
    /// Are no datagrams of this protocol.
    pub malformed: u64,
    /// Belong to a cluster of another name.
    pub foreign_cluster: u64,
}

/// The daemon as a process.
#[derive(Clone, Debug, Deserialize)]
pub struct Daemon {
    /// Its process id.
    pub pid: u32,
    /// Resident memory in bytes.
    pub rss_bytes: u64,
    /// Times it found itself stalled.
    pub stalls: u64,
}

impl Status {
    /// Reads what the tool printed.
    pub fn parse(printed: &str) -> serde_json::Result<Self> {
        let raw: Value = serde_json::from_str(printed)?;
        Ok(Self { raw: raw.clone(), ..serde_json::from_value(raw)? })
    }

    /// Whether it is a member, quorate, of a view with exactly these members.
    #[must_use]
    pub fn is_formed(&self, members: &[u32]) -> bool {
        self.state == "member"
            && self.quorum.quorate
            && self.view.as_ref().is_some_and(|view| view.members == members)
    }
}

/// One row of `cman_tool nodes --json`.
#[derive(Clone, Debug, Deserialize)]
pub struct NodeRow {
    /// The configured id.
    pub id: u32,
    /// The configured name.
    pub name: String,
    /// `member`, `dead`, `leaving`, `disallowed` or `never_seen`.
    pub state: String,
}

/// One line of `cman_tool events --json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Event {
    /// When it happened, on the machine's monotonic clock.
    pub monotonic_ns: u64,
    /// `view`, `quorum`, `config`, `link`, `node`, `message_port` or `shutdown`.
    pub event: String,
    /// The fields of this kind of event.
    #[serde(flatten)]
    pub fields: Value,
}

impl Event {
    /// The member list, of a `view` event.
    #[must_use]
    pub fn members(&self) -> Option<Vec<u32>> {
        if self.event != "view" {
            return None;
        }
        serde_json::from_value(self.fields.get("members")?.clone()).ok()
    }

    /// Why a node came or went, of a `view` event with which it did.
    #[must_use]
    pub fn reason_of(&self, node: u32) -> Option<&str> {
        let reasons = self.fields.get("reasons")?.as_array()?;
        let of_it = reasons.iter().find(|reason| reason["node"].as_u64() == Some(node.into()))?;
        of_it["reason"].as_str()
    }

    /// Whether the node is now quorate, of a `quorum` event.
    #[must_use]
    pub fn quorate(&self) -> Option<bool> {
        if self.event == "quorum" { self.fields.get("quorate")?.as_bool() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = r#"{ "schema": 1, "node_id": 1, "state": "member",
        "view": { "epoch": 17, "coordinator": 1, "members": [1,2,3], "changes": 5 },
        "quorum": { "quorate": true, "votes": 3, "expected_votes": 3, "needed": 2,
                    "flags": [], "lease_ms_left": 1240 },
        "rejected_datagrams": { "unauthenticated": 0, "replayed": 0, "malformed": 0,
                                "foreign_cluster": 0 },
        "daemon": { "pid": 4711, "version": "0.1.0", "rss_bytes": 9000000, "stalls": 0 } }"#;

    #[test]
    fn a_status_is_formed_only_with_exactly_these_members() {
        let status = Status::parse(STATUS).unwrap();
        assert!(status.is_formed(&[1, 2, 3]));
        assert!(!status.is_formed(&[1, 2]));
        assert_eq!(status.raw["view"]["epoch"], 17);
    }

    #[test]
    fn a_starting_node_has_no_view() {
        let mut raw: Value = serde_json::from_str(STATUS).unwrap();
        raw["view"] = Value::Null;
        assert!(!Status::parse(&raw.to_string()).unwrap().is_formed(&[1, 2, 3]));
    }

    #[test]
    fn events_answer_only_for_their_kind() {
        let line = r#"{"at":"x","monotonic_ns":5,"event":"view","members":[2,3]}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(event.members(), Some(vec![2, 3]));
        assert_eq!(event.quorate(), None);
    }
}
