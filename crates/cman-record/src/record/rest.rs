//! A record's bytes, one value after the other.

use super::Malformed;
use cman_node::{Lane, Session};
use cman_types::{BarrierName, GroupName, NodeId};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// What is left to read of a record.
pub(super) struct Rest<'a> {
    pub(super) kind: u8,
    pub(super) bytes: &'a [u8],
}

impl<'a> Rest<'a> {
    pub(super) const fn wrong(&self, what: &'static str) -> Malformed {
        Malformed::Value { kind: self.kind, what }
    }

    pub(super) fn take(&mut self, size: usize) -> Result<&'a [u8], Malformed> {
        let (taken, left) =
            self.bytes.split_at_checked(size).ok_or(Malformed::Length(self.kind))?;
        self.bytes = left;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, left) = self.bytes.split_first_chunk().ok_or(Malformed::Length(self.kind))?;
        self.bytes = left;
        Ok(*taken)
    }

    pub(super) fn all(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.bytes)
    }

    pub(super) const fn end(&self) -> Result<(), Malformed> {
        if self.bytes.is_empty() { Ok(()) } else { Err(Malformed::Length(self.kind)) }
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.wrong("a flag")),
        }
    }

    pub(super) fn lane(&mut self) -> Result<Lane, Malformed> {
        match self.byte()? {
            0 => Ok(Lane::Control),
            1 => Ok(Lane::Data),
            _ => Err(self.wrong("the lane")),
        }
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn session(&mut self) -> Result<Session, Malformed> {
        self.u64().map(Session)
    }

    pub(super) fn node(&mut self) -> Result<NodeId, Malformed> {
        NodeId::new(self.u32()?).ok_or_else(|| self.wrong("the node id"))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        str::from_utf8(self.all()).map_err(|_| self.wrong("the text"))
    }

    pub(super) fn address(&mut self) -> Result<Option<SocketAddr>, Malformed> {
        Ok(match self.byte()? {
            0 => None,
            4 => {
                let ip = Ipv4Addr::from(self.array::<4>()?);
                Some(SocketAddrV4::new(ip, self.u16()?).into())
            }
            6 => {
                let ip = Ipv6Addr::from(self.array::<16>()?);
                let (port, scope) = (self.u16()?, self.u32()?);
                Some(SocketAddrV6::new(ip, port, 0, scope).into())
            }
            _ => return Err(self.wrong("the family of the address")),
        })
    }

    pub(super) fn known_address(&mut self) -> Result<SocketAddr, Malformed> {
        self.address()?.ok_or_else(|| self.wrong("the family of the address"))
    }

    pub(super) fn name(&mut self) -> Result<GroupName, Malformed> {
        let size = usize::from(self.byte()?);
        let name = self.take(size)?;
        GroupName::new(name).map_err(|_| self.wrong("the name of the group"))
    }

    pub(super) fn all_name(&mut self) -> Result<GroupName, Malformed> {
        let name = self.all();
        GroupName::new(name).map_err(|_| self.wrong("the name of the group"))
    }

    pub(super) fn barrier(&mut self) -> Result<BarrierName, Malformed> {
        let name = self.all();
        BarrierName::new(name).map_err(|_| self.wrong("the name of the barrier"))
    }
}
