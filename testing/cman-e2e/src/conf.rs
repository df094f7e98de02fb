//! The `cluster.conf` and the key of a test cluster.

use crate::lab::Lab;
use std::fmt::Write;

/// What the configuration of a test cluster says; the defaults are the product's own.
#[derive(Clone, Debug)]
pub struct Conf {
    /// How many nodes, numbered from 1, named `n1`, `n2`, ...
    pub nodes: usize,
    /// The name of the cluster.
    pub cluster: String,
    /// `config_version`.
    pub version: u64,
    /// `totem token` in milliseconds, if not the default.
    pub token_ms: Option<u64>,
    /// Votes of nodes that have not 1, as (node, votes).
    pub votes: Vec<(usize, u32)>,
    /// `encryption="off"` instead of the default.
    pub plain: bool,
    /// Attributes added to the `cman` element as they are, `two_node="1"` for example.
    pub cman: String,
    /// Elements added to the `cluster` element as they are.
    pub more: String,
}

impl Conf {
    /// A cluster of this many nodes with the product's defaults.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self {
            nodes,
            cluster: "lab".to_owned(),
            version: 1,
            token_ms: None,
            votes: Vec::new(),
            plain: false,
            cman: String::new(),
            more: String::new(),
        }
    }

    /// The same with another token, in milliseconds.
    #[must_use]
    pub fn token(mut self, token_ms: u64) -> Self {
        self.token_ms = Some(token_ms);
        self
    }

    /// The file.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut xml = format!(
            "<?xml version=\"1.0\"?>\n<cluster name=\"{}\" config_version=\"{}\">\n",
            self.cluster, self.version
        );
        let encryption = if self.plain { " encryption=\"off\"" } else { "" };
        let cman = if self.cman.is_empty() { String::new() } else { format!(" {}", self.cman) };
        // Writing to a string cannot fail.
        _ = writeln!(xml, "  <cman{encryption}{cman}/>");
        if let Some(token_ms) = self.token_ms {
            _ = writeln!(xml, "  <totem token=\"{token_ms}\"/>");
        }
        xml.push_str("  <clusternodes>\n");
        for node in 1..=self.nodes {
            let votes = self.votes.iter().find(|(n, _)| *n == node).map_or(1, |(_, votes)| *votes);
            let name = Lab::name(node);
            _ = writeln!(
                xml,
                "    <clusternode name=\"{name}\" nodeid=\"{node}\" votes=\"{votes}\"/>"
            );
        }
        xml.push_str("  </clusternodes>\n");
        xml.push_str(&self.more);
        xml.push_str("</cluster>\n");
        xml
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_stands_in_the_file() {
        let mut conf = Conf::new(2).token(1000);
        conf.votes.push((2, 3));
        conf.plain = true;
        let xml = conf.to_xml();
        assert!(xml.contains("<totem token=\"1000\"/>"));
        assert!(xml.contains("<cman encryption=\"off\"/>"));
        assert!(xml.contains("name=\"n2\" nodeid=\"2\" votes=\"3\""));
    }
}
