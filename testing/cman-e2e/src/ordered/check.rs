//! What must hold of all lives together: nothing lost, doubled or invented; one order among
//! those that stayed together; nothing taken and dropped; no ghosts in the group.

use super::life::{Heard, Life, Seen, View};
use anyhow::{Context, Result, bail, ensure};
use cman_client::groups::Process;
use cman_types::{Epoch, NodeId};
use std::collections::BTreeMap;

/// How much there was to check.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checked {
    /// Lives.
    pub lives: usize,
    /// Messages sent.
    pub sent: usize,
    /// Messages seen, at all members.
    pub heard: usize,
    /// Pairs of members that went together from one view to the next.
    pub pairs: usize,
}

/// Checks all lives of a test.
///
/// # Errors
/// When a promise is broken: which, where, and by which message.
pub fn check(lives: &[Life]) -> Result<Checked> {
    let by_number: BTreeMap<_, _> = lives.iter().map(|life| (life.number, life)).collect();
    let mut checked = Checked { lives: lives.len(), ..Checked::default() };
    for life in lives {
        checked.sent += life.sent.len();
        checked.heard += life.heard().count();
        nothing_invented(life, &by_number)
            .and_then(|()| nothing_lost_or_doubled(life))
            .and_then(|()| nothing_dropped(life))
            .and_then(|()| no_ghosts(life))
            .with_context(|| format!("life {} of {}", life.number, life.me))?;
    }
    checked.pairs = one_order(lives)?;
    Ok(checked)
}

/// Every message that was seen was sent, by whom the daemon says, and is what was sent.
fn nothing_invented(life: &Life, lives: &BTreeMap<u64, &Life>) -> Result<()> {
    for (_, heard) in life.heard() {
        let sender = lives.get(&heard.life).with_context(|| format!("nobody sent {heard:?}"))?;
        ensure!(sender.me == heard.from, "{} sent {heard:?}", sender.me);
        let sent = sender.sent.get(heard.place);
        ensure!(sent == Some(&heard.fingerprint), "{heard:?} is not what was sent: {sent:?}");
    }
    Ok(())
}

/// The messages of each sender come one after the other, without a gap as long as it stays in the
/// group, and never a second time.
fn nothing_lost_or_doubled(life: &Life) -> Result<()> {
    let mut last = BTreeMap::<Process, (usize, bool)>::new();
    for entry in &life.seen {
        match &entry.seen {
            Seen::Change { left, joined, .. } => {
                // What it sent while it was elsewhere was not for us.
                for (process, _) in left.iter().chain(joined) {
                    last.entry(*process).and_modify(|(_, gap)| *gap = true);
                }
            }
            Seen::Message(heard) => {
                if let Some((place, gap)) = last.get(&heard.from) {
                    ensure!(heard.place > *place, "again, or out of order: {heard:?}");
                    let next = heard.place == place + 1;
                    ensure!(next || *gap, "lost: what was sent between {place} and {heard:?}");
                }
                last.insert(heard.from, (heard.place, false));
            }
            Seen::View(_) => {}
        }
    }
    Ok(())
}

/// A member sees all its own messages, except those that were refused, and those at the end of a
/// connection that broke.
fn nothing_dropped(life: &Life) -> Result<()> {
    let own = life.heard().filter(|(_, heard)| heard.life == life.number);
    let places: Vec<_> = own.map(|(_, heard)| heard.place).collect();
    let gaps = places.last().map_or(0, |last| last + 1) - places.len();
    ensure!(gaps <= life.refused, "{gaps} own messages are missing between others");
    let missing = life.sent.len() - places.len();
    let all = life.ended.is_some() || missing <= life.refused;
    ensure!(all, "{missing} of {} were taken and dropped", life.sent.len());
    Ok(())
}

/// Who is in the group is on a node that is in the view, and who sends is in the group.
fn no_ghosts(life: &Life) -> Result<()> {
    let (mut nodes, mut group) = (Vec::new(), Vec::new());
    for entry in &life.seen {
        match &entry.seen {
            Seen::View(view) => nodes.clone_from(&view.members),
            Seen::Change { members, .. } => {
                let ghost = members.iter().find(|member| !nodes.contains(&member.node));
                ensure!(ghost.is_none(), "{ghost:?} is in the group, and the view is {nodes:?}");
                group.clone_from(members);
            }
            Seen::Message(heard) => {
                ensure!(group.contains(&heard.from), "{heard:?} of somebody not in {group:?}");
            }
        }
    }
    Ok(())
}

/// What a member saw in one view, until it went into the next.
#[derive(Clone)]
struct Stay<'a> {
    life: &'a Life,
    view: &'a View,
    next: &'a View,
    seen: Vec<&'a Seen>,
    /// It joined the group in this view.
    joined: bool,
}

type ViewId = (Epoch, NodeId);

/// Those that went together from one view to the next have seen the same in between. How many
/// pairs there were.
fn one_order(lives: &[Life]) -> Result<usize> {
    let mut stays = BTreeMap::<(ViewId, ViewId), Vec<Stay<'_>>>::new();
    for life in lives {
        for (from, stay) in stays_of(life) {
            stays.entry((from, stay.next.id)).or_default().push(stay);
        }
    }
    let mut pairs = 0;
    for ((from, to), together) in &stays {
        for (at, one) in together.iter().enumerate() {
            for other in together.iter().skip(at + 1) {
                if one.next.transitional.contains(&other.life.me.node) {
                    pairs += 1;
                    alike(one, other).with_context(|| format!("from view {from:?} to {to:?}"))?;
                }
            }
        }
    }
    Ok(pairs)
}

fn stays_of(life: &Life) -> Vec<(ViewId, Stay<'_>)> {
    let mut stays = Vec::new();
    let mut view: Option<&View> = None;
    let (mut seen, mut in_group, mut joined) = (Vec::new(), false, false);
    for entry in &life.seen {
        if let Seen::View(next) = &entry.seen {
            // Who is in no group yet has nothing to tell.
            if let Some(before) = view.filter(|_| in_group) {
                stays.push((before.id, Stay { life, view: before, next, seen, joined }));
            }
            (view, seen, joined) = (Some(next), Vec::new(), false);
        } else {
            joined |= !in_group;
            in_group = true;
            seen.push(&entry.seen);
        }
    }
    stays
}

/// Both saw the same; who joined in between, the same from there on.
fn alike(one: &Stay<'_>, other: &Stay<'_>) -> Result<()> {
    // Those that came from different sides have seen each other come, and must agree on messages.
    let together = one.view.transitional.contains(&other.life.me.node);
    let (mut one, mut other) = (one.clone(), other.clone());
    if !together {
        one.seen.retain(|seen| matches!(seen, Seen::Message(_)));
        other.seen.retain(|seen| matches!(seen, Seen::Message(_)));
    }
    let (short, long) =
        if one.seen.len() <= other.seen.len() { (&one, &other) } else { (&other, &one) };
    let skipped = if short.joined { long.seen.len() - short.seen.len() } else { 0 };
    let rest = long.seen.get(skipped..).unwrap_or_default();
    // What a member first sees is its own join, not the change that the others see.
    let first = usize::from(short.joined && together);
    let differs = rest.iter().zip(&short.seen).skip(first).position(|(a, b)| a != b);
    if differs.is_none() && rest.len() == short.seen.len() {
        return Ok(());
    }
    let at = differs.unwrap_or_else(|| short.seen.len().saturating_sub(first)) + first;
    bail!(
        "{} saw {} things and {} saw {}; the first difference is {:?} and {:?}",
        short.life.me,
        short.seen.len(),
        long.life.me,
        long.seen.len(),
        short.seen.get(at),
        rest.get(at)
    )
}

/// The latency that a share of all messages did not exceed, in microseconds; 0 without messages.
#[must_use]
pub fn percentile_us(lives: &[Life], per_mille: usize) -> u64 {
    let age = |(at, heard): (u64, &Heard)| at.saturating_sub(heard.sent_at) / 1000;
    let mut ages: Vec<_> = lives.iter().flat_map(Life::heard).map(age).collect();
    ages.sort_unstable();
    let at = (ages.len() * per_mille / 1000).min(ages.len().saturating_sub(1));
    ages.get(at).copied().unwrap_or(0)
}
