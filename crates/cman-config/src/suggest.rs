//! The nearest known name to a misspelt one.

/// Longer names are never compared: nobody misspells 64 letters by accident.
const NAME_LEN_MAX: usize = 64;

/// The candidate that `name` was most likely meant to be: at most a third of its letters apart
/// (inserted, dropped, changed, or two neighbours swapped), case aside. Ties go to the first.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let name: Vec<char> =
        name.chars().take(NAME_LEN_MAX + 1).flat_map(char::to_lowercase).collect();
    if name.len() > NAME_LEN_MAX {
        return None;
    }
    let apart_max = (name.len() / 3).max(1);
    candidates
        .map(|candidate| (distance(&name, &lower(candidate)), candidate))
        .filter(|&(apart, candidate)| apart <= apart_max && apart < candidate.len())
        .min_by_key(|&(apart, _)| apart)
        .map(|(_, candidate)| candidate)
}

fn lower(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Edit distance with swaps of neighbours, row by row.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous_char = None;
    for (row, &have) in from.iter().enumerate() {
        let mut current = Vec::with_capacity(to.len() + 1);
        let mut left = row + 1;
        current.push(left);
        for (column, &want) in to.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX);
            let mut best = at(&last, column).saturating_add(usize::from(have != want));
            best = best.min(at(&last, column + 1).saturating_add(1)).min(left + 1);
            let swapped =
                column > 0 && to.get(column - 1) == Some(&have) && previous_char == Some(want);
            if swapped {
                best = best.min(at(&before_last, column - 1).saturating_add(1));
            }
            left = best;
            current.push(best);
        }
        before_last = core::mem::replace(&mut last, current);
        previous_char = Some(have);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(from: &str, to: &str) -> usize {
        distance(&lower(from), &lower(to))
    }

    #[test]
    fn distances() {
        assert_eq!(apart("", "abc"), 3);
        assert_eq!(apart("abc", ""), 3);
        assert_eq!(apart("votes", "votes"), 0);
        assert_eq!(apart("vtoes", "votes"), 1);
        assert_eq!(apart("vote", "votes"), 1);
        assert_eq!(apart("kitten", "sitting"), 3);
    }

    #[test]
    fn suggests_what_was_meant_and_nothing_far_fetched() {
        let known = ["expected_votes", "two_node", "port"];
        assert_eq!(nearest("expected_vote", known.into_iter()), Some("expected_votes"));
        assert_eq!(nearest("TwoNode", known.into_iter()), Some("two_node"));
        assert_eq!(nearest("prot", known.into_iter()), Some("port"));
        assert_eq!(nearest("colour", known.into_iter()), None);
        assert_eq!(nearest("", ["a"].into_iter()), None);
        assert_eq!(nearest(&"x".repeat(100), known.into_iter()), None);
    }
}
