//! The quorum device of a node: a program that polls it, or does not any more.

use cman_types::Instant;
use core::{fmt, time::Duration};

/// Longest name of a device, in bytes.
pub const NAME_MAX: usize = 255;

/// Watches the one quorum device that a node may have.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DeviceWatch {
    /// How often it must be polled.
    period: Duration,
    device: Option<Device>,
}

/// A registered device.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Device {
    /// What it was registered as.
    pub name: Vec<u8>,
    /// What it adds while it lives.
    pub votes: u32,
    /// While it lives.
    polled: Option<Polled>,
}

/// Of a device that lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Polled {
    /// When it was polled last.
    at: Instant,
    /// When that is looked at next.
    check_at: Instant,
}

impl Device {
    /// Whether it lives.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.polled.is_some()
    }
}

/// Why something is not done with the quorum device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DeviceError {
    /// There is one already.
    Exists,
    /// Its name is longer than [`NAME_MAX`] bytes, or empty.
    Name,
    /// There is none.
    Missing,
    /// It lives.
    Alive,
    /// This node is in no view yet.
    NoView,
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "this node has a quorum device already",
            Self::Name => "the name of a quorum device has 1 to 255 bytes",
            Self::Missing => "this node has no quorum device",
            Self::Alive => "the quorum device lives; it must be polled as unavailable first",
            Self::NoView => "this node is in no view yet",
        })
    }
}

impl core::error::Error for DeviceError {}

impl DeviceWatch {
    /// No device. One that comes must be polled at least once in `period`.
    #[must_use]
    pub const fn new(period: Duration) -> Self {
        Self { period, device: None }
    }

    /// The device, if there is one.
    #[must_use]
    pub const fn device(&self) -> Option<&Device> {
        self.device.as_ref()
    }

    /// Votes that it adds now.
    #[must_use]
    pub fn votes(&self) -> u32 {
        self.device.as_ref().filter(|device| device.is_alive()).map_or(0, |device| device.votes)
    }

    /// When [`DeviceWatch::tick`] must be called at the latest.
    #[must_use]
    pub fn due(&self) -> Instant {
        let polled = self.device.as_ref().and_then(|device| device.polled);
        polled.map_or(Instant::FAR, |polled| polled.check_at)
    }

    /// Makes it known; it is dead until it is polled.
    ///
    /// # Errors
    /// There is one already, or the name is too long.
    pub fn register(&mut self, name: Vec<u8>, votes: u32) -> Result<(), DeviceError> {
        if self.device.is_some() {
            return Err(DeviceError::Exists);
        }
        if !(1..=NAME_MAX).contains(&name.len()) {
            return Err(DeviceError::Name);
        }
        self.device = Some(Device { name, votes, polled: None });
        Ok(())
    }

    /// Forgets it.
    ///
    /// # Errors
    /// There is none, or it lives.
    pub fn unregister(&mut self) -> Result<(), DeviceError> {
        match &self.device {
            None => Err(DeviceError::Missing),
            Some(device) if device.is_alive() => Err(DeviceError::Alive),
            Some(_) => {
                self.device = None;
                Ok(())
            }
        }
    }

    /// It lives, or is dead from now on.
    ///
    /// # Errors
    /// There is none.
    pub fn poll(&mut self, now: Instant, available: bool) -> Result<(), DeviceError> {
        let device = self.device.as_mut().ok_or(DeviceError::Missing)?;
        let check_at = device.polled.map_or(now + self.period, |polled| polled.check_at);
        device.polled = available.then_some(Polled { at: now, check_at });
        Ok(())
    }

    /// Time has passed: looks once in each period, so that a device that is not polled any more
    /// dies within two. Returns whether it died.
    pub fn tick(&mut self, now: Instant) -> bool {
        let Some(device) = &mut self.device else { return false };
        let Some(polled) = &mut device.polled else { return false };
        if now < polled.check_at {
            return false;
        }
        if now.since(polled.at) > self.period {
            device.polled = None;
            return true;
        }
        polled.check_at = now + self.period;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(1000 + seconds)
    }

    fn watch() -> DeviceWatch {
        let mut watch = DeviceWatch::new(PERIOD);
        watch.register(b"disk".to_vec(), 2).unwrap();
        watch
    }

    ///
    #[test]
    fn it_votes_from_the_first_poll_on_until_it_is_polled_no_more() {
        let mut watch = watch();
        assert_eq!((watch.votes(), watch.due()), (0, Instant::FAR));
        watch.poll(at(0), true).unwrap();
        assert_eq!((watch.votes(), watch.due()), (2, at(10)));
        watch.poll(at(9), true).unwrap();
        assert_eq!(watch.due(), at(10), "a poll does not put off the next look");
        assert!(!watch.tick(at(10)));
        assert!(!watch.tick(at(19)));
        assert!(watch.tick(at(20)), "11 seconds after the last poll");
        assert_eq!((watch.votes(), watch.due()), (0, Instant::FAR));
        watch.poll(at(21), true).unwrap();
        assert_eq!((watch.votes(), watch.due()), (2, at(31)), "it may come back");
    }

    ///
    #[test]
    fn who_polls_just_in_time_keeps_it_alive() {
        let mut watch = watch();
        for time in (0..100).step_by(10) {
            watch.poll(at(time), true).unwrap();
            assert!(!watch.tick(at(time)));
        }
        watch.poll(at(100), false).unwrap();
        assert_eq!(watch.votes(), 0, "dead at once");
    }

    ///
    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut none = DeviceWatch::new(PERIOD);
        assert_eq!(none.unregister(), Err(DeviceError::Missing));
        assert_eq!(none.poll(at(0), true), Err(DeviceError::Missing));
        assert_eq!(none.register(vec![b'x'; 256], 1), Err(DeviceError::Name));
        let mut watch = watch();
        assert_eq!(watch.register(b"other".to_vec(), 1), Err(DeviceError::Exists));
        watch.poll(at(0), true).unwrap();
        assert_eq!(watch.unregister(), Err(DeviceError::Alive));
        watch.poll(at(1), false).unwrap();
        assert_eq!(watch.unregister(), Ok(()));
        assert_eq!(watch.device(), None);
    }
}
