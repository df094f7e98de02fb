//! `cman_tool`, the cluster administration tool.
//!
//! | module | what |
//! |---|---|
//! | [`cli`], [`historic`] | the command line |
//! | [`commands`] | one module for each verb |
//! | [`render`] | replies of the daemon as text and as JSON |
//! | [`report`] | the parts of the support archive |
//! | [`exit_code`], [`failure`] | how it ends, and what it says then |
//! | [`output`], [`progress`] | stdout for data, stderr for talk |
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod deadline;
mod exit_code;
mod failure;
mod historic;
mod output;
mod progress;
mod render;
mod report;

use clap::{
    Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use cli::Cli;
use failure::Failure;
use std::{ffi::OsString, process::ExitCode};

/// What to try instead of a verb that does not exist.
const ALL_VERBS: &str = "`cman_tool help` shows all verbs.";

fn main() -> ExitCode {
    let args = historic::verb_first(std::env::args_os());
    let (json, result) = match Cli::try_parse_from(&args) {
        Ok(cli) => (cli.common.json, commands::run(cli)),
        Err(error) => (wants_json(&args), usage(&error)),
    };
    match result {
        Ok(()) => exit_code::Exit::Done.into(),
        Err(failure) => {
            failure.tell(json);
            failure.exit().into()
        }
    }
}

/// Help and version are data; everything else is wrong usage.
fn usage(error: &clap::Error) -> Result<(), Failure> {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return output::text(&text);
    }
    if error.kind() == ErrorKind::MissingSubcommand {
        return Err(Failure::failed("There is no verb.", ALL_VERBS));
    }
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) {
        return Err(unknown_verb(word, error));
    }
    let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    let (sentence, advice) = text.split_once("\n\n").unwrap_or((text, ""));
    Err(Failure::failed(sentence, advice))
}

fn unknown_verb(word: &str, error: &clap::Error) -> Failure {
    let like = match error.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::String(verb)) => Some(verb),
        Some(ContextValue::Strings(verbs)) => verbs.first(),
        _ => None,
    };
    let advice = match like {
        Some(verb) => format!("Did you mean `{verb}`? {ALL_VERBS}"),
        None => ALL_VERBS.to_owned(),
    };
    Failure::failed(format!("There is no verb `{word}`."), advice)
}

/// Whether the user of a command line that could not be parsed wants JSON.
fn wants_json(args: &[OsString]) -> bool {
    args.iter().any(|arg| arg == "--json")
}
