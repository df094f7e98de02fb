//! Measures the table of promises at full length with real daemons and prints it.
//!
//! `cargo run --release -p cman-e2e --bin measure -- [ROW...] [--repeat 5] [--json FILE]`

use anyhow::{Context, Result, ensure};
use clap::Parser;
use cman_e2e::{
    cases::Scale,
    corosync,
    cost::median,
    figure::{Figure, Judged},
    rows::{ROWS, Row},
};
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, thread};

/// Measures what cman promises, with real daemons in network namespaces. Needs root.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rows to measure; all if none is named.
    rows: Vec<String>,
    /// How often the rows that measure times are repeated.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// Writes all values to this file as well.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Prints the rows and ends.
    #[arg(long)]
    list: bool,
}

/// All runs of one figure.
#[derive(Debug)]
struct Runs {
    first: Figure,
    values: Vec<f64>,
}

/// What one row came to.
#[derive(Debug, Default)]
struct Outcome {
    /// In the order in which they were first measured.
    figures: Vec<Runs>,
    /// Runs that ended with an error.
    errors: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.list {
        for row in ROWS {
            println!("{:<10} {}", row.name, row.promise);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = chosen(&arguments.rows)?;
    let mut outcomes = measure_alone(&rows, arguments.repeat);
    outcomes.extend(measure_side_by_side(&rows));

    let mut passed = true;
    for row in &rows {
        let Some(outcome) = outcomes.get(row.name) else { continue };
        println!("\n{}: {}", row.name, row.promise);
        passed &= outcome.print();
    }
    print_ratios(&outcomes);
    if let Some(file) = arguments.json {
        let text = serde_json::to_string_pretty(&to_json(&outcomes))?;
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The rows of these names, or all that can be measured here.
fn chosen(names: &[String]) -> Result<Vec<Row>> {
    for name in names {
        let known = ROWS.iter().any(|row| row.name == name);
        ensure!(known, "there is no row {name:?}; `--list` shows them");
    }
    let wanted = |row: &Row| match names {
        [] => row.name != "corosync" || corosync::is_installed(),
        _ => names.iter().any(|name| name == row.name),
    };
    Ok(ROWS.into_iter().filter(wanted).collect())
}

fn measure_alone(rows: &[Row], repeat: usize) -> BTreeMap<&'static str, Outcome> {
    let mut outcomes = BTreeMap::<_, Outcome>::new();
    for run in 1..=repeat {
        for row in rows.iter().filter(|row| row.timed) {
            eprintln!("{} (run {run} of {repeat})", row.name);
            outcomes.entry(row.name).or_default().add((row.run)(&Scale::full()));
        }
    }
    outcomes
}

fn measure_side_by_side(rows: &[Row]) -> BTreeMap<&'static str, Outcome> {
    thread::scope(|scope| {
        let started: Vec<_> = rows
            .iter()
            .filter(|row| !row.timed)
            .map(|row| {
                eprintln!("{} (beside others)", row.name);
                (row.name, scope.spawn(|| (row.run)(&Scale::full())))
            })
            .collect();
        let mut outcomes = BTreeMap::<_, Outcome>::new();
        for (name, row) in started {
            let result = row.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the row panicked")));
            outcomes.entry(name).or_default().add(result);
        }
        outcomes
    })
}

impl Outcome {
    fn add(&mut self, result: Result<Vec<Figure>>) {
        match result {
            Err(error) => {
                eprintln!("failed: {error:#}");
                self.errors.push(format!("{error:#}"));
            }
            Ok(figures) => figures.into_iter().for_each(|figure| self.add_figure(figure)),
        }
    }

    fn add_figure(&mut self, figure: Figure) {
        match self.figures.iter_mut().find(|runs| runs.first.what == figure.what) {
            Some(runs) => runs.values.push(figure.value),
            None => self.figures.push(Runs { values: vec![figure.value], first: figure }),
        }
    }

    /// Prints the row and tells whether it keeps what it promises.
    fn print(&self) -> bool {
        for runs in &self.figures {
            println!("  {}", runs.line());
        }
        for error in &self.errors {
            println!("  FAIL  {}", error.lines().next().unwrap_or_default());
        }
        self.errors.is_empty() && self.figures.iter().all(Runs::passed)
    }
}

impl Runs {
    fn median(&self) -> f64 {
        median(&self.values)
    }

    fn max(&self) -> f64 {
        self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    fn min(&self) -> f64 {
        self.values.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn passed(&self) -> bool {
        match self.first.judged {
            Judged::ByMedian => self.median() <= self.first.limit,
            Judged::EveryRun => self.max() <= self.first.limit,
            Judged::NotAtAll => true,
        }
    }

    fn line(&self) -> String {
        let Figure { what, limit, unit, judged, .. } = &self.first;
        let verdict = match (judged, self.passed()) {
            (Judged::NotAtAll, _) => "      ",
            (_, true) => "pass  ",
            (_, false) => "FAIL  ",
        };
        let required = match judged {
            Judged::NotAtAll => String::new(),
            _ => format!("at most {limit} {unit}"),
        };
        let (median, min, max) = (self.median(), self.min(), self.max());
        let runs = self.values.len();
        format!(
            "{verdict}{what:<62} {required:<20} {median:>9.2} {unit} \
             ({min:.2} .. {max:.2}, {runs} runs)"
        )
    }
}

/// Prints ours against corosync's for each figure that both have.
fn print_ratios(outcomes: &BTreeMap<&'static str, Outcome>) {
    let Some(theirs) = outcomes.get("corosync") else { return };
    println!("\nbeside corosync");
    for their in &theirs.figures {
        let Figure { what, unit, .. } = &their.first;
        let ours = outcomes.iter().filter(|(name, _)| **name != "corosync");
        let mut ours = ours.flat_map(|(_, outcome)| &outcome.figures);
        let Some(our) = ours.find(|our| our.first.what == *what) else { continue };
        let (our, their) = (our.median(), their.median());
        let ratio = their / our;
        println!("  {what:<62} {our:>9.2} {unit} : {their:>9.2} {unit}   {ratio:.1} times");
    }
}

fn to_json(outcomes: &BTreeMap<&'static str, Outcome>) -> serde_json::Value {
    let rows = outcomes.iter().map(|(name, outcome)| {
        let figures: Vec<_> = outcome
            .figures
            .iter()
            .map(|runs| {
                serde_json::json!({
                    "what": runs.first.what,
                    "unit": runs.first.unit,
                    "limit": runs.first.limit.is_finite().then_some(runs.first.limit),
                    "median": runs.median(),
                    "values": runs.values,
                    "passed": runs.passed(),
                })
            })
            .collect();
        let row = serde_json::json!({ "figures": figures, "errors": outcome.errors });
        ((*name).to_owned(), row)
    });
    serde_json::Value::Object(rows.collect())
}
