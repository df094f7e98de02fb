//! What was measured on, and how quiet it was.

use serde_json::{Value, json};
use std::{fs, thread::available_parallelism};

/// Waiting programs for each processor above which the machine is not quiet.
const QUIET_MAX: f64 = 0.25;

/// This machine, before anything is measured.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    processors: usize,
    kernel: String,
    /// Programs that ran or wanted to run, on average over the last minute.
    load: Option<f64>,
}

impl Machine {
    /// Looks at it.
    pub(crate) fn now() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let load = read("/proc/loadavg").split_whitespace().next().and_then(|w| w.parse().ok());
        Self {
            processors: available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load,
        }
    }

    /// For people: a warning if other work disturbs.
    pub(crate) fn text(&self) -> String {
        let Self { processors, kernel, .. } = self;
        let load = self.load.map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}"));
        let warning = match self.load {
            Some(load) if load > QUIET_MAX * *processors as f64 => {
                ": NOT QUIET, other work disturbed these figures"
            }
            _ => "",
        };
        format!("{processors} processors, Linux {kernel}, load before the start {load}{warning}\n")
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({ "processors": self.processors, "kernel": self.kernel, "load_before": self.load })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_work_is_told() {
        let machine = |load| Machine { processors: 2, kernel: "6.1".to_owned(), load };
        assert!(machine(Some(3.0)).text().contains("NOT QUIET"));
        assert!(!machine(Some(0.1)).text().contains("NOT QUIET"));
        assert!(machine(None).text().contains("unknown"));
    }
}
