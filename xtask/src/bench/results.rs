//! Medians, ratios, the table, JSON.

use super::{figure::Figure, machine::Machine, plan::Plan};
use cman_e2e::cost::median;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

/// Who was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// Ours.
    Cman,
    /// The peer.
    Corosync,
    /// The network by itself.
    Wire,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cman => "cman",
            Self::Corosync => "corosync",
            Self::Wire => "network",
        })
    }
}

/// All runs of one figure.
#[derive(Clone, Debug, Default)]
struct Runs {
    values: Vec<f64>,
    failures: Vec<String>,
}

impl Runs {
    fn median(&self) -> Option<f64> {
        (!self.values.is_empty()).then(|| median(&self.values))
    }

    /// The median, the smallest and the largest value, and what failed.
    fn text(&self) -> String {
        let mut text = match self.median() {
            None => String::from("-"),
            Some(median) if self.values.len() == 1 => number(median),
            Some(median) => {
                let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
                let most = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                format!("{} ({} .. {})", number(median), number(least), number(most))
            }
        };
        if !self.failures.is_empty() {
            let (failed, all) = (self.failures.len(), self.values.len() + self.failures.len());
            // Writing to a string cannot fail.
            _ = write!(text, ", {failed} of {all} failed");
        }
        text
    }

    fn json(&self) -> Value {
        json!({ "median": self.median(), "values": self.values, "failures": self.failures })
    }
}

/// Everything that was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Results(BTreeMap<Figure, BTreeMap<Who, Runs>>);

impl Results {
    /// One more value.
    pub(crate) fn value(&mut self, figure: Figure, who: Who, value: f64) {
        self.runs(figure, who).values.push(value);
    }

    /// One more run that came to nothing.
    pub(crate) fn failure(&mut self, figure: Figure, who: Who, why: &str) {
        self.runs(figure, who).failures.push(why.to_owned());
    }

    fn runs(&mut self, figure: Figure, who: Who) -> &mut Runs {
        self.0.entry(figure).or_default().entry(who).or_default()
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut rows = vec![
            ["figure", "unit", "cman", "corosync", "ratio", "wanted"].map(str::to_owned).to_vec(),
        ];
        for (&figure, sides) in &self.0 {
            let text = |who| sides.get(&who).map_or_else(String::new, Runs::text);
            let (name, unit) = (figure.to_string(), figure.unit().to_owned());
            rows.push(if sides.contains_key(&Who::Wire) {
                vec![format!("network: {name}"), unit, text(Who::Wire)]
            } else {
                let [ratio, wanted] = verdict(figure, sides);
                vec![name, unit, text(Who::Cman), text(Who::Corosync), ratio, wanted]
            });
        }
        aligned(&rows)
    }

    /// For programs.
    pub(crate) fn json(&self, plan: &Plan, machine: &Machine) -> Value {
        let figures: Vec<_> = self.0.iter().map(|(&figure, sides)| entry(figure, sides)).collect();
        let machine = machine.json();
        json!({
            "machine": machine, "repeat": plan.repeat, "seconds": plan.seconds,
            "messages": plan.messages, "figures": figures,
        })
    }
}

/// How many times as good we are, by the medians.
fn ratio(figure: Figure, sides: &BTreeMap<Who, Runs>) -> Option<f64> {
    let ours = sides.get(&Who::Cman)?.median()?;
    let theirs = sides.get(&Who::Corosync)?.median()?;
    Some(figure.advantage(ours, theirs))
}

/// The ratio, and whether it is what is wanted.
fn verdict(figure: Figure, sides: &BTreeMap<Who, Runs>) -> [String; 2] {
    let ratio = ratio(figure, sides);
    let shown = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    let wanted = match (figure.wanted(), ratio) {
        (None, _) => String::new(),
        (Some(wanted), None) => format!("{wanted}"),
        (Some(wanted), Some(ratio)) if ratio >= wanted => format!("{wanted}: yes"),
        (Some(wanted), Some(_)) => format!("{wanted}: FALLS SHORT"),
    };
    [shown, wanted]
}

fn entry(figure: Figure, sides: &BTreeMap<Who, Runs>) -> Value {
    let mut entry = json!({ "figure": figure.to_string(), "unit": figure.unit() });
    if let Some(entry) = entry.as_object_mut() {
        for (who, runs) in sides {
            entry.insert(who.to_string(), runs.json());
        }
        if !sides.contains_key(&Who::Wire) {
            entry.insert("ratio".to_owned(), json!(ratio(figure, sides)));
            entry.insert("wanted".to_owned(), json!(figure.wanted()));
        }
    }
    entry
}

/// A number without digits that say nothing.
fn number(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// Rows with columns below each other.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column| rows.iter().filter_map(|row| row.get(column)).map(String::len).max();
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILOVER: Figure = Figure::Failover { nodes: 3 };

    #[test]
    fn the_table_has_medians_ratios_and_failures() {
        let mut results = Results::default();
        for ms in [2000.0, 3000.0, 1000.0] {
            results.value(FAILOVER, Who::Cman, ms);
        }
        results.value(FAILOVER, Who::Corosync, 5000.0);
        results.failure(FAILOVER, Who::Corosync, "it did not");
        let table = results.table();
        assert!(table.contains("2000 (1000 .. 3000)"), "{table}");
        assert!(table.contains("5000, 1 of 2 failed"), "{table}");
        assert!(table.contains("2.50   3: FALLS SHORT"), "{table}");
    }

    #[test]
    fn without_a_value_there_is_no_ratio() {
        let mut results = Results::default();
        results.value(FAILOVER, Who::Cman, 1000.0);
        results.failure(FAILOVER, Who::Corosync, "it did not");
        assert!(results.table().contains("-, 1 of 1 failed"), "{}", results.table());
        let sides = results.0.values().next().unwrap();
        assert_eq!(entry(FAILOVER, sides).get("ratio"), Some(&Value::Null));
    }
}
