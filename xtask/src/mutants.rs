//! `mutants`: deliberate faults, each of which the simulator must catch.
//!
//! A checker that cannot fail proves nothing. Each file `testing/mutants/NAME.patch` breaks one
//! rule of the protocol. It is applied to a copy of the sources, the simulator is built from
//! them and run: seeds, then faults that never end, then the scenarios that the patch names. What
//! the sources break without the mutant does not count as caught. A mutant that survives, does not
//! apply or does not build is a failure; so is one that only a scenario catches, unless its patch
//! says why seeds cannot.
//!
//! With `--model` the model of view changes has to catch those, too, whose patch names a start.

mod by_model;

use crate::{packages, repository};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// Where the patches are.
const PATCHES: &str = "testing/mutants";

/// What `cargo xtask mutants` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only these, by name; all if none is given
    names: Vec<String>,
    /// How many seeds a mutant may survive
    #[arg(long, default_value_t = 500)]
    seeds: u32,
    /// Only the mutants that the model of view changes has to catch, and only by that
    #[arg(long)]
    model: bool,
}

/// A deliberate fault.
#[derive(Debug, PartialEq, Eq)]
struct Mutant {
    name: String,
    /// The rule it breaks.
    rule: String,
    /// Which checker should notice.
    caught_by: String,
    /// Scenarios that must notice if no seed does.
    scenarios: Vec<String>,
    /// Why no seed can notice, if that is so.
    beyond_seeds: Option<String>,
    /// From which start the model of view changes must notice, if it can.
    model: Option<String>,
    /// The files it changes.
    files: Vec<PathBuf>,
}

/// How a mutant fared.
#[derive(Debug)]
enum Fate {
    /// Caught: where, and by which checker.
    Caught(Catch),
    /// Not caught.
    Survived,
    /// The patch does not apply, or what it makes does not build.
    Useless(String),
}

/// Where a mutant was caught, and by which checker.
#[derive(Debug, PartialEq, Eq)]
struct Catch {
    at: Place,
    by: String,
}

/// Where a mutant was caught.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// By a life of a cluster with faults that come and go.
    Seed(u32),
    /// By one with a fault that never ends.
    Permanent(u32),
    /// Only by a scenario with this name.
    Scenario(String),
    /// By the model, from the start that the patch names.
    Model,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Seed(seed) => format!("seed {seed}"),
            Self::Permanent(seed) => format!("permanent seed {seed}"),
            Self::Scenario(name) => format!("scenario {name}"),
            Self::Model => "model".to_owned(),
        };
        f.pad(&text)
    }
}

/// Runs the mutants and prints a table.
pub(crate) fn run(options: &Options) -> Result<()> {
    packages::ensure(&[("git", "git")])?;
    let mut all = all()?;
    all.retain(|mutant| !options.model || mutant.model.is_some());
    let mutants = chosen(all, &options.names)?;
    let copy = Copy::make(options.model)?;
    println!("building {} without faults first", copy.catcher());
    copy.build().map_err(anyhow::Error::msg).context("the sources do not build as they are")?;
    fs::copy(copy.mutated(), &copy.sound).context("cannot keep what has no faults")?;
    let width = |of: fn(&Mutant) -> &str| mutants.iter().map(|m| of(m).len()).max().unwrap_or(0);
    let (name, rule) = (width(|mutant| &mutant.name), width(|mutant| &mutant.rule));
    println!("\n{:<name$}  {:<rule$}  {:<24}  checker", "mutant", "rule", "caught at");
    let (mut caught, mut uncaught) = (Vec::new(), 0);
    for mutant in &mutants {
        let start = Instant::now();
        let fate = copy.fate(mutant, options.seeds)?;
        let (at, by) = fate.told(mutant);
        let seconds = start.elapsed().as_secs();
        println!("{:<name$}  {:<rule$}  {at:<24}  {by} ({seconds} s)", mutant.name, mutant.rule);
        match fate {
            Fate::Caught(catch) if is_enough(mutant, &catch.at) => caught.push(catch.at),
            _ => uncaught += 1,
        }
    }
    println!("\n{}", totals(&caught, uncaught, options.seeds));
    ensure!(uncaught == 0, "{uncaught} of {} mutants were not caught as they must", mutants.len());
    Ok(())
}

impl Fate {
    /// The two last columns of the table.
    fn told(&self, mutant: &Mutant) -> (String, String) {
        match self {
            Self::Caught(Catch { at, by }) if is_enough(mutant, at) => (at.to_string(), by.clone()),
            Self::Caught(Catch { at, by }) => {
                (at.to_string(), format!("{by}: NO SEED, and the patch does not say why"))
            }
            Self::Survived => {
                ("SURVIVED".to_owned(), format!("{} should have noticed", mutant.caught_by))
            }
            Self::Useless(why) => ("USELESS".to_owned(), why.clone()),
        }
    }
}

/// Whether it is enough that the mutant was caught there.
const fn is_enough(mutant: &Mutant, at: &Place) -> bool {
    !matches!(at, Place::Scenario(_)) || mutant.beyond_seeds.is_some()
}

/// How many were caught by what, and how many seeds that took.
fn totals(caught: &[Place], uncaught: usize, seeds: u32) -> String {
    let seed = |place: &Place| match place {
        Place::Seed(seed) | Place::Permanent(seed) => Some(*seed),
        Place::Scenario(_) | Place::Model => None,
    };
    let count = |which: fn(&Place) -> bool| caught.iter().filter(|&place| which(place)).count();
    let by_model = count(|place| matches!(place, Place::Model));
    if by_model > 0 {
        return format!("{by_model} mutants caught by the model, {uncaught} not caught");
    }
    let mut sorted: Vec<u32> = caught.iter().filter_map(seed).map(|seed| seed + 1).collect();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
    format!(
        "{} mutants: {} caught by seeds with faults that come and go, {} by seeds with faults that \
         never end, {} by scenarios only, {uncaught} not caught\n\
         seeds needed: {median} in the middle, {} at most, {seeds} allowed",
        caught.len() + uncaught,
        count(|place| matches!(place, Place::Seed(_))),
        count(|place| matches!(place, Place::Permanent(_))),
        count(|place| matches!(place, Place::Scenario(_))),
        sorted.last().copied().unwrap_or(0),
    )
}

/// All mutants, by name.
fn all() -> Result<Vec<Mutant>> {
    let directory = repository::root().join(PATCHES);
    let listed = fs::read_dir(&directory).with_context(|| format!("no mutants in {PATCHES}"))?;
    let mut mutants = Vec::new();
    for entry in listed {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "patch") {
            let text = fs::read_to_string(&path)?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            mutants.push(parse(&name, &text)?);
        }
    }
    mutants.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(mutants)
}

fn chosen(mut mutants: Vec<Mutant>, names: &[String]) -> Result<Vec<Mutant>> {
    for name in names {
        ensure!(mutants.iter().any(|mutant| mutant.name == *name), "no mutant is called {name}");
    }
    if !names.is_empty() {
        mutants.retain(|mutant| names.contains(&mutant.name));
    }
    ensure!(!mutants.is_empty(), "there are no mutants in {PATCHES}");
    Ok(mutants)
}

/// Reads the header of a patch: lines `# rule: ...`, `# caught-by: ...`, perhaps `# scenario: ...`
/// (several names, or several lines) and `# beyond-seeds: ...`, and a description.
fn parse(name: &str, text: &str) -> Result<Mutant> {
    let header = |key: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("# {key}: ")));
        let value =
            value.with_context(|| format!("{PATCHES}/{name}.patch has no `# {key}: ` line"));
        value.map(str::to_owned)
    };
    let changed = text.lines().filter_map(|line| line.strip_prefix("+++ b/"));
    let files: Vec<_> = changed.map(|file| PathBuf::from(file.trim_end())).collect();
    ensure!(!files.is_empty(), "{PATCHES}/{name}.patch changes no file");
    let (rule, caught_by) = (header("rule")?, header("caught-by")?);
    let named = text.lines().filter_map(|line| line.strip_prefix("# scenario: "));
    let scenarios = named.flat_map(str::split_whitespace).map(str::to_owned).collect();
    let (beyond_seeds, model) = (header("beyond-seeds").ok(), header("model").ok());
    Ok(Mutant { name: name.to_owned(), rule, caught_by, scenarios, beyond_seeds, model, files })
}

/// A copy of the sources that may be broken, with a build directory that lasts, so that each
/// mutant builds only what it changes.
#[derive(Debug)]
struct Copy {
    tree: PathBuf,
    build: PathBuf,
    /// The simulator of the sources as they are, or the model.
    sound: PathBuf,
    /// Whether the model catches instead of the simulator.
    model: bool,
}

impl Copy {
    fn make(model: bool) -> Result<Self> {
        let base = repository::target().join("mutants");
        let (tree, build) = (base.join("tree"), base.join("build"));
        let copy = Self { tree, build, sound: base.join("without-faults"), model };
        let files = repository::files()?;
        copy.remove_others(Path::new(""), &files.iter().map(PathBuf::as_path).collect())?;
        files.iter().try_for_each(|file| copy.restore(file))?;
        Ok(copy)
    }

    /// Removes what an earlier run copied and the repository has no more.
    fn remove_others(&self, directory: &Path, keep: &BTreeSet<&Path>) -> Result<()> {
        let Ok(entries) = fs::read_dir(self.tree.join(directory)) else { return Ok(()) };
        for entry in entries {
            let entry = entry?;
            let file = directory.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.remove_others(&file, keep)?;
            } else if !keep.contains(file.as_path()) {
                fs::remove_file(entry.path())?;
            }
        }
        // A crate that is gone must not leave a directory that looks like one.
        let _ = fs::remove_dir(self.tree.join(directory));
        Ok(())
    }

    /// Brings one file back to what it is in the repository. A file that is so already keeps its
    /// time of change, so that cargo does not build it again.
    fn restore(&self, file: &Path) -> Result<()> {
        let (from, to) = (repository::root().join(file), self.tree.join(file));
        let original =
            fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        if fs::read(&to).is_ok_and(|copied| copied == original) {
            return Ok(());
        }
        fs::create_dir_all(to.parent().unwrap_or(&self.tree))?;
        fs::write(&to, original).with_context(|| format!("cannot write {}", to.display()))
    }

    fn fate(&self, mutant: &Mutant, seeds: u32) -> Result<Fate> {
        let fate = self.apply(mutant).and_then(|()| self.build());
        let fate = match fate {
            Err(why) => Fate::Useless(why),
            Ok(()) if self.model => by_model::fate(self, mutant)?,
            Ok(()) => self.simulate(mutant, seeds)?,
        };
        mutant.files.iter().try_for_each(|file| self.restore(file))?;
        Ok(fate)
    }

    fn apply(&self, mutant: &Mutant) -> Result<(), String> {
        let patch = repository::root().join(PATCHES).join(format!("{}.patch", mutant.name));
        let mut git = Command::new("git");
        git.arg("apply").arg(patch).current_dir(&self.tree);
        // The copy lies inside the repository, but git must not take it for a part of it.
        git.env("GIT_CEILING_DIRECTORIES", self.tree.parent().unwrap_or(&self.tree));
        succeed(&mut git, "the patch does not apply")
    }

    fn build(&self) -> Result<(), String> {
        let mut cargo = repository::cargo();
        cargo.args(["build", "--quiet", "--profile", "sim", "--package", self.catcher()]);
        cargo.current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.build);
        // A mutant changes a few lines: incrementally it builds in seconds instead of minutes.
        cargo.env("CARGO_INCREMENTAL", "1").env("CARGO_PROFILE_SIM_DEBUG", "0");
        succeed(&mut cargo, "it does not build")
    }

    /// The program that catches.
    const fn catcher(&self) -> &'static str {
        if self.model { "cman-model" } else { "cman-sim" }
    }

    /// The one that was built last.
    fn mutated(&self) -> PathBuf {
        self.build.join("sim").join(self.catcher())
    }

    /// Runs the simulator until something fails that does not fail without the mutant.
    fn simulate(&self, mutant: &Mutant, seeds: u32) -> Result<Fate> {
        for only in [None, Some("permanent")] {
            if let Some(catch) = self.run_seeds(seeds, only)? {
                return Ok(Fate::Caught(catch));
            }
        }
        for scenario in &mutant.scenarios {
            let arguments = ["scenario", "--json", scenario];
            let Some(said) = self.run(&self.mutated(), &arguments)? else { continue };
            if self.run(&self.sound, &arguments)?.is_none() {
                let catch =
                    scenario_catch(&said).context("the simulator does not say what broke")?;
                return Ok(Fate::Caught(catch));
            }
        }
        Ok(Fate::Survived)
    }

    fn run_seeds(&self, seeds: u32, only: Option<&str>) -> Result<Option<Catch>> {
        let only: Vec<&str> = only.map_or(Vec::new(), |only| vec!["--only", only]);
        let mut from = 0;
        while from < seeds {
            let (first, count) = (from.to_string(), (seeds - from).to_string());
            let all = ["run", "--json", "--from", &first, "--seeds", &count];
            let Some(said) = self.run(&self.mutated(), &[&all[..], &only].concat())? else {
                return Ok(None);
            };
            let Failure { seed, by, whole } =
                first_failure(&said).context("the simulator names no seed")?;
            self.replay(&whole, &only)?;
            let at = if only.is_empty() { Place::Seed(seed) } else { Place::Permanent(seed) };
            let first = seed.to_string();
            let one = ["run", "--json", "--from", &first, "--seeds", "1"];
            if self.run(&self.sound, &[&one[..], &only].concat())?.is_none() {
                return Ok(Some(Catch { at, by }));
            }
            from = seed.saturating_add(1);
        }
        Ok(None)
    }

    /// Runs a seed again, as the line about its failure says: the same must go wrong.
    fn replay(&self, failure: &Value, only: &[&str]) -> Result<()> {
        let text = |key: &str| failure.get(key).map(Value::to_string).unwrap_or_default();
        let (seed, nodes) = (text("seed"), text("nodes"));
        let one = ["run", "--json", "--seeds", "1", "--from", &seed, "--nodes", &nodes];
        let again = self.run(&self.mutated(), &[&one[..], only].concat())?;
        let again = again.as_ref().and_then(first_failure).map(|failure| failure.whole);
        ensure!(again.as_ref() == Some(failure), "seed {seed} goes otherwise when it is replayed");
        Ok(())
    }

    /// Runs a simulator once. `None` if it found nothing; else the object that it printed, or, if
    /// it printed none, how it died: an assertion in the mutant itself.
    fn run(&self, simulator: &Path, arguments: &[&str]) -> Result<Option<Value>> {
        let mut simulator = Command::new(simulator);
        simulator.args(arguments).current_dir(&self.tree);
        let output = simulator.output().context("cannot run the simulator")?;
        if output.status.success() {
            return Ok(None);
        }
        if let Ok(said) = serde_json::from_slice(&output.stdout) {
            return Ok(Some(said));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let panic = said.lines().find(|line| line.contains("panicked at"));
        let by = panic.with_context(|| format!("the simulator failed: {said}"))?.trim();
        Ok(Some(json!({ "scenario": arguments.last(), "broken": by })))
    }
}

/// A seed that failed.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    seed: u32,
    /// Which checker said so.
    by: String,
    /// All that is told of it.
    whole: Value,
}

/// The lowest seed that failed by what `cman-sim run --json` printed.
fn first_failure(said: &Value) -> Option<Failure> {
    let failures = said.get("failures")?.as_array()?;
    let failure =
        failures.iter().min_by_key(|failure| failure.get("seed").and_then(Value::as_u64))?;
    let seed = u32::try_from(failure.get("seed")?.as_u64()?).ok()?;
    let by = failure.get("invariant")?.as_str()?.to_owned();
    Some(Failure { seed, by, whole: failure.clone() })
}

/// What `cman-sim scenario --json` found broken.
fn scenario_catch(said: &Value) -> Option<Catch> {
    let (name, by) = (said.get("scenario")?.as_str()?, said.get("broken")?.as_str()?);
    // "invariant at so many s ...": where and who is of no interest here.
    let by = by.split_once(" at ").map_or(by, |(invariant, _)| invariant);
    Some(Catch { at: Place::Scenario(name.to_owned()), by: by.to_owned() })
}

/// Runs a command that must succeed; otherwise the reason, in one line.
fn succeed(command: &mut Command, otherwise: &str) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{otherwise}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().find(|line| line.starts_with("error")).or(said.lines().next());
    Err(format!("{otherwise}: {}", first.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "# rule: R-85\n# caught-by: quorum\nNo wait.\n\ndiff --git a/x.rs b/x.rs\n\
                         --- a/x.rs\n+++ b/x.rs\n@@ -1 +1 @@\n-a\n+b\n";

    #[test]
    fn a_patch_says_what_it_breaks_and_who_notices() {
        let mutant = parse("no-wait", PATCH).unwrap();
        assert_eq!((mutant.rule.as_str(), mutant.caught_by.as_str()), ("R-85", "quorum"));
        assert_eq!(mutant.files, [PathBuf::from("x.rs")]);
        let named = PATCH.replace("No wait.", "# scenario: short-phase two-hubs\nNo wait.");
        assert_eq!(parse("x", &named).unwrap().scenarios, ["short-phase", "two-hubs"]);
        let modelled = PATCH.replace("No wait.", "# model: member dead\nNo wait.");
        assert_eq!(parse("x", &modelled).unwrap().model.as_deref(), Some("member dead"));
        let error = parse("no-wait", &PATCH.replace("# rule", "rule")).unwrap_err();
        assert!(error.to_string().contains("no `# rule: ` line"), "{error}");
    }

    #[test]
    fn the_lowest_seed_is_told() {
        let said = r#"{ "failures": [ { "seed": 9, "invariant": "b" },
                                      { "seed": 7, "invariant": "a" } ] }"#;
        let first = first_failure(&serde_json::from_str(said).unwrap()).unwrap();
        assert_eq!((first.seed, first.by.as_str()), (7, "a"));
        assert_eq!(first_failure(&json!({ "failures": [] })), None);
    }

    #[test]
    fn what_a_scenario_breaks_is_told_in_short() {
        let said = json!({ "broken": "freshness at 9.4 s n1: late", "scenario": "x" });
        let catch = scenario_catch(&said).unwrap();
        assert_eq!((catch.at, catch.by.as_str()), (Place::Scenario("x".into()), "freshness"));
        assert_eq!(scenario_catch(&json!({ "broken": null, "scenario": "x" })), None);
    }

    #[test]
    fn a_scenario_alone_is_enough_only_with_a_reason() {
        let (seed, scenario) = (Place::Seed(499), Place::Scenario("x".to_owned()));
        let mutant = parse("x", PATCH).unwrap();
        assert!(is_enough(&mutant, &seed) && !is_enough(&mutant, &scenario));
        let told = Fate::Caught(Catch { at: scenario.clone(), by: "b".into() }).told(&mutant).1;
        assert!(told.contains("NO SEED"), "{told}");
        let excused = PATCH.replace("No wait.", "# beyond-seeds: it needs an hour\nNo wait.");
        assert!(is_enough(&parse("x", &excused).unwrap(), &scenario));
    }

    #[test]
    fn totals_are_told_by_kind() {
        let scenario = Place::Scenario("x".to_owned());
        let told = totals(&[Place::Permanent(99), scenario, Place::Seed(4)], 2, 500);
        assert!(told.starts_with("5 mutants: 1 caught by seeds"), "{told}");
        assert!(told.contains("1 by scenarios only, 2 not caught"), "{told}");
        assert!(told.ends_with("100 at most, 500 allowed"), "{told}");
        let told = totals(&[Place::Model, Place::Model], 1, 500);
        assert_eq!(told, "2 mutants caught by the model, 1 not caught");
    }

    #[test]
    fn only_known_mutants_can_be_chosen() {
        let mutants = || vec![parse("one", PATCH).unwrap(), parse("two", PATCH).unwrap()];
        assert_eq!(chosen(mutants(), &["two".into()]).unwrap().len(), 1);
        assert_eq!(chosen(mutants(), &[]).unwrap().len(), 2);
        assert!(chosen(mutants(), &["three".into()]).is_err());
        assert!(chosen(Vec::new(), &[]).is_err());
    }
}
