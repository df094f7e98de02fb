//! What a client of the classic interface is told without having asked, in the order in which it
//! happened.

use crate::kind;
use bytes::Bytes;
use cman_types::NodeId;
use postcard::{Error, Result};
use serde::Deserialize;

/// Something happened. A client that has bound a port hears of that port; one that said
/// [`Notify`](crate::ClassicRequest::Notify) hears of the first three; one that said
/// [`NotifyViews`](crate::ClassicRequest::NotifyViews) of views.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// Membership, votes, or what is expected changed. What is asked afterwards is answered with
    /// the change in it.
    State {
        /// Whether this node is quorate.
        quorate: bool,
    },
    /// Somebody wants this node to leave: see
    /// [`ShutdownReply`](crate::ClassicRequest::ShutdownReply).
    TryShutdown {
        /// Whether it will leave whatever is answered.
        anyway: bool,
        /// Whether those who stay lower what they expect.
        remove: bool,
    },
    /// A configuration came into force.
    Config {
        /// Its version.
        version: u64,
    },
    /// A node, perhaps this one, has bound the port of this client.
    PortOpened {
        /// Which node.
        node: NodeId,
    },
    /// A node, perhaps this one, has let go of the port of this client. Not told of nodes that are
    /// lost.
    PortClosed {
        /// Which node.
        node: NodeId,
    },
    /// A message to the port of this client.
    PortMessage {
        /// From which node.
        node: NodeId,
        /// The port that its sender has bound; 0 if none.
        port: u8,
        /// What was sent.
        payload: Bytes,
    },
    /// A view was installed.
    View(ViewNotice),
}

/// A view, as node ids.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ViewNotice {
    /// All members, ascending.
    pub members: Vec<NodeId>,
    /// Who is not a member any more, ascending.
    pub left: Vec<NodeId>,
    /// Who is a member now, ascending.
    pub joined: Vec<NodeId>,
}

impl Notice {
    pub(crate) const fn kind(&self) -> u16 {
        match self {
            Self::State { .. } => kind::NOTICE_STATE,
            Self::TryShutdown { .. } => kind::NOTICE_TRY_SHUTDOWN,
            Self::Config { .. } => kind::NOTICE_CONFIG,
            Self::PortOpened { .. } => kind::NOTICE_PORT_OPENED,
            Self::PortClosed { .. } => kind::NOTICE_PORT_CLOSED,
            Self::PortMessage { .. } => kind::NOTICE_PORT_MESSAGE,
            Self::View(_) => kind::NOTICE_VIEW,
        }
    }

    pub(crate) fn write(&self, to: Vec<u8>) -> Result<Vec<u8>> {
        match self {
            Self::State { quorate } => postcard::to_extend(quorate, to),
            Self::TryShutdown { anyway, remove } => postcard::to_extend(&(anyway, remove), to),
            Self::Config { version } => postcard::to_extend(version, to),
            Self::PortOpened { node } | Self::PortClosed { node } => {
                postcard::to_extend(&node.get(), to)
            }
            Self::PortMessage { node, port, payload } => {
                postcard::to_extend(&(node.get(), port, payload.as_ref()), to)
            }
            Self::View(ViewNotice { members, left, joined }) => {
                postcard::to_extend(&[members, left, joined].map(|ids| plain(ids)), to)
            }
        }
    }

    /// A notice of that kind; none if the kind is not one of these.
    pub(crate) fn read(kind: u16, body: &[u8]) -> Result<Option<Self>> {
        let notice = match kind {
            kind::NOTICE_STATE => Self::State { quorate: get(body)? },
            kind::NOTICE_TRY_SHUTDOWN => {
                let (anyway, remove) = get(body)?;
                Self::TryShutdown { anyway, remove }
            }
            kind::NOTICE_CONFIG => Self::Config { version: get(body)? },
            kind::NOTICE_PORT_OPENED => Self::PortOpened { node: id(get(body)?)? },
            kind::NOTICE_PORT_CLOSED => Self::PortClosed { node: id(get(body)?)? },
            kind::NOTICE_PORT_MESSAGE => {
                let (node, port, payload) = get::<(_, _, &[u8])>(body)?;
                let payload = Bytes::copy_from_slice(payload);
                Self::PortMessage { node: id(node)?, port, payload }
            }
            kind::NOTICE_VIEW => {
                let [members, left, joined] = get::<[Vec<u32>; 3]>(body)?;
                let (members, left, joined) = (ids(members)?, ids(left)?, ids(joined)?);
                Self::View(ViewNotice { members, left, joined })
            }
            _ => return Ok(None),
        };
        Ok(Some(notice))
    }
}

fn plain(ids: &[NodeId]) -> Vec<u32> {
    ids.iter().map(|id| id.get()).collect()
}

fn id(id: u32) -> Result<NodeId> {
    NodeId::new(id).ok_or(Error::SerdeDeCustom)
}

fn ids(plain: Vec<u32>) -> Result<Vec<NodeId>> {
    plain.into_iter().map(id).collect()
}

fn get<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    match postcard::take_from_bytes(body)? {
        (value, []) => Ok(value),
        _ => Err(Error::SerdeDeCustom),
    }
}
