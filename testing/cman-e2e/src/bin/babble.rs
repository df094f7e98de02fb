//! Sends datagrams that make no sense to a cluster, from wherever it is started.
//!
//! `babble OWN_ADDRESS MULTICAST PORT COUNT TARGET...` listens to the cluster's multicast for a
//! second, then sends COUNT datagrams to each target and to the multicast address, alternating
//! between PORT and the port below: random bytes, bytes behind a true header, and true datagrams
//! truncated, with flipped bits, and word for word. It prints how many it sent and overheard.

use anyhow::{Context, Result, bail};
use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    time::{Duration, Instant},
};

/// How long the cluster is overheard first.
const LISTEN: Duration = Duration::from_secs(1);

/// Most datagrams kept of what is overheard.
const KEPT_MAX: usize = 64;

/// Most bytes of a random datagram: what fits an Ethernet frame.
const SIZE_MAX: u64 = 1472;

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
    let mut random = Random(0x5eed_0bad_cafe_f00d);
    let mut sent = 0_u64;
    for number in 0..count {
        for &target in &targets {
            let datagram = random.datagram(&overheard);
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

/// Numbers that look random (xorshift64*); the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `bound`, which is not 0.
    fn below(&mut self, bound: u64) -> usize {
        // The high bits are the good ones; what does not fit a usize never comes.
        usize::try_from((self.next() >> 16) % bound).unwrap_or(0)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_be_bytes()[0]).collect()
    }

    /// One datagram of the mixture.
    fn datagram(&mut self, overheard: &[Vec<u8>]) -> Vec<u8> {
        let length = self.below(SIZE_MAX + 1);
        let kind = self.below(6);
        let chosen = self.below(overheard.len().max(1) as u64);
        let Some(truth) = overheard.get(chosen) else { return self.bytes(length) };
        let mut bytes = truth.clone();
        match kind {
            0 => bytes.truncate(length),
            1 => {
                bytes.truncate(TRUE_PREFIX);
                bytes.extend(self.bytes(length));
            }
            2 => {
                for _ in 0..=self.below(8) {
                    let at = self.below(bytes.len().max(1) as u64);
                    let bit = self.below(8);
                    bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << bit);
                }
            }
            3 => {}
            _ => bytes = self.bytes(length),
        }
        bytes
    }
}
