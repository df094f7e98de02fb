//! Telling systemd how things are.

use sd_notify::NotifyState;
use std::time::Duration;

/// Speaks to systemd, or to nobody: when systemd did not start us, or started somebody who started
/// us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Systemd {
    listens: bool,
}

impl Systemd {
    /// `foreground`: only a process that stays is the one that systemd knows.
    pub(crate) fn new(foreground: bool) -> Self {
        Self { listens: foreground && std::env::var_os("NOTIFY_SOCKET").is_some() }
    }

    /// How often it wants to hear that we live, if at all.
    pub(crate) fn watchdog(self) -> Option<Duration> {
        sd_notify::watchdog_enabled().filter(|limit| self.listens && !limit.is_zero())
    }

    pub(crate) fn ready(self) {
        self.tell(&[NotifyState::Ready, NotifyState::Status("Looking for the other nodes")]);
    }

    /// One line for `systemctl status`.
    pub(crate) fn status(self, text: &str) {
        self.tell(&[NotifyState::Status(text)]);
    }

    pub(crate) fn stopping(self) {
        self.tell(&[NotifyState::Stopping]);
    }

    pub(crate) fn alive(self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    fn tell(self, states: &[NotifyState<'_>]) {
        if !self.listens {
            return;
        }
        if let Err(error) = sd_notify::notify(states) {
            tracing::debug!("systemd does not listen: {error}");
        }
    }
}
