//! Datagrams of others on the same port and address, and nodes that may not join.

use super::{Scale, Stage};
use crate::{
    attempt::expect_words,
    cluster::{Cluster, now_ns},
    conf::Conf,
    figure::Figure,
    lab::Lab,
    node::Node,
    report::Rejected,
};
use anyhow::{Context, Result, ensure};
use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

/// The address that everybody in these cases shouts at.
const MULTICAST: &str = "239.192.77.7";
/// The control port, the default.
const PORT: &str = "5405";
/// Datagrams of [`babble`] for each target.
const DATAGRAMS: &str = "10000";
/// Nodes that are configured; the last of them does not run.
const CONFIGURED: usize = 4;
/// A node of the lab that is not configured.
pub const GUEST: usize = 5;
/// Another one.
const SECOND_GUEST: usize = 6;
/// The configured node that does not run.
pub const ABSENT: usize = 4;
/// Complaints of one kind are at least this far apart.
const COMPLAINTS_APART: Duration = Duration::from_secs(10);
/// The `config_version` of the cluster.
pub const VERSION: u64 = 2;
/// How many lines about refused nodes a log may have at once, before the limit of one in ten
/// seconds shows: one for each thing that is wrong with them, and one for their datagrams.
const LINES_ABOUT_NODES: usize = 2;

/// Three nodes of a cluster of four, and two nodes more on the same network.
#[derive(Debug)]
pub struct Neighbourhood {
    /// The cluster of nodes 1 to 3.
    pub stage: Stage,
    scale: Scale,
}

/// A visit of guests that must not disturb.
struct Visit<'a> {
    what: &'a str,
    /// Nodes that are started for it.
    guests: &'a [usize],
    /// What the cluster must say of it.
    words: &'a [&'a str],
    /// How many more datagrams each node must have refused.
    counted: fn(&Rejected) -> bool,
    /// Whether the guests are of this cluster, and so are refused by name.
    named: bool,
    /// What happens while the guests are there.
    meanwhile: fn(&Stage) -> Result<()>,
}

impl<'a> Visit<'a> {
    /// A visit of nobody, with nothing to count.
    fn of(what: &'a str, words: &'a [&'a str]) -> Self {
        Self { what, guests: &[], words, counted: |_| true, named: false, meanwhile: |_| Ok(()) }
    }
}

impl Neighbourhood {
    /// The cluster, formed and steady.
    pub fn new(scale: &Scale) -> Result<Self> {
        let conf = conf(scale);
        let lab = Lab::new(SECOND_GUEST)?;
        let cluster =
            Cluster::in_lab(lab, &on_one_address(&conf.to_xml()), &crate::built::programs()?)?;
        let stage = Stage::started(cluster, &[1, 2, 3])?;
        Ok(Self { stage, scale: *scale })
    }

    /// A cluster with another name and key on the same port and address, living its own life.
    fn other_name(&mut self) -> Result<Vec<Figure>> {
        let mut conf = self.scale.conf(2);
        "beta".clone_into(&mut conf.cluster);
        let own = conf.to_xml();
        let own = own.replace("\"n1\" nodeid=\"1\"", "\"n5\" nodeid=\"5\"");
        let own = on_one_address(&own.replace("\"n2\" nodeid=\"2\"", "\"n6\" nodeid=\"6\""));
        let guests = [GUEST, SECOND_GUEST];
        for guest in guests {
            self.stage.cluster.node(guest)?.configure_text(&own)?;
        }
        other_key(self.stage.cluster.node(GUEST)?)?;
        let (first, second) =
            (self.stage.cluster.node(GUEST)?, self.stage.cluster.node(SECOND_GUEST)?);
        first.give_key(second)?;
        self.play(&Visit {
            guests: &guests,
            counted: |more| more.foreign_cluster > 0,
            meanwhile: |stage| {
                let guests = [GUEST, SECOND_GUEST];
                stage.cluster.wait_formed(&guests, Duration::from_secs(30)).map(drop)
            },
            ..Visit::of("a cluster with another name", &["another name"])
        })
    }

    /// A node of the cluster that has another key.
    fn other_key(&mut self) -> Result<Vec<Figure>> {
        other_key(self.stage.cluster.node(ABSENT)?)?;
        let figures = self.play(&Visit {
            guests: &[ABSENT],
            counted: |more| more.unauthenticated > 0,
            ..Visit::of("another key", &["key mismatch"])
        });
        let (holder, absent) = (self.stage.cluster.node(1)?, self.stage.cluster.node(ABSENT)?);
        holder.give_key(absent)?;
        figures
    }

    /// A node of the cluster that does not encrypt.
    fn no_encryption(&mut self) -> Result<Vec<Figure>> {
        let mut conf = conf(&self.scale);
        conf.plain = true;
        self.configure_absent(&conf)?;
        self.play(&Visit {
            guests: &[ABSENT],
            counted: |more| more.unauthenticated > 0,
            ..Visit::of("no encryption", &["without encryption"])
        })
    }

    /// 10,000 datagrams of nonsense to each node and to all.
    fn nonsense(&mut self) -> Result<Vec<Figure>> {
        self.play(&Visit {
            counted: |more| more.malformed > 0 && more.unauthenticated > 0,
            meanwhile: |stage| babble(&stage.cluster),
            ..Visit::of("10,000 random datagrams", &["not of cman"])
        })
    }

    /// A second node with the id of node 2.
    pub fn same_id(&mut self) -> Result<Vec<Figure>> {
        let conf = conf(&self.scale).to_xml();
        let conf = conf.replace("\"n2\" nodeid=\"2\"", "\"n5\" nodeid=\"2\"");
        self.stage.cluster.node(GUEST)?.configure_text(&on_one_address(&conf))?;
        self.refused("a second node with id 2", GUEST, &["10.77.0.", "nodeid in cluster.conf"])
    }

    /// A node that only its own configuration knows.
    pub fn not_configured(&mut self) -> Result<Vec<Figure>> {
        let mut conf = conf(&self.scale);
        conf.nodes = GUEST;
        self.stage.cluster.node(GUEST)?.configure_text(&on_one_address(&conf.to_xml()))?;
        self.refused("a node that is not configured", GUEST, &["configur", "refus"])
    }

    /// A node whose configuration has another version than the cluster's.
    pub fn other_version(&mut self, version: u64, what: &str) -> Result<Vec<Figure>> {
        let mut conf = conf(&self.scale);
        conf.version = version;
        self.configure_absent(&conf)?;
        let told = format!("config_version {version}");
        self.refused(what, ABSENT, &[&told, "refuses"])
    }

    /// Gives the absent node what the others have.
    pub fn configure_absent(&self, conf: &Conf) -> Result<()> {
        self.stage.cluster.node(ABSENT)?.configure_text(&on_one_address(&conf.to_xml()))
    }

    /// A guest that must be refused, with a sentence that has all of `words` on both sides.
    fn refused(&mut self, what: &str, guest: usize, words: &[&str]) -> Result<Vec<Figure>> {
        let visit = Visit { guests: &[guest], named: true, ..Visit::of(what, words) };
        let figures = self.play(&visit)?;
        let log = self.stage.cluster.node(guest)?.log();
        expect_words(&log, words).with_context(|| format!("{what}: the guest"))?;
        Ok(figures)
    }

    /// Starts guests, waits, and ends them again: the cluster must not have noticed, must have
    /// counted and said what the visit demands, and must not have chattered.
    fn play(&mut self, visit: &Visit<'_>) -> Result<Vec<Figure>> {
        let what = visit.what;
        let all = self.stage.all.clone();
        // A complaint like it may have been said just now, and is not repeated at once.
        self.stage.watch.expect_quiet(&all, COMPLAINTS_APART)?;
        let (rejected_before, logs_before) = (self.rejected()?, self.logs()?);
        for &guest in visit.guests {
            std::fs::write(self.stage.cluster.node(guest)?.log_file(), "")?;
            self.stage.cluster.node_mut(guest)?.start()?;
        }
        let since = now_ns();
        (visit.meanwhile)(&self.stage)?;
        sleep(self.scale.fault);
        let changes = self.stage.watch.most_changes(&all, since)?;
        for &guest in visit.guests {
            let node = self.stage.cluster.node_mut(guest)?;
            if node.is_running() {
                node.kill()?;
            }
        }
        for (now, before) in self.rejected()?.iter().zip(&rejected_before) {
            let grown = grown(before, now);
            ensure!((visit.counted)(&grown), "{what}: refused datagrams: {grown:?}");
        }
        let told = self.wait_told(&logs_before, visit)?;
        let length = Duration::from_nanos(now_ns().saturating_sub(since));
        let kinds = if visit.named { LINES_ABOUT_NODES } else { 1 };
        let allowed = kinds * (1 + usize::try_from(length.as_secs() / 10)?);
        let most = told.iter().max_by_key(|told| told.lines().count()).map_or("", String::as_str);
        let lines = most.lines().count();
        if lines > allowed {
            eprintln!("{what}: the node that said most:\n{most}");
        }
        Ok(vec![
            Figure::strict("views", changes.views as f64, "views", 0.0).of(what),
            Figure::strict("quorum changes", changes.quorum as f64, "changes", 0.0).of(what),
            Figure::strict("log lines of a node", lines as f64, "lines", allowed as f64).of(what),
        ])
    }

    /// What each node has logged since it had logged `before`, once somebody has said what the
    /// visit demands: a complaint soon after another one waits.
    fn wait_told(&self, before: &[String], visit: &Visit<'_>) -> Result<Vec<String>> {
        let deadline = Instant::now() + COMPLAINTS_APART + Duration::from_secs(3);
        loop {
            let logs = self.logs()?;
            let told = logs.iter().zip(before).map(|(now, before)| now.get(before.len()..));
            let told: Vec<_> = told.map(|told| told.unwrap_or_default().to_owned()).collect();
            match expect_words(&told.concat(), visit.words) {
                Ok(()) => return Ok(told),
                Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(100)),
                Err(error) => return Err(error.context(format!("{}: the cluster", visit.what))),
            }
        }
    }

    fn rejected(&self) -> Result<Vec<Rejected>> {
        let statuses = self.stage.cluster.statuses(&self.stage.all);
        statuses.into_iter().map(|status| Ok(status?.rejected_datagrams)).collect()
    }

    fn logs(&self) -> Result<Vec<String>> {
        let nodes = self.stage.all.iter().map(|&number| self.stage.cluster.node(number));
        nodes.map(|node| Ok(node?.log())).collect()
    }
}

/// The configuration of the cluster.
fn conf(scale: &Scale) -> Conf {
    let mut conf = scale.conf(CONFIGURED);
    conf.version = VERSION;
    conf
}

/// Gives a node a key that nobody else has.
fn other_key(node: &Node) -> Result<()> {
    // Keys are never overwritten.
    std::fs::remove_file(node.keyfile())?;
    node.make_key()
}

fn grown(before: &Rejected, now: &Rejected) -> Rejected {
    Rejected {
        unauthenticated: now.unauthenticated.saturating_sub(before.unauthenticated),
        replayed: now.replayed.saturating_sub(before.replayed),
        malformed: now.malformed.saturating_sub(before.malformed),
        foreign_cluster: now.foreign_cluster.saturating_sub(before.foreign_cluster),
    }
}

/// The same configuration with [`MULTICAST`] as its multicast address.
fn on_one_address(xml: &str) -> String {
    let place = |line: &str| line.trim_start().starts_with("<cman ") || line.trim() == "<cman/>";
    let lines = xml.lines().map(|line| {
        if place(line) {
            line.replace("/>", &format!("><multicast addr=\"{MULTICAST}\"/></cman>\n"))
        } else {
            format!("{line}\n")
        }
    });
    lines.collect()
}

/// Runs the program `babble` in the namespace of [`GUEST`] against nodes 1 to 3.
fn babble(cluster: &Cluster) -> Result<()> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    let beside = own.ancestors().skip(1).take(2).map(|d| d.join("babble"));
    let program = beside.into_iter().find(|path| path.is_file());
    let program = program.context("babble is not beside this program: build cman-e2e first")?;
    run_babble(cluster, &program)
}

fn run_babble(cluster: &Cluster, program: &Path) -> Result<()> {
    let mut command = cluster.lab().command(GUEST, program);
    command.args([&Lab::address(GUEST), MULTICAST, PORT, DATAGRAMS]);
    command.args((1..=3).map(Lab::address));
    let output = command.output().context("cannot run babble")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "babble failed: {said}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    ensure!(report["overheard"].as_u64() > Some(0), "babble overheard nothing of the cluster");
    ensure!(report["sent"].as_u64() > Some(10_000), "babble sent only {report}");
    Ok(())
}

/// Other clusters and nodes that cannot be understood.
pub fn foreigners(scale: &Scale) -> Result<Vec<Figure>> {
    let mut neighbourhood = Neighbourhood::new(scale)?;
    let mut figures = neighbourhood.other_name()?;
    figures.extend(neighbourhood.other_key()?);
    figures.extend(neighbourhood.no_encryption()?);
    Ok(figures)
}

/// Datagrams of nonsense, as fast as they can be sent: in a lab on one machine a load for
/// everybody else on it.
pub fn nonsense(scale: &Scale) -> Result<Vec<Figure>> {
    Neighbourhood::new(scale)?.nonsense()
}

/// Those that are refused.
pub fn refusals(scale: &Scale) -> Result<Vec<Figure>> {
    let mut neighbourhood = Neighbourhood::new(scale)?;
    let mut figures = neighbourhood.same_id()?;
    figures.extend(neighbourhood.not_configured()?);
    figures.extend(neighbourhood.other_version(VERSION + 1, "a newer config_version")?);
    figures.extend(neighbourhood.other_version(VERSION - 1, "an older config_version")?);
    Ok(figures)
}
