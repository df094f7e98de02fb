//! The bodies about groups that are few: written by the serializer, as plain numbers and bytes.

use crate::{
    group::{GroupConfig, GroupRefused, ListedGroup},
    reply::{ErrorReply, GroupListChunk},
};
use cman_types::{GroupName, NodeId, Process, group::Reason};
use postcard::Result;
use serde::{Deserialize, Serialize};

/// A name as it travels.
#[derive(Serialize, Deserialize)]
pub(crate) struct PlainName(Vec<u8>);

/// A process as it travels: node and number.
#[derive(Serialize, Deserialize)]
pub(crate) struct PlainProcess(u32, u32);

/// A process and why it came or went.
#[derive(Serialize, Deserialize)]
struct PlainChange(PlainProcess, u8);

#[derive(Serialize, Deserialize)]
pub(crate) struct PlainConfig {
    group: PlainName,
    members: Vec<PlainProcess>,
    left: Vec<PlainChange>,
    joined: Vec<PlainChange>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct PlainRefused(PlainName, ErrorReply);

/// Groups with their members, and whether these are the last ones.
#[derive(Serialize, Deserialize)]
pub(crate) struct PlainList(Vec<(PlainName, Vec<PlainProcess>)>, bool);

const INVALID: postcard::Error = postcard::Error::SerdeDeCustom;

impl From<&GroupName> for PlainName {
    fn from(name: &GroupName) -> Self {
        Self(name.as_bytes().to_vec())
    }
}

impl TryFrom<PlainName> for GroupName {
    type Error = postcard::Error;

    fn try_from(PlainName(bytes): PlainName) -> Result<Self> {
        Self::new(&bytes).map_err(|_| INVALID)
    }
}

impl From<&Process> for PlainProcess {
    fn from(process: &Process) -> Self {
        Self(process.node.get(), process.pid)
    }
}

impl TryFrom<PlainProcess> for Process {
    type Error = postcard::Error;

    fn try_from(PlainProcess(node, pid): PlainProcess) -> Result<Self> {
        Ok(Self { node: NodeId::new(node).ok_or(INVALID)?, pid })
    }
}

/// Processes as they travel.
pub(crate) fn plain_processes(processes: &[Process]) -> Vec<PlainProcess> {
    processes.iter().map(PlainProcess::from).collect()
}

/// Processes that have travelled.
pub(crate) fn processes(plain: Vec<PlainProcess>) -> Result<Vec<Process>> {
    plain.into_iter().map(Process::try_from).collect()
}

impl From<&GroupListChunk> for PlainList {
    fn from(GroupListChunk { groups, last }: &GroupListChunk) -> Self {
        let plain = |listed: &ListedGroup| {
            (PlainName::from(&listed.group), plain_processes(&listed.members))
        };
        Self(groups.iter().map(plain).collect(), *last)
    }
}

impl TryFrom<PlainList> for GroupListChunk {
    type Error = postcard::Error;

    fn try_from(PlainList(groups, last): PlainList) -> Result<Self> {
        let listed = |(group, members): (PlainName, Vec<PlainProcess>)| {
            Ok(ListedGroup { group: group.try_into()?, members: processes(members)? })
        };
        Ok(Self { groups: groups.into_iter().map(listed).collect::<Result<_>>()?, last })
    }
}

impl From<&GroupConfig> for PlainConfig {
    fn from(config: &GroupConfig) -> Self {
        let changes = |changes: &[(Process, Reason)]| {
            let plain = |(process, reason): &(Process, Reason)| {
                PlainChange(process.into(), reason_number(*reason))
            };
            changes.iter().map(plain).collect()
        };
        Self {
            group: (&config.group).into(),
            members: plain_processes(&config.members),
            left: changes(&config.left),
            joined: changes(&config.joined),
        }
    }
}

impl TryFrom<PlainConfig> for GroupConfig {
    type Error = postcard::Error;

    fn try_from(plain: PlainConfig) -> Result<Self> {
        let changes = |changes: Vec<PlainChange>| -> Result<Vec<_>> {
            let change =
                |PlainChange(process, reason)| Ok((process.try_into()?, to_reason(reason)?));
            changes.into_iter().map(change).collect()
        };
        Ok(Self {
            group: plain.group.try_into()?,
            members: processes(plain.members)?,
            left: changes(plain.left)?,
            joined: changes(plain.joined)?,
        })
    }
}

impl From<&GroupRefused> for PlainRefused {
    fn from(GroupRefused { group, error }: &GroupRefused) -> Self {
        Self(group.into(), error.clone())
    }
}

impl TryFrom<PlainRefused> for GroupRefused {
    type Error = postcard::Error;

    fn try_from(PlainRefused(group, error): PlainRefused) -> Result<Self> {
        Ok(Self { group: group.try_into()?, error })
    }
}

const fn reason_number(reason: Reason) -> u8 {
    match reason {
        Reason::Join => 1,
        Reason::Leave => 2,
        Reason::NodeDown => 3,
        Reason::NodeUp => 4,
        Reason::ProcessDown => 5,
    }
}

const fn to_reason(number: u8) -> Result<Reason> {
    Ok(match number {
        1 => Reason::Join,
        2 => Reason::Leave,
        3 => Reason::NodeDown,
        4 => Reason::NodeUp,
        5 => Reason::ProcessDown,
        _ => return Err(INVALID),
    })
}
