//! One algorithm for join, leave, failure and merge: propose, flush, recover, install.

mod answer;
mod apart;
mod install;
mod plan;
mod propose;

pub(crate) use propose::Draft;
