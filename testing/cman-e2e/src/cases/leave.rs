//! Clean leave, and leave with `remove`.

use super::{Scale, Stage};
use crate::{cluster::now_ns, figure::Figure, warnings, watch::ms_between};
use anyhow::{Result, ensure};
use std::time::Duration;

/// From the request to the new view at all who stay, in milliseconds.
const LEAVE_MS: f64 = 200.0;

/// How long the daemon that leaves may take to end.
const ENDED_MAX: Duration = Duration::from_secs(10);

/// What a node that leaves warns its services of.
pub const GIVES_UP: &str = "quorum given up: this node leaves";

/// A node leaves a cluster of `nodes` in good order: a member or the coordinator, with or without
/// `remove`.
pub fn leave(scale: &Scale, nodes: usize, coordinator: bool, remove: bool) -> Result<Vec<Figure>> {
    let mut stage = Stage::new(scale, nodes)?;
    stage.watch.expect_quiet(&stage.all, scale.tokens(1.0))?;
    let ranked = stage.by_rank()?;
    let chosen = if coordinator { ranked.first() } else { ranked.last() };
    let leaver = chosen.copied().unwrap_or(1);
    let stayers = stage.others(&[leaver]);

    let since = now_ns();
    let arguments: &[&str] = if remove { &["leave", "remove"] } else { &["leave"] };
    stage.cluster.node(leaver)?.tool_prints(arguments)?;
    let seen = stage.watch.wait_view(&stayers, &stayers, since, scale.tokens(5.0))?;
    let ended = stage.cluster.node_mut(leaver)?.wait_exit(ENDED_MAX)?;
    ensure!(ended.code() == Some(0), "a daemon that left ended with {ended}");
    std::thread::sleep(scale.tokens(1.5));
    let changes = stage.watch.most_changes(&stayers, since)?;
    let expected_votes = if remove { stayers.len() } else { nodes };
    for status in stage.cluster.statuses(&stayers) {
        let told = status?.quorum.expected_votes;
        ensure!(
            usize::try_from(told)? == expected_votes,
            "expected votes {told} after {arguments:?}"
        );
    }

    warnings::expect_only(&stage.cluster, &stayers, &[])?;
    warnings::expect_only(&stage.cluster, &[leaver], &[GIVES_UP])?;

    let who = if coordinator { "coordinator" } else { "member" };
    let what = format!("{who}, {}", arguments.join(" "));
    let changed = changes.quorum as f64;
    Ok(vec![
        Figure::amount("new view at all others", ms_between(since, seen), "ms", LEAVE_MS).of(&what),
        Figure::strict("views at another", changes.views as f64, "views", 1.0).of(&what),
        Figure::strict("quorum changes at another", changed, "changes", 0.0).of(&what),
    ])
}
