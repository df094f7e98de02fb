//! Clusters of one to six nodes, side by side: one program, so that the slow ones of one topic
//! run beside the others. They mostly wait, so more of them than there are processors may run at
//! once (`RUST_TEST_THREADS`).

mod bad_input;
mod barriers;
mod capi;
mod clients;
mod daemon;
mod dirty;
mod disk;
mod events;
mod failure;
mod formation;
mod groups;
mod leave;
mod multicast;
mod network;
mod ordered;
mod overrides;
mod partition;
mod paths;
mod ports;
mod quorum;
mod recordings;
mod restart;
mod restless;
mod shutdown;
mod stalls;
mod start;
mod storm;
mod strangers;
mod tool;
mod votes;
