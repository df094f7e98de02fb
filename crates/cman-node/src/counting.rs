//! What clients change about votes: amendments, and the quorum device of this node.

use cman_quorum::{AmendError, DeviceError, device::Device};
use cman_types::Instant;
use core::fmt;

use crate::{
    node::Node,
    output::{DeviceStatus, Event},
};

/// Why a command is not carried out. Nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommandError {
    /// Not now: one sentence.
    Refused(String),
    /// The quorum device is not as it must be.
    Device(DeviceError),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => f.write_str(why),
            Self::Device(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for CommandError {}

impl From<DeviceError> for CommandError {
    fn from(error: DeviceError) -> Self {
        Self::Device(error)
    }
}

impl Node {
    pub(crate) fn register_device(&mut self, name: Vec<u8>, votes: u32) -> Result<(), DeviceError> {
        if self.engine.view().is_none() {
            return Err(DeviceError::NoView);
        }
        self.device.register(name, votes)
    }

    pub(crate) fn poll_device(&mut self, now: Instant, available: bool) -> Result<(), DeviceError> {
        self.device.poll(now, available)?;
        self.count_device(now, "as its program says");
        Ok(())
    }

    /// Looks whether it was polled of late.
    pub(crate) fn watch_device(&mut self, now: Instant) {
        if self.device.tick(now) {
            self.count_device(now, "it was not polled in time");
        }
    }

    /// The engine counts with it, and operators are told.
    fn count_device(&mut self, now: Instant, why: &str) {
        let alive = self.device.device().is_some_and(Device::is_alive);
        self.engine.set_device_votes(now, self.device.votes());
        if alive == self.told_device {
            return;
        }
        self.told_device = alive;
        self.counted_anew = true;
        let Some(Device { name, votes, .. }) = self.device.device() else { return };
        let name = String::from_utf8_lossy(name);
        let text = if alive {
            format!("quorum device {name} lives and adds {votes} votes on this node")
        } else {
            format!("quorum device {name} is dead, {why}: its {votes} votes do not count")
        };
        self.events.push_back(Event::Device { alive, text });
    }

    pub(crate) fn device_status(&self) -> Option<DeviceStatus> {
        let device = self.device.device()?;
        let alive = device.is_alive();
        Some(DeviceStatus { name: device.name.clone(), votes: device.votes, alive })
    }

    pub(crate) fn tell_amended(&mut self, ticket: u64, result: Result<(), AmendError>) {
        self.events.push_back(Event::Amended { ticket, result });
    }
}
