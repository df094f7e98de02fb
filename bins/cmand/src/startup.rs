//! From the command line to everything a daemon needs, or to the reason why it cannot start.
//!
//! In an order that lets each step fail without having touched what it need not: files are read and
//! names resolved (which may take long) before directories are made, directories are locked before
//! anything in them is changed, this life is noted on disk last, and the published lease is cleared
//! before the first datagram is sent. What a start that fails has made by then is taken away again
//! ([`crate::directory`]).

use crate::{
    args::Args,
    detach::Starter,
    directory::{Directory, DirectoryError},
    run_dir::RunDir,
    start_error::StartError,
};
use cman_config::{Config, NodeConfig, Transport};
use cman_crypto::{Aead, Cipher, ClusterKey, Plain};
use cman_io::{
    clock,
    interface::{Interface, interfaces},
    lease_page::LeaseWriter,
    lock_file::LockError,
    regular_file, resolve,
    state::{self, STATE_FILE, StoredState},
    udp::{UdpConfig, UdpSockets},
};
use cman_types::Incarnation;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    fs,
    io::{self, Read},
    net::IpAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The key's file unless something else is said.
const KEY_FILE: &str = "/etc/cluster/cman.key";
/// Held as long as the daemon runs.
const STATE_LOCK_FILE: &str = "state.lock";
/// Far longer than any key file.
const KEY_FILE_BYTES_MAX: u64 = 64 << 10;
/// For the most clients there may be, and everything else.
const DESCRIPTORS_WANTED: u64 = 512;
/// For everything else and a few clients.
const DESCRIPTORS_MIN: u64 = 64;
/// A multicast stays on the link.
const MULTICAST_TTL: u8 = 1;

/// Everything that was found, opened and locked.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) config: Config,
    pub(crate) me: NodeConfig,
    pub(crate) cipher: Box<dyn Cipher>,
    /// `None` if the state directory cannot be written.
    pub(crate) state_dir: Option<Directory>,
    pub(crate) run_dir: RunDir,
    pub(crate) lease: LeaseWriter,
    pub(crate) interface: Interface,
    pub(crate) group: Option<IpAddr>,
    pub(crate) local_addresses: Vec<IpAddr>,
    pub(crate) sockets: UdpSockets,
    /// What was found on disk, if it can be used.
    pub(crate) found_state: Option<StoredState>,
    pub(crate) incarnation: Incarnation,
    /// What could not be had, for `status`.
    pub(crate) notes: Vec<String>,
}

/// Does everything up to the point where the node can be made.
///
/// # Errors
/// The first thing that is missing, but all problems of the configuration at once.
pub(crate) fn prepare(args: &Args, starter: Starter) -> Result<Prepared, StartError> {
    allow_descriptors()?;
    let config = read_config(&args.config)?;
    let me = find_me(args, &config)?;
    let cipher = make_cipher(args, &config)?;
    let interface = own_interface(&config, &me)?;
    let mut notes = Vec::new();
    starter.let_make()?;
    let mut run_dir = RunDir::acquire(&args.run_dir)?;
    let mut state_dir = lock_state_dir(&args.state_dir, &mut notes)?;
    let lease = LeaseWriter::create(run_dir.place_of_lease_page(), me.id)?;
    let group =
        (config.transport == Transport::Multicast).then(|| config.multicast_for(interface.address));
    let (sockets, warnings) = UdpSockets::open(&UdpConfig {
        interface: interface.clone(),
        port: config.port,
        group,
        ttl: MULTICAST_TTL,
    })?;
    for warning in warnings {
        tracing::warn!("{warning}");
        notes.push(warning.to_string());
    }
    let local_addresses = interfaces()?.into_iter().map(|interface| interface.address).collect();
    if let Some(state_dir) = &mut state_dir {
        state_dir.will_make(STATE_FILE);
    }
    let (found_state, incarnation) = begin_life(&args.state_dir, &mut notes);
    Ok(Prepared {
        config,
        me,
        cipher,
        state_dir,
        run_dir,
        lease,
        interface,
        group,
        local_addresses,
        sockets,
        found_state,
        incarnation,
        notes,
    })
}

/// Takes as many descriptors as are wanted and allowed. Too few are told here, where it can be
/// said in a sentence: libraries that run out of them panic.
fn allow_descriptors() -> Result<(), StartError> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Without a number there is no limit.
    let wanted = DESCRIPTORS_WANTED.min(maximum.unwrap_or(u64::MAX));
    if current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
            .map_err(io::Error::from)?;
    }
    if wanted < DESCRIPTORS_MIN {
        return Err(StartError::Descriptors { allowed: wanted, needed: DESCRIPTORS_MIN });
    }
    Ok(())
}

fn read_config(path: &Path) -> Result<Config, StartError> {
    let limit = u64::try_from(cman_config::FILE_SIZE_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let bytes = regular_file::read(path, limit)
        .map_err(|source| StartError::ConfigRead { path: path.to_owned(), source })?;
    let parsed = cman_config::parse(&path.to_string_lossy(), &bytes).map_err(StartError::Config)?;
    if !parsed.warnings.is_empty() {
        tracing::warn!("{}", parsed.warnings.to_string().trim_end());
    }
    Ok(parsed.config)
}

fn find_me(args: &Args, config: &Config) -> Result<NodeConfig, StartError> {
    let name = args
        .name
        .clone()
        .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned());
    config.node_by_name(&name).cloned().ok_or_else(|| StartError::NotANode {
        path: args.config.clone(),
        name,
        nodes: config.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", "),
    })
}

fn make_cipher(args: &Args, config: &Config) -> Result<Box<dyn Cipher>, StartError> {
    if !config.encryption {
        tracing::warn!("encryption is off: whoever can send to this network can speak as any node");
        return Ok(Box::new(Plain::new(&config.cluster_name)));
    }
    let path = args.keyfile.clone().or_else(|| config.keyfile.clone());
    let key = read_key(&path.unwrap_or_else(|| PathBuf::from(KEY_FILE)))?;
    Ok(Box::new(Aead::new(&key, &config.cluster_name, 0)))
}

fn read_key(path: &Path) -> Result<ClusterKey, StartError> {
    let unreadable = |source| StartError::KeyRead { path: path.to_owned(), source };
    let file = regular_file::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(StartError::KeyExposed { path: path.to_owned(), mode });
    }
    let mut text = zeroize::Zeroizing::new(Vec::with_capacity(128));
    file.take(KEY_FILE_BYTES_MAX).read_to_end(&mut text).map_err(unreadable)?;
    ClusterKey::parse(&text).map_err(|source| StartError::Key { path: path.to_owned(), source })
}

fn own_interface(config: &Config, me: &NodeConfig) -> Result<Interface, StartError> {
    let mut said = false;
    let progress = |error: &resolve::ResolveError| {
        if !said {
            let limit = resolve::OWN_NAME_TIMEOUT.as_secs();
            tracing::warn!("{error}; trying again for {limit} s");
            said = true;
        }
    };
    let found =
        resolve::own_interface(&me.name, config.multicast, resolve::OWN_NAME_TIMEOUT, progress)?;
    Ok(found)
}

/// Makes and locks the state directory. One that cannot be written is a warning, as a disk that
/// fails later would be; only another daemon's lock is an error.
fn lock_state_dir(dir: &Path, notes: &mut Vec<String>) -> Result<Option<Directory>, StartError> {
    match Directory::acquire(dir, 0o700, STATE_LOCK_FILE) {
        Ok(directory) => Ok(Some(directory)),
        Err(DirectoryError::Lock(held @ LockError::Held { .. })) => Err(held.into()),
        Err(error) => {
            let shown = dir.display();
            let text = format!(
                "cannot use the state directory {shown}: {error}; no state is kept: choose another \
                 place with --state-dir"
            );
            tracing::warn!("{text}");
            notes.push(text);
            Ok(None)
        }
    }
}

/// Chooses the incarnation of this life and puts it on disk. Whatever is wrong with the
/// state directory is a warning: the protocol is safe without it.
fn begin_life(dir: &Path, notes: &mut Vec<String>) -> (Option<StoredState>, Incarnation) {
    let mut note = |text: String| {
        tracing::warn!("{text}");
        notes.push(text);
    };
    let found = state::load(dir).unwrap_or_else(|error| {
        note(format!("{error}; going on as a node that lost its state"));
        None
    });
    let last = found.map_or(0, |state| state.incarnation.0);
    let wall_ms = u64::try_from(clock::wall().as_millis()).unwrap_or(u64::MAX);
    let incarnation = Incarnation(wall_ms.max(last.saturating_add(1)));
    let next = StoredState { incarnation, ..found.unwrap_or_default() };
    if let Err(error) = state::store(dir, &next) {
        note(format!("{error}; this node may lose its state when it restarts"));
    }
    (found, incarnation)
}

/// Resident memory of this process in bytes; 0 if the system does not tell.
pub(crate) fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split(' ').nth(1)?.parse::<u64>().ok());
    let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    pages.unwrap_or(0).saturating_mul(page_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_types::Epoch;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::fs::Permissions;

    #[test]
    fn each_life_is_later_than_the_one_before_even_if_the_clock_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut notes = Vec::new();
        let (found, first) = begin_life(dir.path(), &mut notes);
        assert_eq!(found, None);
        let far = Incarnation(first.0 + 1_000_000_000);
        let kept = StoredState { epoch_ceiling: Epoch(48), incarnation: far, removed: true };
        state::store(dir.path(), &kept).unwrap();
        let (found, next) = begin_life(dir.path(), &mut notes);
        assert_eq!(found, Some(kept));
        assert_eq!(next, Incarnation(far.0 + 1));
        let on_disk = state::load(dir.path()).unwrap().unwrap();
        assert_eq!(on_disk, StoredState { incarnation: next, ..kept });
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn a_state_directory_that_cannot_be_written_is_a_warning_but_a_shared_one_is_not() {
        let mut notes = Vec::new();
        let refused = lock_state_dir(Path::new("/proc/nonexistent"), &mut notes);
        assert!(matches!(refused, Ok(None)), "{refused:?}");
        assert_eq!(notes.len(), 1, "{notes:?}");
        let dir = tempfile::tempdir().unwrap();
        let _held = lock_state_dir(dir.path(), &mut notes).unwrap().unwrap();
        let second = lock_state_dir(dir.path(), &mut notes);
        assert!(matches!(second, Err(StartError::Lock(LockError::Held { .. }))), "{second:?}");
    }

    #[test]
    fn a_damaged_state_is_a_warning_and_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("state"), "garbage").unwrap();
        let mut notes = Vec::new();
        let (found, incarnation) = begin_life(dir.path(), &mut notes);
        assert_eq!(found, None);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert_eq!(state::load(dir.path()).unwrap().unwrap().incarnation, incarnation);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cman.key");
        let key = ClusterKey::from_random([7; 32]);
        fs::write(&path, key.to_file_text().as_bytes()).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_key(&path), Err(StartError::KeyExposed { mode: 0o640, .. })));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_key(&path).unwrap(), key);
    }

    #[test]
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        let said = read_config(&pipe).unwrap_err().to_string();
        assert!(said.contains("it is a pipe, not a file; name another with --config"), "{said}");
        let said = read_key(&pipe).unwrap_err().to_string();
        assert!(said.contains("it is a pipe, not a file"), "{said}");
        let said = read_key(dir.path()).unwrap_err().to_string();
        assert!(said.contains("it is a directory, not a file"), "{said}");
        // The state is no reason not to start.
        fs::rename(&pipe, dir.path().join("state")).unwrap();
        let mut notes = Vec::new();
        assert_eq!(begin_life(dir.path(), &mut notes).0, None);
        assert!(notes[0].contains("it is a pipe, not a file"), "{notes:?}");
    }
}
