//! A daemon that sleeps for a while (SIGSTOP).

use super::{Scale, Stage};
use crate::{cluster::now_ns, figure::Figure};
use anyhow::{Result, ensure};
use std::{thread::sleep, time::Duration};

/// How long the long stall is.
const LONG: Duration = Duration::from_secs(10);

/// How long the sleeper may take to be back.
const BACK_MAX: Duration = Duration::from_secs(60);

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
        let what = format!("{who} stopped for half a token");
        figures.extend([
            Figure::strict("views", others.views.max(own.views) as f64, "views", 0.0).of(&what),
            Figure::strict("quorum changes elsewhere", others.quorum as f64, "changes", 0.0)
                .of(&what),
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

    let awake = now_ns();
    stage.cluster.node(sleeper)?.resume()?;
    stage.watch.wait_formed(&stage.all, &stage.all, awake, BACK_MAX)?;
    sleep(scale.tokens(3.0));
    let after = stage.watch.most_changes(&others, awake)?;
    let own = stage.watch.changes(sleeper, awake)?;
    let first = stage.watch.events(sleeper)?.into_iter().find(|event| event.monotonic_ns >= awake);
    let honest = first.as_ref().is_some_and(|event| event.quorate() == Some(false));
    ensure!(honest, "node {sleeper} woke and said first: {first:?}");

    let what = format!("{} stopped for 10 s", if coordinator { "coordinator" } else { "member" });
    let quorum = while_asleep.quorum.saturating_add(after.quorum) as f64;
    Ok(vec![
        Figure::strict("its lease ends after the view without it", lease_end, "ms", 0.0).of(&what),
        Figure::strict("views while it sleeps", while_asleep.views as f64, "views", 1.0).of(&what),
        Figure::strict("views after it woke", after.views as f64, "views", 1.0).of(&what),
        Figure::strict("views at itself", own.views as f64, "views", 1.0).of(&what),
        Figure::strict("quorum changes elsewhere", quorum, "changes", 0.0).of(&what),
    ])
}

fn doze(stage: &Stage, number: usize, length: Duration) -> Result<()> {
    let node = stage.cluster.node(number)?;
    node.pause()?;
    sleep(length);
    node.resume()
}
