//! What the classic text has no place for.

use super::time;
use cman_client::ipc::{
    StatusReply,
    status::{DaemonStatus, LeasePromise, LinkStatus},
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
    lines.push(format!("Lease promise: {}", promise(&status.promise)));
    lines.push(format!("Encryption: {}", if status.encrypted { "on" } else { "off" }));
    let alone = status.view.as_ref().is_none_or(|view| view.members.len() < 2);
    lines.extend(status.links.iter().map(|one| link(one, alone)));
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
/// lease as a slow clock stretches it, and the time from the check to its effect, are shorter than
/// the token as a fast clock shrinks it.
fn promise(promise: &LeasePromise) -> String {
    let LeasePromise { token_ms, lease_ms, rho_ppm, stall_bound_ms, beat_ms } = promise;
    let longest = scaled(*lease_ms, MILLION, MILLION.saturating_sub(*rho_ppm));
    let longest = longest.saturating_add(*stall_bound_ms);
    let shortest = scaled(*token_ms, MILLION, MILLION.saturating_add(*rho_ppm));
    let verdict = if longest < shortest { "holds" } else { "DOES NOT HOLD" };
    let percent = format!("{}.{:02} %", rho_ppm / 10_000, rho_ppm % 10_000 / 100);
    format!(
        "lease {lease_ms} ms / (1 - {percent}) + stall {stall_bound_ms} ms = {longest} ms < \
         token {token_ms} ms / (1 + {percent}) = {shortest} ms {verdict}; beat {beat_ms} ms"
    )
}

const MILLION: u64 = 1_000_000;

/// `value * by / per`, without overflow on the way.
fn scaled(value: u64, by: u64, per: u64) -> u64 {
    let wide = u128::from(value) * u128::from(by) / u128::from(per.max(1));
    u64::try_from(wide).unwrap_or(u64::MAX)
}

fn link(link: &LinkStatus, alone: bool) -> String {
    let state = if link.up { "up" } else { "down" };
    let multicast = match (link.multicast, link.multicast_heard) {
        (None, _) => "unicast only".to_owned(),
        (Some(group), true) => format!("multicast {group}, heard"),
        // Nobody could be.
        (Some(group), false) if alone => format!("multicast {group}"),
        (Some(group), false) => format!("multicast {group}, not heard"),
    };
    format!("Link {}: {} port {}, {state}, {multicast}", link.id, link.address, link.port)
}

fn daemon(daemon: &DaemonStatus) -> Vec<String> {
    let yes_no = |yes| if yes { "yes" } else { "no" };
    let mut lines = vec![
        format!(
            "Daemon: process {}, version {}, {} KiB resident, {} {}",
            daemon.pid,
            daemon.release,
            daemon.rss_bytes / 1024,
            daemon.stalls,
            if daemon.stalls == 1 { "stall" } else { "stalls" }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn promise_with_stall(stall_bound_ms: u64) -> String {
        promise(&LeasePromise {
            token_ms: 2000,
            lease_ms: 1500,
            beat_ms: 166,
            rho_ppm: 10_000,
            stall_bound_ms,
        })
    }

    #[test]
    fn the_promise_says_whether_it_holds() {
        assert_eq!(
            promise_with_stall(400),
            "lease 1500 ms / (1 - 1.00 %) + stall 400 ms = 1915 ms < token 2000 ms / \
             (1 + 1.00 %) = 1980 ms holds; beat 166 ms"
        );
        assert!(promise_with_stall(464).contains("1979 ms < token 2000 ms / (1 + 1.00 %) = 1980"));
        assert!(promise_with_stall(464).contains(" holds"));
        assert!(promise_with_stall(465).contains(" DOES NOT HOLD"));
    }

    #[test]
    fn senseless_numbers_do_no_harm() {
        let most = LeasePromise {
            token_ms: u64::MAX,
            lease_ms: u64::MAX,
            beat_ms: u64::MAX,
            rho_ppm: u64::MAX,
            stall_bound_ms: u64::MAX,
        };
        assert!(promise(&most).contains("DOES NOT HOLD"));
    }
}
