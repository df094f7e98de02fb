//! What the classic text has no place for.

use super::time;
use cman_client::ipc::{
    StatusReply,
    status::{DaemonStatus, LinkStatus},
};

/// What an operator should know and act upon, one sentence each.
pub(crate) fn troubles(status: &StatusReply) -> Vec<String> {
    let alarms = status.alarms.iter().cloned();
    let paths = status.path_troubles.iter().map(|t| format!("node {}: {}", t.node, t.text));
    let held = status.hold_downs.iter().map(|held| {
        let seconds = held.left_ms.div_ceil(1000);
        format!("node {} is held off for another {seconds} s: {}", held.node, held.why)
    });
    alarms.chain(paths).chain(held).collect()
}

/// The lines that `cman_tool status --long` adds.
pub(crate) fn status(status: &StatusReply) -> String {
    let mut lines = vec![format!("Incarnation: {}", status.incarnation)];
    if let Some(view) = &status.view {
        let members: Vec<String> = view.members.iter().map(ToString::to_string).collect();
        lines.push(format!(
            "View: {} of coordinator {}, members {}, since {}, {} installed",
            view.epoch,
            view.coordinator,
            members.join(" "),
            time::local_ms(view.installed_at),
            view.changes
        ));
    }
    lines.push(format!("Quorum reason: {}", status.quorum.why));
    lines.push(format!("Quorum lease: {}", lease(status)));
    lines.push(format!("Lease promise: {}", promise(status)));
    lines.push(format!("Encryption: {}", if status.encrypted { "on" } else { "off" }));
    lines.extend(status.links.iter().map(link));
    let rejected = &status.rejected_datagrams;
    lines.push(format!(
        "Rejected datagrams: {} unauthenticated, {} replayed, {} malformed, {} of other clusters",
        rejected.unauthenticated, rejected.replayed, rejected.malformed, rejected.foreign_cluster
    ));
    lines.extend(daemon(&status.daemon));
    lines.extend(troubles(status).into_iter().map(|trouble| format!("Trouble: {trouble}")));
    lines.join("\n") + "\n"
}

fn lease(status: &StatusReply) -> String {
    match status.quorum.lease_ms_left {
        Some(left_ms) => format!("{left_ms} ms left"),
        None => "none".to_owned(),
    }
}

/// The inequality that lets a node know that it lost quorum before others act without it: its
/// lease, stretched by a slow clock, and the time from the check to its effect end before the
/// others, by a fast clock, may count without it.
fn promise(status: &StatusReply) -> String {
    let p = &status.promise;
    let percent = |ppm: u64| format!("{}.{:02} %", ppm / 10_000, ppm % 10_000 / 100);
    format!(
        "token {} ms, beat {} ms, lease {} ms, clocks within {}, stalls up to {} ms",
        p.token_ms,
        p.beat_ms,
        p.lease_ms,
        percent(p.rho_ppm),
        p.stall_bound_ms
    )
}

fn link(link: &LinkStatus) -> String {
    let state = if link.up { "up" } else { "down" };
    let multicast = match (link.multicast, link.multicast_heard) {
        (None, _) => "unicast only".to_owned(),
        (Some(group), true) => format!("multicast {group}, heard"),
        (Some(group), false) => format!("multicast {group}, not heard"),
    };
    format!("Link {}: {} port {}, {state}, {multicast}", link.id, link.address, link.port)
}

fn daemon(daemon: &DaemonStatus) -> Vec<String> {
    let yes_no = |yes| if yes { "yes" } else { "no" };
    let mut lines = vec![
        format!(
            "Daemon: process {}, version {}, {} KiB resident, {} stalls",
            daemon.pid,
            daemon.release,
            daemon.rss_bytes / 1024,
            daemon.stalls
        ),
        format!(
            "Daemon memory locked: {}, real-time priority: {}",
            yes_no(daemon.memory_locked),
            yes_no(daemon.realtime)
        ),
        format!("Configuration file: {}", daemon.config_file),
        format!("State directory: {}", daemon.state_dir),
    ];
    lines.extend(daemon.notes.iter().map(|note| format!("Note: {note}")));
    lines
}
