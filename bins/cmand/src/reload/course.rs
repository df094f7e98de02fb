//! Which configuration is in force, and which is wanted.

use super::difference::differences;
use cman_config::Config;
use std::time::Duration;

/// The way from the configuration of the start to the one that is wanted.
#[derive(Debug)]
pub(crate) struct Course {
    /// What the file is called.
    file: String,
    /// What it said when the daemon started: what the node runs on.
    started_with: Config,
    version: u64,
    shutdown_timeout: Duration,
    wanted: u64,
    /// Why what is wanted is not in force, as it was said last.
    trouble: Option<String>,
    /// What the file says now that needs a restart.
    restart: Vec<String>,
}

/// What is to be done about a file that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Nothing that was not done before.
    Nothing,
    /// Say that it is not what is wanted.
    Warn(String),
    /// Say that it is in force.
    InForce(InForce),
}

/// A configuration that came into force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct InForce {
    pub(crate) version: u64,
    /// Nothing in it needs a restart: the node may be with nodes that run on either.
    pub(crate) alike: bool,
    /// One sentence for people.
    pub(crate) text: String,
}

impl Course {
    /// With what this file said when the daemon started.
    pub(crate) fn new(file: String, config: Config) -> Self {
        Self {
            file,
            version: config.config_version,
            shutdown_timeout: config.shutdown_timeout,
            started_with: config,
            wanted: 0,
            trouble: None,
            restart: Vec::new(),
        }
    }

    /// The version that is in force.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// How long clients have to object to a shutdown.
    pub(crate) const fn shutdown_timeout(&self) -> Duration {
        self.shutdown_timeout
    }

    /// What an operator should act upon, if anything is.
    pub(crate) fn alarm(&self) -> Option<String> {
        self.trouble.clone().or_else(|| {
            let what = (!self.restart.is_empty()).then(|| self.restart.join("; "))?;
            Some(needs_restart(&self.file, self.version, &what))
        })
    }

    /// All members are to have that version.
    pub(crate) fn want(&mut self, version: u64) {
        self.wanted = self.wanted.max(version);
    }

    /// Whether a version is wanted that is not in force.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.wanted > self.version
    }

    /// The file was read, or why it cannot be used. What cannot be used changes nothing.
    pub(crate) fn found(&mut self, found: Result<Config, String>) -> Step {
        match found {
            Err(why) => self.warn(why),
            Ok(config) if config.config_version < self.wanted => {
                let Self { file, wanted, .. } = self;
                let why = format!(
                    "version {wanted} of the configuration is wanted, but {file} on this node has \
                     version {}: copy the new one here; it is read again every second",
                    config.config_version
                );
                self.warn(why)
            }
            Ok(config) if config.config_version > self.version => {
                Step::InForce(self.take_over(&config))
            }
            // It was put back to what is in force, or is older, and nothing else is wanted.
            Ok(_) => {
                self.trouble = None;
                Step::Nothing
            }
        }
    }

    /// Each trouble is said once, until another one comes or it is over.
    fn warn(&mut self, why: String) -> Step {
        if self.trouble.as_ref() == Some(&why) {
            return Step::Nothing;
        }
        self.trouble = Some(why.clone());
        Step::Warn(why)
    }

    fn take_over(&mut self, config: &Config) -> InForce {
        self.trouble = None;
        self.version = config.config_version;
        self.shutdown_timeout = config.shutdown_timeout;
        self.restart = differences(&self.started_with, config);
        let Self { file, version, restart, .. } = self;
        let alike = restart.is_empty();
        let text = if alike {
            format!("version {version} of {file} is in force")
        } else {
            needs_restart(file, *version, &restart.join("; "))
        };
        InForce { version: *version, alike, text }
    }
}

fn needs_restart(file: &str, version: u64, what: &str) -> String {
    format!(
        "version {version} of {file} is in force, but for what needs a restart: {what}; let all \
         nodes leave the cluster, then all join again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(version: u64, inside: &str) -> Config {
        let text = format!(
            "<cluster name=\"alpha\" config_version=\"{version}\">{inside}<clusternodes>\
             <clusternode name=\"n1\" nodeid=\"1\"/></clusternodes></cluster>"
        );
        cman_config::parse("cluster.conf", text.as_bytes()).unwrap().config
    }

    fn course() -> Course {
        Course::new("cluster.conf".to_owned(), config(5, ""))
    }

    fn in_force(step: Step) -> InForce {
        match step {
            Step::InForce(in_force) => in_force,
            other => panic!("{other:?}"),
        }
    }

    /// CF-06
    #[test]
    fn a_newer_version_comes_into_force_once() {
        let mut course = course();
        course.want(6);
        assert!(course.is_waiting());
        let new = config(6, "<cman shutdown_timeout=\"700\"/>");
        let came = in_force(course.found(Ok(new.clone())));
        assert_eq!((came.version, came.alike), (6, true));
        assert_eq!(came.text, "version 6 of cluster.conf is in force");
        assert_eq!((course.version(), course.is_waiting(), course.alarm()), (6, false, None));
        assert_eq!(course.shutdown_timeout(), Duration::from_millis(700));
        assert_eq!(course.found(Ok(new)), Step::Nothing);
    }

    #[test]
    fn even_newer_than_wanted_will_do() {
        let mut course = course();
        course.want(6);
        assert_eq!(in_force(course.found(Ok(config(9, "")))).version, 9);
        assert!(!course.is_waiting());
        course.want(7);
        assert!(!course.is_waiting());
    }

    #[test]
    fn an_older_file_is_waited_for_and_said_once() {
        let mut course = course();
        course.want(7);
        let Step::Warn(why) = course.found(Ok(config(5, ""))) else { panic!("no warning") };
        assert!(
            why.contains("version 7") && why.contains("cluster.conf on this node has version 5")
        );
        assert_eq!(course.found(Ok(config(5, ""))), Step::Nothing);
        assert_eq!(course.alarm(), Some(why));
        assert!(matches!(course.found(Ok(config(6, ""))), Step::Warn(_)), "it is another one now");
        assert_eq!((course.version(), course.is_waiting()), (5, true));
        assert_eq!(in_force(course.found(Ok(config(7, "")))).version, 7);
        assert_eq!(course.alarm(), None);
    }

    #[test]
    fn a_file_with_errors_changes_nothing() {
        let mut course = course();
        course.want(6);
        let bad = || Err("cluster.conf:1:9: no".to_owned());
        assert_eq!(course.found(bad()), Step::Warn("cluster.conf:1:9: no".to_owned()));
        assert_eq!(course.found(bad()), Step::Nothing);
        assert_eq!((course.version(), course.is_waiting()), (5, true));
        assert_eq!(in_force(course.found(Ok(config(6, "")))).version, 6);
    }

    #[test]
    fn what_needs_a_restart_is_said_and_compared_with_what_runs() {
        let mut course = course();
        let came = in_force(course.found(Ok(config(6, "<totem token=\"700\"/>"))));
        assert!(!came.alike);
        assert!(came.text.contains("needs a restart: token is 700 ms, was 2000 ms"), "{came:?}");
        assert_eq!(course.alarm(), Some(came.text));
        let came = in_force(course.found(Ok(config(7, "<totem token=\"2000\"/>"))));
        assert_eq!((came.alike, course.alarm()), (true, None), "as it was at the start");
    }

    #[test]
    fn nothing_goes_back() {
        let mut course = course();
        assert_eq!(course.found(Ok(config(4, ""))), Step::Nothing);
        assert_eq!(course.version(), 5);
    }
}
