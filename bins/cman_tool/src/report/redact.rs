//! The configuration without its secrets.
//!
//! This does not parse XML, because a configuration that does not parse is worth sending too.
//! It copies markup and blanks, wherever they stand, the values of attributes whose names speak of
//! secrets; it takes away all text between tags and the inside of comments, where `cluster.conf`
//! has nothing to say. Whatever it does not understand it takes away.

/// What stands in place of something that was taken away.
const BLANK: &str = "***";
/// Parts of the names of attributes whose values are secret.
const SECRET: [&str; 7] = ["auth", "community", "credential", "key", "pass", "pwd", "secret"];
/// Names that contain one of them and whose values are only paths.
const NO_SECRET: [&str; 2] = ["keyfile", "key_file"];

/// The text of a configuration with its secrets blanked.
pub(crate) fn redact(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((between, tag)) = rest.split_once('<') {
        push_between(&mut safe, between);
        rest = if let Some(comment) = tag.strip_prefix("!--") {
            safe.push_str("<!-- *** -->");
            comment.split_once("-->").map_or("", |(_, after)| after)
        } else {
            push_tag(&mut safe, tag)
        };
    }
    push_between(&mut safe, rest);
    safe
}

/// Text outside of tags: its line breaks and blanks are kept, the rest is taken away.
fn push_between(safe: &mut String, text: &str) {
    if text.trim().is_empty() {
        safe.push_str(text);
    } else {
        safe.push_str(BLANK);
        safe.extend(text.chars().filter(|c| *c == '\n'));
    }
}

/// A tag up to its `>`, which one in a quoted value is not. Returns what follows.
fn push_tag<'a>(safe: &mut String, tag: &'a str) -> &'a str {
    safe.push('<');
    let mut rest = tag;
    loop {
        let Some(at) = rest.find(['=', '>', '<', '"', '\'']) else {
            return push_broken(safe);
        };
        let (name, from_mark) = rest.split_at(at);
        match from_mark.as_bytes().first() {
            Some(b'=') => {
                safe.push_str(name);
                safe.push('=');
                let Some(after) = push_value(safe, name, from_mark.get(1..).unwrap_or_default())
                else {
                    return push_broken(safe);
                };
                rest = after;
            }
            Some(b'>') => {
                safe.push_str(name);
                safe.push('>');
                return from_mark.get(1..).unwrap_or_default();
            }
            _ => return push_broken(safe),
        }
    }
}

/// A quoted value, blanked if the name before it speaks of a secret. Returns what follows; `None`
/// if it is not quoted or never ends.
fn push_value<'a>(safe: &mut String, name: &str, text: &'a str) -> Option<&'a str> {
    let quoted = text.trim_start();
    let quote = quoted.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, after) = quoted.get(1..)?.split_once(quote)?;
    // A `<` cannot stand in a value: the quote that ended it belongs to something else.
    if value.contains('<') {
        return None;
    }
    let value = if is_secret(name) { BLANK } else { value };
    safe.push(quote);
    safe.push_str(value);
    safe.push(quote);
    Some(after)
}

/// The rest of a text whose quotes cannot be paired: nothing of it can be trusted.
fn push_broken(safe: &mut String) -> &'static str {
    safe.push_str(BLANK);
    safe.push_str(" [the rest is left out: its quotes do not pair]\n");
    ""
}

/// Whether the attribute name at the end of this text speaks of a secret.
fn is_secret(text: &str) -> bool {
    let name = text.split_whitespace().next_back().unwrap_or_default().to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word)) && !NO_SECRET.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_blanked_and_all_else_stays() {
        let text = r#"<?xml version="1.0"?>
<cluster name="alpha" config_version="4">
  <cman keyfile="/etc/cluster/cman.key" port="5405" rng_key='hush'/>
  <totem token="2000" key = "hush" secauth="on"/>
  <fencedevices>
    <fencedevice name="apc" agent="fence_apc" login="root" passwd="hush"
        snmp_priv_passwd="hush" community="hush" PassWord="hush > hush"/>
  </fencedevices>
</cluster>
"#;
        let safe = redact(text);
        assert!(!safe.contains("hush"), "{safe}");
        assert!(safe.contains(r#"keyfile="/etc/cluster/cman.key" port="5405" rng_key='***'/>"#));
        assert!(safe.contains(r#"token="2000" key ="***""#), "{safe}");
        assert!(safe.contains(r#"login="root" passwd="***""#));
        assert!(safe.contains(r#"community="***" PassWord="***"/>"#), "{safe}");
        assert_eq!(safe.lines().count(), text.lines().count());
    }

    #[test]
    fn what_is_not_markup_is_taken_away() {
        assert_eq!(redact("cman-key-1 00ff\n"), "***\n");
        assert_eq!(redact("<a>hush</a>"), "<a>***</a>");
        assert_eq!(redact(r#"<a/><!-- passwd="hush" --><b/>"#), "<a/><!-- *** --><b/>");
        assert_eq!(redact("<a/><!-- hush"), "<a/><!-- *** -->");
    }

    #[test]
    fn quotes_that_do_not_pair_end_it() {
        for text in [
            r#"<a passwd="hush/>"#,
            r#"<a passwd=hush x="1"/>"#,
            r#"<a passwd="hush/><b c="d"/>"#,
            r#"<a passwd=hush/>"#,
            r#"<a "hush" b="c"/>"#,
        ] {
            let safe = redact(text);
            assert!(!safe.contains("hush"), "{safe}");
            assert!(safe.contains("left out"), "{safe}");
        }
    }

    proptest! {
        #[test]
        fn no_secret_of_a_whole_element_survives(
            before in r#"( ?[a-z]{1,8}="[a-z0-9 >]{0,8}"){0,3}"#,
            name in "[a-z_]{0,6}(passwd|password|key|secret)[0-9]{0,2}",
            blank in " {0,2}",
            after in r#"( [a-z]{1,8}='[a-z0-9"]{0,8}'){0,3}"#,
        ) {
            prop_assume!(!NO_SECRET.contains(&name.as_str()));
            let text = format!(r#"<x {before} {name}{blank}={blank}"HUSH"{after}/>"#);
            let safe = redact(&text);
            prop_assert!(!safe.contains("HUSH"), "{}", safe);
            prop_assert!(!safe.contains("left out"), "{}", safe);
        }

        #[test]
        fn anything_at_all_is_survived(text in r#"[<>"'=a-z \n!-]{0,60}"#) {
            redact(&text);
        }
    }
}
