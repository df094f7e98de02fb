#![forbid(unsafe_code)]
//! See the workspace architecture.
