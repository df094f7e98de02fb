//! What must be true of a library and its header.

use super::Library;
use anyhow::{Context, Result, ensure};
use cman_e2e::command::run as run_command;
use std::{collections::BTreeSet, fs, path::Path};

/// Libraries that any program has loaded anyway: that of C, and the loader itself.
const ALWAYS_THERE: &[&str] = &["libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"];

/// As which languages a header must compile.
const LANGUAGES: &[&[&str]] = &[
    &["-std=c89", "-xc"],
    &["-std=c99", "-xc"],
    &["-std=c17", "-xc"],
    &["-std=c++98", "-xc++"],
    &["-std=c++17", "-xc++"],
];

/// Exports what its map says and nothing else, and needs nothing but the library of C.
pub(super) fn library(library: &Library, target: &Path) -> Result<()> {
    let map = fs::read_to_string(library.map()).context("cannot read the map")?;
    let expected = names_in_map(&map);
    for soname in library.sonames() {
        let path = target.join("lib").join(&soname);
        let path = path.to_str().context("the target directory is not UTF-8")?;
        let exported = run_command("nm", &["--dynamic", "--defined-only", "--format=posix", path])?;
        let exported = exported.lines().filter_map(|line| line.split(' ').next());
        let exported: BTreeSet<_> = exported.map(str::to_owned).collect();
        let missing: Vec<_> = expected.difference(&exported).collect();
        ensure!(missing.is_empty(), "{soname} does not export {missing:?}");
        let others: Vec<_> = exported.difference(&expected).collect();
        ensure!(others.is_empty(), "{soname} exports {others:?}, which its map does not name");
        let dynamic = run_command("readelf", &["--dynamic", "--wide", path])?;
        let (needed, own) = (tagged(&dynamic, "(NEEDED)"), tagged(&dynamic, "(SONAME)"));
        ensure!(own == [soname.as_str()], "{soname} calls itself {own:?}");
        let more: Vec<_> = needed.iter().filter(|name| !ALWAYS_THERE.contains(name)).collect();
        ensure!(more.is_empty(), "{soname} needs {more:?}");
    }
    Ok(())
}

/// Compiles in all languages, without a warning, with the test of the layouts.
pub(super) fn header(library: &Library, target: &Path) -> Result<()> {
    let test = library.directory().join("tests/layouts.c");
    let test = test.to_str().context("the path of the repository is not UTF-8")?;
    let include = format!("-I{}", target.join("include").display());
    for language in LANGUAGES {
        let strict = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", &include];
        run_command("cc", &[*language, &strict, &[test]].concat())
            .with_context(|| format!("the header is not good {}", language.join(" ")))?;
    }
    Ok(())
}

/// The names that a map exports.
fn names_in_map(map: &str) -> BTreeSet<String> {
    let global = map.split("global:").nth(1).unwrap_or_default();
    let global = global.split("local:").next().unwrap_or_default();
    global.split(';').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// What stands in brackets in the lines with this tag.
fn tagged<'a>(dynamic: &'a str, tag: &str) -> Vec<&'a str> {
    let lines = dynamic.lines().filter(|line| line.contains(tag));
    lines.filter_map(|line| line.split(['[', ']']).nth(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_map_are_those_between_global_and_local() {
        let map = "/* c */\n{\n  global:\n    a_b;\n    c;\n  local:\n    *;\n};\n";
        assert_eq!(names_in_map(map), BTreeSet::from(["a_b".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn tags_are_read() {
        let text = " 0x1 (NEEDED)  Shared library: [libc.so.6]\n 0xe (SONAME) name: [libx.so.1]\n";
        assert_eq!(tagged(text, "(NEEDED)"), ["libc.so.6"]);
        assert_eq!(tagged(text, "(SONAME)"), ["libx.so.1"]);
    }
}
