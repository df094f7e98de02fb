//! From the command line to everything a daemon needs, or to the reason why it cannot start.
//!
//! In an order that lets each step fail without having touched what it need not: files are read and
//! names resolved (which may take long) before directories are made, directories are locked before
//! anything in them is changed, this life is noted on disk last, and the published lease is cleared
//! before the first datagram is sent. What a start that fails has made by then is taken away again
//! ([`crate::directory`]).

use crate::{
    args::Args, claim::Claim, detach::Starter, dirty::Mark, instead::wants_no_configuration,
    places::DESCRIPTORS_WANTED, run_dir::RunDir, start_error::StartError, state_dir::StateDir,
};
use cman_config::{Config, NodeConfig, Overrides, Parsed, Transport};
use cman_crypto::{Aead, Cipher, ClusterKey, Plain};
use cman_io::{
    interface::{Interface, interfaces},
    lease_page::LeaseWriter,
    regular_file, resolve,
    state::StoredState,
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
/// Far longer than any key file.
const KEY_FILE_BYTES_MAX: u64 = 64 << 10;
/// For a few clients, and everything else.
const DESCRIPTORS_MIN: u64 = 64;
/// A multicast stays on the link.
const MULTICAST_TTL: u8 = 1;

/// Everything that was found, opened and locked.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What the file says.
    pub(crate) file: Config,
    /// What the node runs on: what it says, or what the command line says instead.
    pub(crate) config: Config,
    pub(crate) me: NodeConfig,
    pub(crate) cipher: Box<dyn Cipher>,
    pub(crate) state_dir: StateDir,
    pub(crate) run_dir: RunDir,
    pub(crate) mark: Mark,
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
    if wants_no_configuration() {
        return Err(StartError::NoConfiguration);
    }
    let file = read_config(&args.config)?;
    let me = find_me(args, &file)?;
    let (config, me) = overridden(args, file.clone(), me)?;
    let cipher = make_cipher(args, &config)?;
    RunDir::check(&args.run_dir)?;
    let claim = Claim::stake(&args.run_dir)?;
    let interface = own_interface(&config, &me)?;
    let mut notes = Vec::new();
    starter.let_make()?;
    let mut run_dir = RunDir::acquire(&args.run_dir)?;
    drop(claim);
    let mark = Mark::check(&args.run_dir, args.force_clean)?;
    let mut state_dir = StateDir::acquire(&args.state_dir)?;
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
    let (found_state, incarnation) = state_dir.begin_life(&mut notes);
    Ok(Prepared {
        file,
        config,
        me,
        cipher,
        state_dir,
        run_dir,
        mark,
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
    let parsed = parse_config(path)?;
    if !parsed.warnings.is_empty() {
        tracing::warn!("{}", parsed.warnings.to_string().trim_end());
    }
    Ok(parsed.config)
}

/// Reads a configuration, with the warnings about it.
///
/// # Errors
/// When it cannot be read or used.
pub(crate) fn parse_config(path: &Path) -> Result<Parsed, StartError> {
    let limit = u64::try_from(cman_config::FILE_SIZE_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let bytes = regular_file::read(path, limit)
        .map_err(|source| StartError::ConfigRead { path: path.to_owned(), source })?;
    cman_config::parse(&path.to_string_lossy(), &bytes).map_err(StartError::Config)
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

/// The configuration with what the command line says instead, and this node in it.
fn overridden(
    args: &Args,
    config: Config,
    me: NodeConfig,
) -> Result<(Config, NodeConfig), StartError> {
    let overrides = args.instead.clone().into();
    if overrides != Overrides::default() {
        tracing::warn!(
            "options or the environment replace what {} says at this node; the other nodes must \
             be told the same",
            args.config.display()
        );
    }
    Ok(config.overridden(me, &overrides)?)
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
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::fs::Permissions;

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
    }
}
