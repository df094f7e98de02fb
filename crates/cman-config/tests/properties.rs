//! What must hold for any input.

use cman_config::{Severity, parse, template};
use proptest::prelude::*;

/// Pieces that get far into the reader when strung together.
const PIECES: &[&str] = &[
    "<cluster",
    "</cluster>",
    "<cman",
    "<totem",
    "<clusternodes>",
    "</clusternodes>",
    "<clusternode",
    "<multicast",
    "<fence>",
    "</fence>",
    "/>",
    ">",
    " name=\"",
    "\"",
    "alpha",
    " config_version=\"1\"",
    " nodeid=\"",
    "1",
    "0",
    "-",
    " votes=\"2\"",
    " two_node=\"1\"",
    " expected_votes=\"",
    " addr=\"",
    "239.1.1.1",
    "ff01::1",
    " token=\"",
    " port=\"",
    "5405",
    "<!DOCTYPE a [",
    "<!ENTITY b \"c\">",
    "]>",
    "&b;",
    "&amp;",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?xml version=\"1.0\"?>",
    "\n",
    "\r\n",
    "\t",
    " ",
    "ä",
    "\u{202e}",
    "\u{1b}[31m",
    "xmlns:a=\"b\"",
    "a:name=\"c\"",
    "18446744073709551616",
    "=",
    "<",
    "&#0;",
    "&#x10ffff;",
    "127.0.0.1",
];

/// What holds for the answer to any input.
fn check_answer(bytes: &[u8]) -> Result<(), TestCaseError> {
    let problems = match parse("file.conf", bytes) {
        Ok(parsed) => {
            prop_assert!(parsed.warnings.iter().all(|p| p.severity != Severity::Error));
            prop_assert!(!parsed.config.nodes.is_empty());
            prop_assert!(parsed.config.expected_votes > 0);
            parsed.warnings
        }
        Err(problems) => {
            prop_assert!(problems.iter().any(|p| p.severity == Severity::Error));
            problems
        }
    };
    let places: Vec<_> = problems.iter().map(|p| (p.line, p.column)).collect();
    prop_assert!(places.is_sorted());
    let text = problems.to_string();
    prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(2000)
    })]

    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check_answer(&bytes)?;
    }

    #[test]
    fn any_pieces_get_an_answer(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60),
    ) {
        check_answer(pieces.concat().as_bytes())?;
    }

    #[test]
    fn a_damaged_file_gets_an_answer(
        at in any::<prop::sample::Index>(),
        piece in prop::sample::select(PIECES),
        cut in 0_usize..30,
    ) {
        let mut bytes = include_bytes!("fixtures/complete.conf").to_vec();
        let at = at.index(bytes.len());
        let end = bytes.len().min(at + cut);
        bytes.splice(at..end, piece.bytes());
        check_answer(&bytes)?;
    }

    #[test]
    fn a_template_is_read_back(
        cluster in "[a-zA-Z0-9&<>'\"._-]{1,15}",
        names in prop::collection::btree_set("[a-z][a-z0-9-]{0,20}(\\.[a-z]{1,8})?", 1..20),
        token_ms in prop::option::of(200_u64..=300_000),
    ) {
        let nodes: Vec<(u32, &str)> = (1..).zip(names.iter().map(String::as_str)).collect();
        let parsed = parse("file.conf", template(&cluster, &nodes, token_ms).as_bytes());
        let Ok(parsed) = parsed else { return Err(TestCaseError::fail(format!("{parsed:?}"))) };
        prop_assert!(parsed.warnings.is_empty());
        let config = parsed.config;
        prop_assert_eq!(config.cluster_name, cluster);
        prop_assert_eq!(config.token.as_millis(), u128::from(token_ms.unwrap_or(2000)));
        let read: Vec<(u32, &str)> =
            config.nodes.iter().map(|node| (node.id.get(), node.name.as_str())).collect();
        prop_assert_eq!(read, nodes);
    }
}
