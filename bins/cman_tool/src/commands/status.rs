//! `cman_tool status`.

use super::watch;
use crate::{
    cli::{Common, Status},
    failure::Failure,
    output, render,
};
use cman_client::ipc::StatusReply;

/// Shows how this node and its cluster are.
pub(super) fn run(common: &Common, args: &Status) -> Result<(), Failure> {
    if args.watch {
        return watch::run(common, || show(common, args));
    }
    show(common, args)
}

fn show(common: &Common, args: &Status) -> Result<(), Failure> {
    let status = common.connect()?.status()?;
    if common.json {
        return output::json_line(&render::json::status(&status));
    }
    let mut text = render::classic::status(&status);
    if args.long {
        text.push_str(&render::long::status(&status));
    } else {
        warn(&status);
    }
    output::text(&text)
}

/// The classic text has no place for trouble, and programs read it: so trouble goes to stderr.
fn warn(status: &StatusReply) {
    for trouble in render::long::troubles(status) {
        output::talk(&format!("cman_tool: warning: {trouble}"));
    }
}
