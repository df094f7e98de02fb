//! The bytes of each kind of frame, so that the format cannot change unnoticed.
//!
//! A change is a new wire version. While no version has been released:
//! `REWRITE=1 cargo test -p cman-wire golden` writes the file anew, for review.

use super::samples;
use crate::{Frame, WIRE_VERSION, codec};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/golden.txt");

fn name(frame: &Frame) -> String {
    let text = format!("{frame:?}");
    text.split('(').next().unwrap_or_default().to_owned()
}

fn line(frame: &Frame) -> String {
    let mut bytes = Vec::new();
    codec::encode(frame, &mut bytes);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} {hex}\n", name(frame))
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).unwrap();
    digits.chunks_exact(2).map(byte).collect()
}

#[test]
fn the_format_has_not_changed() {
    let text: String = samples::all().iter().map(line).collect();
    if std::env::var_os("REWRITE").is_some() {
        std::fs::write(FILE, &text).unwrap();
    }
    let golden = std::fs::read_to_string(FILE).unwrap();
    for (now, before) in text.lines().zip(golden.lines()) {
        assert_eq!(now, before);
    }
    assert_eq!(text.lines().count(), golden.lines().count());
}

#[test]
fn what_was_written_before_is_still_read() {
    let golden = std::fs::read_to_string(FILE).unwrap();
    let mut frames = Vec::new();
    for line in golden.lines() {
        let (_, hex) = line.split_once(' ').unwrap();
        frames.extend(codec::decode(WIRE_VERSION, &bytes_of(hex)).unwrap().frames);
    }
    assert_eq!(frames, samples::all());
}

#[test]
fn there_is_a_sample_of_every_kind() {
    let kinds: Vec<u8> = samples::all().iter().map(codec::kind).collect();
    assert_eq!(kinds, (1..=28).collect::<Vec<u8>>());
}
