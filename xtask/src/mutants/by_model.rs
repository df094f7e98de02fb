//! What the model of view changes notices of a mutant.

use super::{Catch, Copy, Fate, Mutant, Place};
use anyhow::{Context, Result};
use std::process::Command;

/// States that a start may cost beyond those that are explored to the end, where a fault that needs
/// more to go wrong has not shown.
const MOST: &str = "20000";

/// How a mutant fares when the model is built with it and explores the start that the patch names.
pub(super) fn fate(copy: &Copy, mutant: &Mutant) -> Result<Fate> {
    let mut model = Command::new(copy.mutated());
    model.args(["--most", MOST]).args(&mutant.model).current_dir(&copy.tree);
    let output = model.output().context("cannot run the model")?;
    if output.status.success() {
        return Ok(Fate::Survived);
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let died = String::from_utf8_lossy(&output.stderr);
    let by = broken(&said).or_else(|| died.lines().find(|line| line.contains("panicked at")));
    let by = by.with_context(|| format!("the model failed: {died}"))?;
    Ok(Fate::Caught(Catch { at: Place::Model, by: by.to_owned() }))
}

/// The first property that the model calls broken.
fn broken(said: &str) -> Option<&str> {
    let line = said.lines().find_map(|line| line.trim_start().strip_prefix("BROKEN: "))?;
    Some(line.split_once(", after").map_or(line, |(property, _)| property))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_broken_property_is_told() {
        let said = "member dead  12 states\n  BROKEN: virtual synchrony, after 9 steps\n    \
                    Pass\n  BROKEN: one quorum, after 3 steps\n2 properties broken";
        assert_eq!(broken(said), Some("virtual synchrony"));
        assert_eq!(broken("12 states, 0 properties broken"), None);
    }
}
