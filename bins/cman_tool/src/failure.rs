//! Why the tool could not do what it was asked.

use crate::exit_code::Exit;
use cman_client::Error;
use serde::Serialize;
use std::fmt;

/// Why the tool ends before it is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// Something to tell the user.
    Said {
        /// Failed or timed out.
        exit: Exit,
        /// What is wrong, one sentence.
        sentence: String,
        /// What to try, one sentence; may be empty.
        advice: String,
    },
    /// The user knows already what is wrong.
    Told,
    /// Whoever read our output has seen enough.
    PipeClosed,
}

/// A failure as JSON.
#[derive(Serialize)]
struct FailureJson<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    advice: &'a str,
}

impl Failure {
    /// Refused, failed or wrong usage.
    pub(crate) fn failed(sentence: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Said { exit: Exit::Failed, sentence: sentence.into(), advice: advice.into() }
    }

    /// The time given for waiting is over.
    pub(crate) fn timed_out(sentence: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Said { exit: Exit::TimedOut, sentence: sentence.into(), advice: advice.into() }
    }

    /// How the tool ends with it.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Said { exit, .. } => *exit,
            Self::Told => Exit::Failed,
            Self::PipeClosed => Exit::Done,
        }
    }

    /// Tells the user: as JSON on stdout, else on stderr.
    pub(crate) fn tell(&self, json: bool) {
        let Self::Said { sentence, advice, .. } = self else { return };
        if json {
            let object = FailureJson { error: sentence, advice };
            // If even this cannot be written, the exit code has to do.
            let _told = crate::output::json_line(&object);
        } else {
            crate::output::talk(&format!("cman_tool: {self}"));
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said { sentence, advice, .. } if advice.is_empty() => f.write_str(sentence),
            Self::Said { sentence, advice, .. } => write!(f, "{sentence}\n{advice}"),
            Self::Told => f.write_str("It was said what is missing."),
            Self::PipeClosed => f.write_str("The output was closed."),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::failed(error.to_string(), error.advice())
    }
}
