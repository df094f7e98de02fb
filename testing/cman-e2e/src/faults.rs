//! Which frames the bridge drops: kept as a set, applied as one nftables transaction.
//!
//! The rules sit in the *bridge* forward hook, where each copy of a multicast passes once per
//! receiver, so that a path between two nodes has two directions that fail apart. ARP fails with
//! them; traffic of a node with itself never passes here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// A directed path: from a node to a node, by number.
pub type Path = (usize, usize);

/// Everything that is broken at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    cuts: BTreeSet<Path>,
    /// Probability of loss in thousandths, of directed paths.
    losses: BTreeMap<Path, u32>,
    /// Probability of loss in thousandths, of every directed path without an entry of its own.
    loss_everywhere: u32,
    /// Nodes that receive no multicast.
    no_multicast: BTreeSet<usize>,
}

impl Faults {
    /// `to` no longer hears `from`.
    pub fn one_way(&mut self, from: usize, to: usize) {
        self.cuts.insert((from, to));
    }

    /// `a` and `b` no longer hear each other.
    pub fn cut(&mut self, a: usize, b: usize) {
        self.one_way(a, b);
        self.one_way(b, a);
    }

    /// The path between `a` and `b` works again in both directions, without loss of its own.
    pub fn mend(&mut self, a: usize, b: usize) {
        for path in [(a, b), (b, a)] {
            self.cuts.remove(&path);
            self.losses.remove(&path);
        }
    }

    /// Nodes of different groups no longer hear each other. Nodes in no group are untouched.
    pub fn partition(&mut self, groups: &[&[usize]]) {
        for (at, group) in groups.iter().enumerate() {
            for other in groups.iter().skip(at + 1) {
                for (&a, &b) in group.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
                    self.cut(a, b);
                }
            }
        }
    }

    /// Each frame from `from` to `to` is lost with `percent` probability (0 to 100).
    pub fn loss(&mut self, from: usize, to: usize, percent: f64) {
        self.losses.insert((from, to), permille(percent));
    }

    /// Each frame is lost with `percent` probability (0 to 100) on every directed path that has
    /// no loss of its own.
    pub fn loss_all(&mut self, percent: f64) {
        self.loss_everywhere = permille(percent);
    }

    /// `to` receives no multicast, as behind a switch that snoops without a querier.
    pub fn block_multicast(&mut self, to: usize) {
        self.no_multicast.insert(to);
    }

    /// Nothing is broken any more.
    pub fn heal(&mut self) {
        *self = Self::default();
    }

    /// The whole state as one nftables transaction that replaces the one before.
    #[must_use]
    pub fn script(&self) -> String {
        let mut out = String::from(
            "table bridge lab\ndelete table bridge lab\ntable bridge lab {\n chain faults {\n  \
             type filter hook forward priority 0; policy accept;\n",
        );
        // Writing to a string cannot fail.
        let mut rule = |text: String| _ = writeln!(out, "  {text}");
        if !self.cuts.is_empty() {
            rule(format!("iifname . oifname {} drop", paths(self.cuts.iter())));
        }
        for &node in &self.no_multicast {
            rule(format!("oifname \"v{node}\" ip daddr 224.0.0.0/4 drop"));
            // Neighbour discovery is link-local multicast: without it no unicast passes either.
            let groups = "ip6 daddr ff00::/8 ip6 daddr != ff02::/16";
            rule(format!("oifname \"v{node}\" {groups} drop"));
        }
        for (permille, lossy) in self.losses_by_permille() {
            let of = paths(lossy.iter());
            if permille > 0 {
                rule(format!("iifname . oifname {of} {}", lose(permille)));
            }
            // Spared the loss that holds everywhere else.
            rule(format!("iifname . oifname {of} accept"));
        }
        if self.loss_everywhere > 0 {
            rule(lose(self.loss_everywhere));
        }
        out.push_str(" }\n}\n");
        out
    }

    fn losses_by_permille(&self) -> BTreeMap<u32, Vec<Path>> {
        let mut by_permille = BTreeMap::<u32, Vec<Path>>::new();
        for (&path, &permille) in &self.losses {
            by_permille.entry(permille).or_default().push(path);
        }
        by_permille
    }
}

/// Percent as whole thousandths, bounded to what makes sense.
fn permille(percent: f64) -> u32 {
    let bounded = (percent * 10.0).round().clamp(0.0, 1000.0);
    #[expect(clippy::cast_possible_truncation, reason = "clamped to 0..=1000 above")]
    #[expect(clippy::cast_sign_loss, reason = "clamped to 0..=1000 above")]
    let whole = bounded as u32;
    whole
}

/// The statement that drops a frame with this probability. A comparison that always holds is
/// refused by nftables.
fn lose(permille: u32) -> String {
    match permille {
        1000 => "drop".to_owned(),
        _ => format!("numgen random mod 1000 < {permille} drop"),
    }
}

/// An nftables set of directed paths; the bridge port of node i is called `vi`.
fn paths<'a>(paths: impl Iterator<Item = &'a Path>) -> String {
    let each: Vec<_> = paths.map(|(from, to)| format!("\"v{from}\" . \"v{to}\"")).collect();
    format!("{{ {} }}", each.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_cuts_exactly_the_pairs_across() {
        let mut faults = Faults::default();
        faults.partition(&[&[1], &[2, 3], &[4]]);
        let across = [(1, 2), (1, 3), (1, 4), (2, 4), (3, 4)];
        let both: BTreeSet<_> = across.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).collect();
        assert_eq!(faults.cuts, both);
    }

    #[test]
    fn one_way_cuts_one_way() {
        let mut faults = Faults::default();
        faults.one_way(1, 2);
        assert!(faults.script().contains("iifname . oifname { \"v1\" . \"v2\" } drop"));
        assert!(!faults.script().contains("\"v2\" . \"v1\""));
    }

    #[test]
    fn mending_one_pair_leaves_the_others_cut() {
        let mut faults = Faults::default();
        faults.partition(&[&[1], &[2, 3]]);
        faults.mend(1, 2);
        assert_eq!(faults.cuts, BTreeSet::from([(1, 3), (3, 1)]));
    }

    #[test]
    fn healing_leaves_an_empty_chain() {
        let mut faults = Faults::default();
        faults.loss_all(30.0);
        faults.loss(1, 2, 12.5);
        faults.block_multicast(3);
        assert!(faults.script().contains("\"v1\" . \"v2\" } numgen random mod 1000 < 125 drop"));
        assert!(faults.script().contains("  numgen random mod 1000 < 300 drop"));
        faults.heal();
        assert!(!faults.script().contains("drop"));
    }

    #[test]
    fn certain_loss_is_no_comparison() {
        assert_eq!(
            (lose(1000), lose(0)),
            ("drop".into(), "numgen random mod 1000 < 0 drop".into())
        );
    }

    #[test]
    fn senseless_percentages_are_bounded() {
        assert_eq!((permille(-3.0), permille(250.0), permille(f64::NAN)), (0, 1000, 0));
    }
}
