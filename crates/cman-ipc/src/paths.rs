//! Where the daemon and its clients find each other.

/// The run directory unless something else is said.
pub const RUN_DIR: &str = "/run/cman";
/// The environment variable that moves the run directory.
pub const RUN_DIR_ENV: &str = "CMAN_RUN_DIR";
/// Longest path of a socket in bytes: what the system's addresses have room for.
pub const SOCKET_PATH_MAX: usize = 107;
/// Socket for reading and for groups, in the run directory; mode 0660.
pub const PUBLIC_SOCKET: &str = "cman.sock";
/// Socket for everything, in the run directory; mode 0600.
pub const ADMIN_SOCKET: &str = "admin.sock";
/// The page with the quorum lease's deadline, in the run directory.
pub const LEASE_PAGE: &str = "lease";
/// The daemon's process id as text, in the run directory.
pub const PID_FILE: &str = "cmand.pid";
/// The file in the run directory that is locked as long as the daemon runs, with its process id. It
/// stays when the daemon ends.
pub const LOCK_FILE: &str = "cmand.lock";
/// The mark of a node whose clients carry state, in the run directory. It stays when the daemon
/// dies.
pub const DIRTY_FILE: &str = "dirty";
