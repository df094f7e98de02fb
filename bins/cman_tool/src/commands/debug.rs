//! `cman_tool debug`.

use crate::{
    cli::{Common, Debug},
    failure::Failure,
};

/// Makes parts of the daemon say more in its log.
pub(super) fn run(common: &Common, args: &Debug) -> Result<(), Failure> {
    common.connect_admin()?.set_debug(args.debug)?;
    common.done(match args.debug {
        0 => "The daemon logs what it was started to log.",
        _ => "The daemon logs details of these parts.",
    })
}
