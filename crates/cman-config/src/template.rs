//! Writes a minimal valid file.

use core::fmt::Write;

/// The text of a minimal `cluster.conf` with these nodes (id and name), version 1, one vote each.
/// `token_ms` is left out, so that the default applies, where it is `None`. Whatever the names
/// hold is escaped; whether they are allowed is for [`crate::parse`] to say.
#[must_use]
pub fn template(cluster_name: &str, nodes: &[(u32, &str)], token_ms: Option<u64>) -> String {
    let name = escape(cluster_name);
    let mut text =
        format!("<?xml version=\"1.0\"?>\n<cluster name=\"{name}\" config_version=\"1\">\n");
    if let Some(token_ms) = token_ms {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  <totem token=\"{token_ms}\"/>");
    }
    text.push_str("  <clusternodes>\n");
    for (id, name) in nodes {
        let name = escape(name);
        let _ = writeln!(text, "    <clusternode name=\"{name}\" nodeid=\"{id}\"/>");
    }
    text.push_str("  </clusternodes>\n</cluster>\n");
    text
}

/// The text as it must stand between double quotes. Characters that XML cannot hold at all become
/// the replacement character.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // Unescaped, these would be read back as blanks.
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out() {
        let hostile = "<a b=\"c\">&'\t\n\r\u{0}\u{ffff}";
        let text = template(hostile, &[(1, hostile)], Some(700));
        let document = roxmltree::Document::parse(&text).unwrap();
        let want = hostile.replace(['\u{0}', '\u{ffff}'], "\u{fffd}");
        let named: Vec<_> = document.descendants().filter_map(|n| n.attribute("name")).collect();
        assert_eq!(named, [want.as_str(), want.as_str()]);
        let token = document.descendants().find_map(|n| n.attribute("token"));
        assert_eq!(token, Some("700"));
    }
}
