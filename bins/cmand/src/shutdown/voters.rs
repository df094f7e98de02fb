//! Whether this node may leave: its clients are asked, and each may object.
//!
//! Everybody who listens is asked. The vote is over when all have answered, or at its limit; until
//! then an answer may be replaced by another. Whoever is gone objects to nothing, whatever it said
//! before.

use cman_types::Instant;
use core::fmt;
use std::{collections::BTreeMap, time::Duration};

/// A connection of a client; none twice in the life of the daemon.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct ClientId(pub(crate) u64);

/// How somebody wants this node to leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wish {
    /// Whether objections count for nothing.
    pub(crate) anyway: bool,
    /// Whether those who stay lower what they expect.
    pub(crate) remove: bool,
}

/// Who listens, and the vote if there is one.
#[derive(Debug, Default)]
pub(crate) struct Voters {
    /// Those who are asked, and what they are called.
    listening: BTreeMap<ClientId, String>,
    vote: Option<Vote>,
    /// It was decided that this node leaves.
    leaves: bool,
}

#[derive(Debug)]
struct Vote {
    asker: ClientId,
    wish: Wish,
    /// Those who were asked. Whoever is gone is not among them any more.
    asked: BTreeMap<ClientId, Voter>,
    limit: Duration,
    deadline: Instant,
}

#[derive(Debug)]
struct Voter {
    program: String,
    /// Whether it agrees, if it has said so.
    agrees: Option<bool>,
}

/// A vote is under way, or was won.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Already {
    Asking,
    Leaving,
}

/// What came of a vote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// This node leaves, although some objected or were silent.
    Leave { wish: Wish, against: Against },
    /// It stays.
    Stay(Against),
}

/// Who did not agree.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Against {
    /// The names of those who objected.
    objected: Vec<String>,
    /// The names of those who said nothing.
    silent: Vec<String>,
    /// For so long.
    limit: Duration,
}

impl Voters {
    /// A client listens from now on. The wish, if it is to be asked now.
    pub(crate) fn listen(&mut self, client: ClientId, program: &str) -> Option<Wish> {
        self.listening.insert(client, program.to_owned());
        let vote = self.vote.as_mut()?;
        if vote.asked.contains_key(&client) {
            return None;
        }
        vote.ask(client, program);
        Some(vote.wish)
    }

    /// A client does not listen any more. It still has its say in a vote that is under way.
    pub(crate) fn ignore(&mut self, client: ClientId) {
        self.listening.remove(&client);
    }

    /// A client is gone. Nobody leaves for one that has gone before that was decided.
    pub(crate) fn gone(&mut self, client: ClientId) {
        self.listening.remove(&client);
        if let Some(vote) = &mut self.vote {
            vote.asked.remove(&client);
        }
        if self.vote.as_ref().is_some_and(|vote| vote.asker == client) {
            self.vote = None;
        }
    }

    /// Somebody wants this node to leave. Those to be asked.
    ///
    /// # Errors
    /// When a vote is under way, or this node leaves already.
    pub(crate) fn start(
        &mut self,
        now: Instant,
        asker: ClientId,
        wish: Wish,
        limit: Duration,
    ) -> Result<Vec<ClientId>, Already> {
        if self.leaves {
            return Err(Already::Leaving);
        }
        if self.vote.is_some() {
            return Err(Already::Asking);
        }
        let asked = BTreeMap::new();
        let mut vote = Vote { asker, wish, asked, limit, deadline: now + limit };
        for (client, program) in &self.listening {
            vote.ask(*client, program);
        }
        self.vote = Some(vote);
        Ok(self.listening.keys().copied().collect())
    }

    /// A client answers. Nobody listens to those who were not asked.
    pub(crate) fn reply(&mut self, client: ClientId, agrees: bool) {
        let vote = self.vote.as_mut();
        if let Some(voter) = vote.and_then(|vote| vote.asked.get_mut(&client)) {
            voter.agrees = Some(agrees);
        }
    }

    /// What came of the vote, once, and who wanted it.
    pub(crate) fn verdict(&mut self, now: Instant) -> Option<(ClientId, Verdict)> {
        let vote = self.vote.take_if(|vote| vote.is_over(now))?;
        let Vote { asker, wish, asked, limit, .. } = vote;
        let mut against = Against { limit, ..Against::default() };
        for Voter { program, agrees } in asked.into_values() {
            match agrees {
                Some(true) => {}
                Some(false) => against.objected.push(program),
                None => against.silent.push(program),
            }
        }
        let stay = !wish.anyway && !against.is_nobody();
        self.leaves = !stay;
        let verdict = if stay { Verdict::Stay(against) } else { Verdict::Leave { wish, against } };
        Some((asker, verdict))
    }

    /// When [`Self::verdict`] has something to say at the latest.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.vote.as_ref().map(|vote| vote.deadline)
    }
}

impl Vote {
    fn ask(&mut self, client: ClientId, program: &str) {
        self.asked.insert(client, Voter { program: program.to_owned(), agrees: None });
    }

    fn is_over(&self, now: Instant) -> bool {
        now >= self.deadline || self.asked.values().all(|voter| voter.agrees.is_some())
    }
}

impl Against {
    /// Whether all agreed.
    pub(crate) const fn is_nobody(&self) -> bool {
        self.objected.is_empty() && self.silent.is_empty()
    }
}

/// One sentence without an end, such as `clvmd objects`.
impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objected, silent, limit } = self;
        if !objected.is_empty() {
            let objects = if objected.len() == 1 { "objects" } else { "object" };
            write!(f, "{} {objects}", list(objected))?;
        }
        if !silent.is_empty() {
            let and = if objected.is_empty() { "" } else { ", and " };
            let has = if silent.len() == 1 { "has" } else { "have" };
            let limit = limit.as_millis();
            write!(f, "{and}{} {has} not answered within {limit} ms", list(silent))?;
        }
        Ok(())
    }
}

/// The names, as far as a sentence has room for them.
fn list(programs: &[String]) -> String {
    const SHOWN_MAX: usize = 5;
    let mut shown: Vec<_> = programs.iter().take(SHOWN_MAX).cloned().collect();
    let more = programs.len() - shown.len();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    let last = shown.pop().unwrap_or_default();
    if shown.is_empty() { last } else { format!("{} and {last}", shown.join(", ")) }
}

#[cfg(test)]
mod tests;
