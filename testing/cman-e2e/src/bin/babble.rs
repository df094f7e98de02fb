//! Sends datagrams that make no sense to a cluster, from wherever it is started.
//!
//! `babble OWN_ADDRESS MULTICAST PORT COUNT TARGET...` listens to the cluster's multicast for a
//! second, then sends COUNT datagrams to each target and to the multicast address, alternating
//! between PORT and the port below: random bytes, bytes behind a true header, and true datagrams
//! truncated, with flipped bits, and word for word. It prints how many it sent and overheard.

use anyhow::{Context, Result, bail};
use cman_e2e::random::Random;
use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    time::{Duration, Instant},
};

/// How long the cluster is overheard first.
const LISTEN: Duration = Duration::from_secs(1);

/// Most datagrams kept of what is overheard.
const KEPT_MAX: usize = 64;

/// Most bytes of a random datagram: what fits an Ethernet frame.
const SIZE_MAX: usize = 1472;

/// Bytes of a true datagram put before random ones, so that the first checks pass.
const TRUE_PREFIX: usize = 40;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [own, multicast, port, count, targets @ ..] = arguments.as_slice() else {
        bail!("usage: babble OWN_ADDRESS MULTICAST PORT COUNT TARGET...");
    };
    let own: Ipv4Addr = own.parse().context("OWN_ADDRESS is no IPv4 address")?;
    let multicast: Ipv4Addr = multicast.parse().context("MULTICAST is no IPv4 address")?;
    let port: u16 = port.parse().context("PORT is no port")?;
    let count: u64 = count.parse().context("COUNT is no number")?;
    let mut targets: Vec<Ipv4Addr> = targets.iter().map(|t| t.parse()).collect::<Result<_, _>>()?;
    targets.push(multicast);

    let overheard = listen(own, multicast, port)?;
    // Bound to its own address, or the kernel would not know where multicasts go out.
    let socket = UdpSocket::bind((own, 0)).context("cannot open a socket")?;
    let mut random = Random::new(1);
    let mut sent = 0_u64;
    for number in 0..count {
        for &target in &targets {
            let datagram = datagram(&mut random, &overheard);
            let port = if number % 2 == 0 { port } else { port.saturating_sub(1) };
            // A refused port comes back as an error of the next send, and does not matter here.
            sent += u64::from(socket.send_to(&datagram, (target, port)).is_ok());
        }
    }
    println!("{{ \"sent\": {sent}, \"overheard\": {} }}", overheard.len());
    Ok(())
}

/// What the cluster says by multicast.
fn listen(own: Ipv4Addr, multicast: Ipv4Addr, port: u16) -> Result<Vec<Vec<u8>>> {
    let socket = UdpSocket::bind((multicast, port)).context("cannot bind the multicast address")?;
    socket.join_multicast_v4(&multicast, &own).context("cannot join the multicast group")?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let deadline = Instant::now() + LISTEN;
    let mut overheard = Vec::new();
    let mut buffer = [0; 65536];
    while Instant::now() < deadline && overheard.len() < KEPT_MAX {
        // Silence is no error: the cluster may speak by unicast only.
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        if from.ip() != IpAddr::V4(own) {
            overheard.extend(buffer.get(..length).map(<[u8]>::to_vec));
        }
    }
    Ok(overheard)
}

/// One datagram of the mixture.
fn datagram(random: &mut Random, overheard: &[Vec<u8>]) -> Vec<u8> {
    let length = random.place(SIZE_MAX + 1);
    let kind = random.below(6);
    let chosen = random.place(overheard.len());
    let Some(truth) = overheard.get(chosen) else { return random.bytes(length) };
    let mut bytes = truth.clone();
    match kind {
        0 => bytes.truncate(length),
        1 => {
            bytes.truncate(TRUE_PREFIX);
            bytes.extend(random.bytes(length));
        }
        2 => {
            for _ in 0..=random.below(8) {
                let (place, bit) = (random.place(bytes.len()), random.below(8));
                bytes.get_mut(place).into_iter().for_each(|byte| *byte ^= 1 << bit);
            }
        }
        3 => {}
        _ => bytes = random.bytes(length),
    }
    bytes
}
