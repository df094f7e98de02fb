//! The page of frames lists the fields of each frame as the encoder writes them.

use crate::tidy::Finding;

/// Compares each `record!` and `choice!` of the encoder with the table under the heading of the
/// same name: field and type, or value and name.
pub(super) fn check(source: &str, code: &str, page: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, name, wanted) in layouts(code) {
        let what = match table(text, &name) {
            None => format!("{page} has no heading \"{name}\" with the layout of it"),
            Some(rows) if rows == wanted => continue,
            Some(rows) => {
                let differs = wanted.iter().zip(&rows).find(|(wanted, row)| wanted != row);
                let (wanted, row) = differs.map_or_else(
                    || (format!("{} rows", wanted.len()), format!("{}", rows.len())),
                    |(wanted, row)| (wanted.join(" "), row.join(" ")),
                );
                format!("{name} in {page} says `{row}`, here it is `{wanted}`")
            }
        };
        findings.push(Finding { file: source.to_owned(), line: Some(line), what });
    }
    findings
}

type Row = [String; 2];

/// The layouts in the source: where each is, of what, and its rows.
fn layouts(code: &str) -> Vec<(usize, String, Vec<Row>)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("!(") {
        let begin = code.get(..at).unwrap_or_default();
        let separator = match begin.rsplit(|c: char| !c.is_alphanumeric()).next() {
            Some("record") => ':',
            Some("choice") => '=',
            _ => continue,
        };
        let body = code.get(at + 2..).unwrap_or_default();
        let Some((body, _)) = body.split_once("});") else { continue };
        let Some((name, fields)) = body.split_once('{') else { continue };
        let line = begin.lines().count();
        let rows = split(fields).into_iter().filter_map(|field| {
            let (name, what) = field.split_once(separator)?;
            Some([name.trim().to_owned(), what.trim().to_owned()])
        });
        found.push((line, name.trim().to_owned(), rows.collect()));
    }
    found
}

/// Splits at the commas that are not within brackets.
fn split(fields: &str) -> Vec<String> {
    let mut depth = 0u32;
    let mut parts = vec![String::new()];
    for c in fields.chars() {
        match c {
            '(' | '<' => depth += 1,
            ')' | '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(if c == '\n' { ' ' } else { c });
        }
    }
    parts
}

/// The first two columns of the table under a heading that ends with this name, without marks.
fn table(text: &str, name: &str) -> Option<Vec<Row>> {
    let heading =
        |line: &&str| line.starts_with('#') && line.split_whitespace().last() == Some(name);
    let mut lines = text.lines().skip_while(|line| !heading(line));
    lines.next()?;
    let section = lines.take_while(|line| !line.starts_with('#'));
    let rows = section.filter(|line| line.starts_with('|')).skip(2);
    let rows = rows.map(|row| {
        let mut cells = row.split('|').skip(1).map(|cell| cell.trim().trim_matches('`').to_owned());
        [cells.next().unwrap_or_default(), cells.next().unwrap_or_default()]
    });
    Some(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "record!(Who { view: ViewId, hubs: Vec<(NodeId, u8)> });\n\
                        choice!(Kind {\n    0 = Candidate,\n    1 = Coordinator,\n});\n";
    const PAGE: &str = "### 3 Who\nAsks.\n\n| field | type | |\n|---|---|---|\n\
                        | `view` | `ViewId` | x |\n| `hubs` | `Vec<(NodeId, u8)>` | y |\n\
                        ### Kind\n| value | name |\n|---|---|\n| 0 | `Candidate` |\n\
                        | 1 | `Coordinator` |\n";

    fn said(page: &str) -> Vec<String> {
        check("body.rs", CODE, "frames.md", page).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_page_says_what_the_code_does() {
        assert_eq!(said(PAGE), [""; 0]);
    }

    #[test]
    fn another_type_another_order_and_a_missing_field_are_found() {
        let differs = "body.rs:1: Who in frames.md says `view NodeId`, here it is `view ViewId`";
        assert_eq!(said(&PAGE.replace("| `ViewId`", "| `NodeId`")), [differs]);
        assert_eq!(said(&PAGE.replace("| 1 | `Coordinator` |\n", "")).len(), 1);
        assert_eq!(said(&PAGE.replace("### Kind", "### Sort")).len(), 1);
    }
}
