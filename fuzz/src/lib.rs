//! What the fuzzing targets check, callable from ordinary tests too.
#![forbid(unsafe_code)]

use cman_crypto::{Cipher, Plain};
use cman_node::{
    gate::{Gate, GateSetup},
    input::Lane,
};
use cman_types::{Incarnation, Instant, MemberId, NodeId, Prng, Salt};
use cman_wire::{
    Assembly, Frame, Header, WIRE_VERSION,
    codec::{self, decode, decode_long},
    name_hash,
};
use std::{net::SocketAddr, time::Duration};

/// A clear header: what is read is written back the same, but for flags nobody knows.
pub fn header(bytes: &[u8]) {
    let Ok((header, rest)) = Header::parse(bytes) else { return };
    let mut written = Vec::new();
    header.write(&mut written);
    let mut read = bytes[..bytes.len() - rest.len()].to_vec();
    read[6] &= 1;
    assert_eq!(written, read);
}

/// The content of an opened datagram: what is read is written back the same.
pub fn wire(bytes: &[u8]) {
    if let Ok(decoded) = decode(WIRE_VERSION, bytes) {
        let mut assembly = Assembly::default();
        for part in &decoded.parts {
            if let Ok(Some((kind, body))) = assembly.add(part) {
                whole(kind, &body);
            }
        }
        for frame in &decoded.frames {
            let mut written = Vec::new();
            codec::encode(frame, &mut written);
            let again = decode(WIRE_VERSION, &written).map(|decoded| decoded.frames);
            assert_eq!(again.as_deref(), Ok(std::slice::from_ref(frame)));
        }
    }
    let _ = decode(WIRE_VERSION + 1, bytes);
    if let [kind, body @ ..] = bytes {
        whole(*kind, body);
    }
}

/// A long frame that came in parts.
fn whole(kind: u8, body: &[u8]) {
    if let Ok(Some(frame)) = decode_long(WIRE_VERSION, kind, body) {
        let mut written = Vec::new();
        codec::encode(&frame, &mut written);
        assert_eq!((written[0], &written[3..]), (kind, body));
    }
}

const NAME: &str = "alpha";

fn life(node: u32, incarnation: u64) -> Option<MemberId> {
    Some(MemberId {
        node: NodeId::new(node)?,
        incarnation: Incarnation(incarnation),
        salt: Salt([7; 16]),
    })
}

/// A datagram that really is of this cluster and this life, whatever it says.
fn authentic(sender: MemberId, lane: u8, counter: u64, plain: &[u8]) -> Vec<u8> {
    let header = Header {
        wire_version: WIRE_VERSION,
        encrypted: false,
        lane,
        key_id: 0,
        cluster: name_hash(NAME),
        sender,
        receiver: None,
        counter,
    };
    let mut clear = Vec::new();
    header.write(&mut clear);
    let mut bytes = clear.clone();
    Plain::new(NAME).derive(&sender, lane).seal(counter, &clear, plain, &mut bytes);
    bytes
}

/// A gate that is sent one datagram after the other. Each begins with a byte that says who sends
/// it, a byte of time that passes before, and the size of what follows.
pub fn gate(mut bytes: &[u8]) {
    let Some(me) = life(1, 1) else { return };
    let setup = GateSetup {
        me,
        cluster_name: NAME.to_owned(),
        peers: (1..=4).filter_map(NodeId::new).collect(),
        token: Duration::from_secs(1),
    };
    // Any change of the input changes the challenges, so the fuzzer cannot learn to answer them.
    let seed = bytes.iter().fold(1, |seed: u64, byte| {
        (seed ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
    });
    let mut gate = Gate::new(setup, Box::new(Plain::new(NAME)), Prng::new(seed));
    let mut now = Instant::ZERO;
    let mut counter = 0;
    while let [who, wait, size, rest @ ..] = bytes {
        let (content, rest) = rest.split_at(usize::from(*size).min(rest.len()));
        bytes = rest;
        now += Duration::from_millis(u64::from(*wait) * 10);
        counter += u64::from(who & 1);
        let lane = if who & 2 == 0 { Lane::Control } else { Lane::Data };
        let mut datagram = match life(u32::from(who >> 2 & 7), u64::from(who >> 5)) {
            Some(sender) => authentic(sender, u8::from(lane == Lane::Data), counter, content),
            None => content.to_vec(),
        };
        let from = SocketAddr::from(([10, 0, 0, *who], 5405));
        let heard = gate.open(now, from, lane, who & 1 == 0, &mut datagram);
        for heard in heard {
            // Nobody here can answer a challenge.
            assert!(!gate.is_verified(&heard.from));
            match heard.frame {
                Frame::Refuse(refuse) => assert_eq!(refuse.target, me),
                Frame::PutOut(put_out) => assert_eq!(put_out.target, me),
                other => panic!("passed without being verified: {other:?}"),
            }
        }
        gate.handle_timeout(now);
        while gate.poll_transmit().is_some() {}
        let _ = (gate.poll_notice(), gate.poll_timeout(), gate.strangers());
    }
}

/// The golden frames of the wire crate: name and bytes of each.
pub fn golden() -> Vec<(String, Vec<u8>)> {
    let text = include_str!("../../crates/cman-wire/src/tests/golden.txt");
    let frame = |line: &str| {
        let (name, hex) = line.split_once(' ')?;
        let digits: Vec<u8> = hex
            .chars()
            .filter_map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()))
            .collect();
        Some((name.to_owned(), digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()))
    };
    text.lines().filter_map(frame).collect()
}

/// First inputs for each target: its name, a name and the bytes of each.
pub fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds = Vec::new();
    if let Some(sender) = life(2, 1) {
        seeds.push(("header", "Header".to_owned(), authentic(sender, 0, 1, b"")));
    }
    for (name, frame) in golden() {
        let size = u8::try_from(frame.len()).unwrap_or(u8::MAX);
        let said = [&[0b10_1001, 1, size], &frame[..]].concat();
        seeds.push(("gate", name.clone(), said.repeat(2)));
        seeds.push(("wire", name, frame));
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_pass() {
        let seeds = seeds();
        assert_eq!(seeds.len(), 1 + 2 * 23);
        for (target, _, bytes) in seeds {
            match target {
                "header" => header(&bytes),
                "wire" => wire(&bytes),
                _ => gate(&bytes),
            }
        }
    }

    #[test]
    fn damaged_seeds_pass() {
        let mut prng = Prng::new(1);
        for _ in 0..200 {
            for (_, _, mut bytes) in seeds() {
                for byte in &mut bytes {
                    if prng.chance(30_000) {
                        *byte = prng.next_u64().to_le_bytes()[0];
                    }
                }
                header(&bytes);
                wire(&bytes);
                gate(&bytes);
            }
        }
    }
}
