//! The parts of the support archive.
//!
//! | module | what |
//! |---|---|
//! | [`archive`] | the file itself |
//! | [`redact`] | the configuration without its secrets |
//! | [`system`] | facts about the machine |

pub(crate) mod archive;
pub(crate) mod redact;
pub(crate) mod system;
