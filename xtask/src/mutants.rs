//! `mutants`: deliberate faults, each of which the simulator must catch.
//!
//! A checker that cannot fail proves nothing. Each file `testing/mutants/NAME.patch` breaks one
//! rule of the protocol. It is applied to a copy of the sources, the simulator is built from
//! them and run: seeds, then faults that never end, then the scenarios that the patch names. What
//! the sources break without the mutant does not count as caught. A mutant that survives, does not
//! apply or does not build is a failure.

use crate::{packages, repository};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
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

/// Where a mutant was caught, and by what.
#[derive(Debug, PartialEq, Eq)]
struct Catch {
    at: String,
    by: String,
}

/// Runs the mutants and prints a table.
pub(crate) fn run(options: &Options) -> Result<()> {
    packages::ensure(&[("git", "git")])?;
    let mutants = chosen(all()?, &options.names)?;
    let copy = Copy::make()?;
    println!("building the simulator without faults first");
    copy.build().map_err(anyhow::Error::msg).context("the sources do not build as they are")?;
    fs::copy(copy.mutated(), &copy.sound).context("cannot keep the simulator without faults")?;
    let width = |of: fn(&Mutant) -> &str| mutants.iter().map(|m| of(m).len()).max().unwrap_or(0);
    let (name, rule) = (width(|mutant| &mutant.name), width(|mutant| &mutant.rule));
    println!("\n{:<name$}  {:<rule$}  {:<25}  checker", "mutant", "rule", "caught at");
    let mut uncaught = 0;
    for mutant in &mutants {
        let start = Instant::now();
        let fate = copy.fate(mutant, options.seeds)?;
        let (at, by) = match &fate {
            Fate::Caught(Catch { at, by }) => (at.as_str(), by.clone()),
            Fate::Survived => ("SURVIVED", format!("{} should have noticed", mutant.caught_by)),
            Fate::Useless(why) => ("USELESS", why.clone()),
        };
        let seconds = start.elapsed().as_secs();
        println!("{:<name$}  {:<rule$}  {at:<25}  {by} ({seconds} s)", mutant.name, mutant.rule);
        uncaught += usize::from(!matches!(fate, Fate::Caught(_)));
    }
    ensure!(uncaught == 0, "{uncaught} of {} mutants were not caught", mutants.len());
    println!("\nall {} mutants were caught", mutants.len());
    Ok(())
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
/// (several names, or several lines), and a description.
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
    Ok(Mutant { name: name.to_owned(), rule, caught_by, scenarios, files })
}

/// A copy of the sources that may be broken, with a build directory that lasts, so that each
/// mutant builds only what it changes.
#[derive(Debug)]
struct Copy {
    tree: PathBuf,
    build: PathBuf,
    /// The simulator of the sources as they are.
    sound: PathBuf,
}

impl Copy {
    fn make() -> Result<Self> {
        let base = repository::target().join("mutants");
        let (tree, build) = (base.join("tree"), base.join("build"));
        let copy = Self { tree, build, sound: base.join("cman-sim-without-faults") };
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
        cargo.args(["build", "--quiet", "--profile", "sim", "--package", "cman-sim"]);
        cargo.current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.build);
        succeed(&mut cargo, "it does not build")
    }

    /// The simulator that was built last.
    fn mutated(&self) -> PathBuf {
        self.build.join("sim/cman-sim")
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
            let (seed, catch) = seed_catch(&said).context("the simulator names no seed")?;
            let first = seed.to_string();
            let one = ["run", "--json", "--from", &first, "--seeds", "1"];
            if self.run(&self.sound, &[&one[..], &only].concat())?.is_none() {
                return Ok(Some(catch));
            }
            from = seed.saturating_add(1);
        }
        Ok(None)
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

/// The first failure in what `cman-sim run --json` printed, and its seed.
fn seed_catch(said: &Value) -> Option<(u32, Catch)> {
    let failures = said.get("failures")?.as_array()?;
    let failure =
        failures.iter().min_by_key(|failure| failure.get("seed").and_then(Value::as_u64))?;
    let seed = u32::try_from(failure.get("seed")?.as_u64()?).ok()?;
    let by = failure.get("invariant")?.as_str()?.to_owned();
    Some((seed, Catch { at: format!("seed {seed}"), by }))
}

/// What `cman-sim scenario --json` found broken.
fn scenario_catch(said: &Value) -> Option<Catch> {
    let (name, by) = (said.get("scenario")?.as_str()?, said.get("broken")?.as_str()?);
    // "invariant at so many s ...": where and who is of no interest here.
    let by = by.split_once(" at ").map_or(by, |(invariant, _)| invariant);
    Some(Catch { at: format!("scenario {name}"), by: by.to_owned() })
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
        let error = parse("no-wait", &PATCH.replace("# rule", "rule")).unwrap_err();
        assert!(error.to_string().contains("no `# rule: ` line"), "{error}");
    }

    #[test]
    fn the_lowest_seed_is_told() {
        let said = r#"{ "failures": [ { "seed": 9, "invariant": "b" },
                                      { "seed": 7, "invariant": "a" } ] }"#;
        let (seed, catch) = seed_catch(&serde_json::from_str(said).unwrap()).unwrap();
        assert_eq!((seed, catch.at.as_str(), catch.by.as_str()), (7, "seed 7", "a"));
        let nothing = json!({ "failures": [] });
        assert_eq!(seed_catch(&nothing), None);
    }

    #[test]
    fn what_a_scenario_breaks_is_told_in_short() {
        let said = json!({ "broken": "freshness at 9.4 s n1: late", "scenario": "x" });
        let catch = scenario_catch(&said).unwrap();
        assert_eq!((catch.at.as_str(), catch.by.as_str()), ("scenario x", "freshness"));
        assert_eq!(scenario_catch(&json!({ "broken": null, "scenario": "x" })), None);
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
