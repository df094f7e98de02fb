//! Links between documents lead somewhere.

use super::Finding;
use crate::repository::root;
use std::path::Path;

/// Checks that each link to a file of the repository leads to one.
pub(crate) fn check(file: &str, text: &str) -> Vec<Finding> {
    let here = root().join(file);
    let here = here.parent().unwrap_or(root());
    let numbered = text.lines().enumerate();
    let broken = numbered.flat_map(|(at, line)| {
        let dead = links(line).filter(|target| !leads_somewhere(here, target));
        dead.map(move |target| (at + 1, target))
    });
    let finding = |(line, target)| Finding {
        file: file.to_owned(),
        line: Some(line),
        what: format!("the link to {target} leads nowhere"),
    };
    broken.map(finding).collect()
}

/// The targets of the links in a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

fn leads_somewhere(here: &Path, target: &str) -> bool {
    let file = target.split('#').next().unwrap_or_default();
    target.contains("://") || target.starts_with("mailto:") || here.join(file).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_missing_files_are_found() {
        let text = "See [one](Cargo.toml) and [two](https://a.b/c)\n[three](#part) [four](no.md#x)";
        let found = check("README.md", text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "README.md:2: the link to no.md#x leads nowhere");
    }
}
