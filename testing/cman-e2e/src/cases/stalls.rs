//! A daemon that sleeps for a while (SIGSTOP).

use super::{Scale, Stage};
use crate::{cluster::now_ns, figure::Figure, report::Event};
use anyhow::{Result, ensure};
use std::{thread::sleep, time::Duration};

/// How long the long stall is.
const LONG: Duration = Duration::from_secs(10);

/// How long the sleeper may take to be back.
const BACK_MAX: Duration = Duration::from_secs(60);

/// Reasons in views that say that a node failed.
const BLAMES: [&str; 4] = ["silent", "unresponsive", "lagging", "killed"];

/// Words in a log that say so.
const ACCUSATIONS: [&str; 3] = ["was put out", "was left out", "silent for"];

/// Half a token: nothing happens. For a member, then for the coordinator.
pub fn short(scale: &Scale) -> Result<Vec<Figure>> {
    let stage = Stage::new(scale, 5)?;
    let ranked = stage.by_rank()?;
    let mut figures = Vec::new();
    for (sleeper, who) in [(ranked.last(), "member"), (ranked.first(), "coordinator")] {
        let sleeper = sleeper.copied().unwrap_or(1);
        stage.watch.expect_quiet(&stage.all, scale.tokens(1.0))?;
        let since = now_ns();
        doze(&stage, sleeper, scale.tokens(0.5))?;
        sleep(scale.tokens(2.0));
        let others = stage.watch.most_changes(&stage.others(&[sleeper]), since)?;
        let own = stage.watch.changes(sleeper, since)?;
        // Of whatever kind, and also one that only repeats what was so before.
        let told = stage.watch.events(sleeper)?;
        let told = told.iter().filter(|event| event.monotonic_ns >= since).count();
        let what = format!("{who} stopped for half a token");
        figures.extend([
            Figure::strict("views", others.views.max(own.views) as f64, "views", 0.0).of(&what),
            Figure::strict("quorum changes elsewhere", others.quorum as f64, "changes", 0.0)
                .of(&what),
            Figure::strict("quorum changes at itself", own.quorum as f64, "changes", 0.0).of(&what),
            Figure::strict("events at itself", told as f64, "events", 0.0).of(&what),
        ]);
    }
    Ok(figures)
}

/// Ten seconds: put out once; after it wakes it accuses nobody, says that it is inquorate before
/// anything else, and rejoins once.
pub fn long(scale: &Scale, coordinator: bool) -> Result<Vec<Figure>> {
    let stage = Stage::new(scale, 5)?;
    stage.watch.expect_quiet(&stage.all, scale.tokens(1.0))?;
    let ranked = stage.by_rank()?;
    let sleeper = if coordinator { ranked.first() } else { ranked.last() };
    let sleeper = sleeper.copied().unwrap_or(1);
    let others = stage.others(&[sleeper]);

    let asleep = now_ns();
    stage.cluster.node(sleeper)?.pause()?;
    stage.watch.wait_formed(&others, &others, asleep, LONG)?;
    let lease_end = stage.lease_end_ms(&[sleeper], &others, asleep)?;
    sleep(LONG.saturating_sub(Duration::from_nanos(now_ns().saturating_sub(asleep))));
    let while_asleep = stage.watch.most_changes(&others, asleep)?;

    let said_before = stage.cluster.node(sleeper)?.log().len();
    let awake = now_ns();
    stage.cluster.node(sleeper)?.resume()?;
    stage.watch.wait_formed(&stage.all, &stage.all, awake, BACK_MAX)?;
    sleep(scale.tokens(3.0));
    let after = stage.watch.most_changes(&others, awake)?;
    let own = stage.watch.changes(sleeper, awake)?;
    let first = stage.watch.events(sleeper)?.into_iter().find(|event| event.monotonic_ns >= awake);
    nobody_is_accused(&stage, &others, awake)?;
    let log = stage.cluster.node(sleeper)?.log();
    let said = log.get(said_before..).unwrap_or_default();
    let accuses = |line: &&str| ACCUSATIONS.iter().any(|word| line.contains(word));
    ensure!(!said.lines().any(|line| accuses(&line)), "node {sleeper} woke and said\n{said}");
    let own_views = stage.watch.views(sleeper, awake)?;
    let blames = own_views.iter().flat_map(reasons).any(|reason| BLAMES.contains(&&*reason));
    ensure!(!blames, "node {sleeper} woke and blames others: {own_views:?}");
    let honest = first.as_ref().is_some_and(|event| event.quorate() == Some(false));
    ensure!(honest, "node {sleeper} woke and said first: {first:?}");

    let what = format!("{} stopped for 10 s", if coordinator { "coordinator" } else { "member" });
    let quorum = while_asleep.quorum.saturating_add(after.quorum) as f64;
    Ok(vec![
        Figure::strict("its lease ends after the view without it", lease_end, "ms", 0.0).of(&what),
        Figure::strict("views while it sleeps", while_asleep.views as f64, "views", 1.0).of(&what),
        Figure::strict("views after it woke", after.views as f64, "views", 1.0).of(&what),
        Figure::strict("views at itself", own.views as f64, "views", 1.0).of(&what),
        // Lost when it woke, won when it was back.
        Figure::strict("quorum changes at itself", own.quorum as f64, "changes", 2.0).of(&what),
        Figure::strict("quorum changes elsewhere", quorum, "changes", 0.0).of(&what),
    ])
}

/// After it woke nobody is put out, by whomever.
fn nobody_is_accused(stage: &Stage, others: &[usize], awake: u64) -> Result<()> {
    for &number in others {
        for view in stage.watch.views(number, awake)? {
            let left = view.fields["left"].as_array().map_or(0, Vec::len);
            let blames = reasons(&view).iter().any(|reason| BLAMES.contains(&&**reason));
            ensure!(left == 0 && !blames, "node {number} put somebody out: {view:?}");
        }
    }
    Ok(())
}

/// The words for why nodes came and went in a view.
fn reasons(view: &Event) -> Vec<String> {
    let reasons = view.fields["reasons"].as_array().into_iter().flatten();
    reasons.filter_map(|one| Some(one["reason"].as_str()?.to_owned())).collect()
}

fn doze(stage: &Stage, number: usize, length: Duration) -> Result<()> {
    let node = stage.cluster.node(number)?;
    node.pause()?;
    sleep(length);
    node.resume()
}
