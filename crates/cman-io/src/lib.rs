//! See the workspace architecture.
