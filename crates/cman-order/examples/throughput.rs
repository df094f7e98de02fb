//! How fast the state machine is by itself: members in one process, frames handed over directly.
//!
//! Prints messages that *each* member delivers in a second of one core's time in all, and what
//! that is for one member: a cluster has a core for each.
#![expect(clippy::unwrap_used, reason = "an example that cannot go on stops")]

use bytes::Bytes;
use cman_order::{Message, Out, Queue, Setup, Stream};
use cman_types::{Epoch, Incarnation, Instant, MemberId, NodeId, Salt, ViewId};
use cman_wire::frame::Frame;
use core::time::Duration;

const MESSAGES: usize = 2_000_000;

fn main() {
    println!(
        "{:>5} {:>8} {:>7} {:>14} {:>14}",
        "bytes", "members", "senders", "messages/s", "a member"
    );
    for size in [64, 1024] {
        for members in [3, 8] {
            for senders in [1, members] {
                let count = MESSAGES / members * 64 / size.clamp(64, 512);
                let took = run(size, members, senders, count);
                let rate = |n: usize| f64::from(u32::try_from(n).unwrap()) / took.as_secs_f64();
                println!(
                    "{size:>5} {members:>8} {senders:>7} {:>14.0} {:>14.0}",
                    rate(count),
                    rate(count * members)
                );
            }
        }
    }
}

/// Sends `count` messages from the first `senders` members; how long it took until all members
/// had delivered all.
fn run(size: usize, members: usize, senders: usize, count: usize) -> Duration {
    let mut streams: Vec<Stream> = (0..members).map(|me| open(me, members)).collect();
    let mut inbox: Vec<Vec<(u16, Frame)>> = vec![Vec::new(); members];
    let mut delivered = vec![0; members];
    let (mut sent, mut now) = (0, Instant::ZERO);
    let payload = Bytes::from(vec![7; size]);
    let begin = std::time::Instant::now();
    while delivered.iter().any(|delivered| *delivered < count) {
        now += Duration::from_micros(20);
        for (me, stream) in streams.iter_mut().enumerate() {
            for (from, frame) in inbox[me].drain(..) {
                hear(stream, now, from, &frame);
            }
            let message = Message { payload: payload.clone(), safe: false };
            while me < senders && sent < count && stream.send(message.clone()).is_ok() {
                sent += 1;
                if stream.queue().bytes() > 100_000 {
                    break;
                }
            }
            stream.flush(now);
            while let Some(out) = stream.poll() {
                let from = u16::try_from(me).unwrap();
                match out {
                    Out::Deliver(_) => delivered[me] += 1,
                    Out::To(to, frame) => inbox[usize::from(to)].push((from, frame)),
                    Out::Cast(frame) => {
                        for to in (0..members).filter(|to| *to != me) {
                            inbox[to].push((from, frame.clone()));
                        }
                    }
                }
            }
        }
    }
    begin.elapsed()
}

fn hear(stream: &mut Stream, now: Instant, from: u16, frame: &Frame) {
    match frame {
        Frame::Data(data) => stream.on_data(now, from, data),
        Frame::Order(order) => stream.on_order(now, from, order),
        Frame::Ask(ask) => stream.on_ask(now, from, ask),
        Frame::Ack(ack) => stream.on_ack(now, from, ack),
        _ => {}
    }
}

fn open(me: usize, members: usize) -> Stream {
    let node = NodeId::new(1).unwrap();
    let coordinator = MemberId { node, incarnation: Incarnation(1), salt: Salt::default() };
    let setup = Setup {
        view: ViewId { epoch: Epoch(1), coordinator },
        members,
        me: u16::try_from(me).unwrap(),
        coordinator: 0,
        room: 1300,
        beat: Duration::from_millis(167),
        token: Duration::from_secs(2),
        seed: 1,
    };
    Stream::open(Instant::ZERO, setup, Queue::new())
}
