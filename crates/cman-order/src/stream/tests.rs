//! A few members and a network without faults.

use super::*;
use bytes::Bytes;
use cman_types::{Epoch, Incarnation, MemberId, NodeId, Salt};

pub(super) const MS: Duration = Duration::from_millis(1);

pub(super) fn view() -> ViewId {
    let node = NodeId::new(1).unwrap();
    let coordinator = MemberId { node, incarnation: Incarnation(1), salt: Salt::default() };
    ViewId { epoch: Epoch(1), coordinator }
}

pub(super) fn setup(me: u16, members: usize) -> Setup {
    let (beat, token) = (167 * MS, 2000 * MS);
    Setup { view: view(), members, me, coordinator: 0, room: 1300, beat, token, seed: 1 }
}

pub(super) fn message(text: &str, safe: bool) -> Message {
    Message { payload: Bytes::copy_from_slice(text.as_bytes()), safe }
}

/// Members of a view, all heard by all at once.
struct Cluster {
    now: Instant,
    streams: Vec<Stream>,
    delivered: Vec<Vec<Delivery>>,
    frames: usize,
}

impl Cluster {
    fn new(members: u16) -> Self {
        let count = usize::from(members);
        let open = |me| Stream::open(Instant::ZERO, setup(me, count), Queue::new());
        Self {
            now: Instant::ZERO,
            streams: (0..members).map(open).collect(),
            delivered: vec![vec![]; count],
            frames: 0,
        }
    }

    /// Flushes all until nobody says anything.
    fn settle(&mut self) {
        loop {
            let mut said = Vec::new();
            for (me, stream) in (0..).zip(&mut self.streams) {
                stream.flush(self.now);
                while let Some(out) = stream.poll() {
                    match out {
                        Out::Deliver(delivery) => self.delivered[usize::from(me)].push(delivery),
                        Out::Cast(frame) => said.push((me, None, frame)),
                        Out::To(to, frame) => said.push((me, Some(to), frame)),
                    }
                }
            }
            if said.is_empty() {
                return;
            }
            self.frames += said.len();
            for (from, to, frame) in said {
                for (me, stream) in (0..).zip(&mut self.streams) {
                    if me != from && to.is_none_or(|to| to == me) {
                        hear(stream, self.now, from, &frame);
                    }
                }
            }
        }
    }

    /// Lets time pass until all are idle.
    fn run(&mut self) {
        self.settle();
        while let Some(due) = self.streams.iter().map(Stream::due).min() {
            if due == Instant::FAR {
                return;
            }
            assert!(due < Instant::ZERO + 60_000 * MS, "never idle");
            self.now = self.now.max(due);
            self.settle();
        }
    }
}

pub(super) fn hear(stream: &mut Stream, now: Instant, from: u16, frame: &Frame) {
    match frame {
        Frame::Data(data) => stream.on_data(now, from, data),
        Frame::Order(order) => stream.on_order(now, from, order),
        Frame::Ask(ask) => stream.on_ask(now, from, ask),
        Frame::Ack(ack) => stream.on_ack(now, from, ack),
        other => panic!("not a frame of a stream: {other:?}"),
    }
}

fn texts(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|d| core::str::from_utf8(&d.payload).unwrap()).collect()
}

#[test]
fn alone_everything_is_delivered_at_once() {
    let mut cluster = Cluster::new(1);
    for (text, safe) in [("a", false), ("b", true), ("c", false)] {
        assert_eq!(cluster.streams[0].send(message(text, safe)), Ok(()));
    }
    cluster.settle();
    assert_eq!(texts(&cluster.delivered[0]), ["a", "b", "c"]);
    assert_eq!((cluster.frames, cluster.streams[0].due()), (0, Instant::FAR));
    assert_eq!(cluster.streams[0].stats().held_bytes, 0);
}

#[test]
fn all_deliver_the_same_and_then_are_silent() {
    for members in 2..6 {
        let mut cluster = Cluster::new(members);
        for round in 0..3 {
            for (me, stream) in cluster.streams.iter_mut().enumerate() {
                let text = format!("{me}-{round}");
                assert_eq!(stream.send(message(&text, round == 1)), Ok(()));
            }
            cluster.settle();
        }
        cluster.run();
        let first = cluster.delivered[0].clone();
        assert_eq!(first.len(), 3 * usize::from(members));
        assert!(cluster.delivered.iter().all(|delivered| *delivered == first));
        for stream in &cluster.streams {
            assert_eq!((stream.stable(), stream.stats().held_bytes), (first.len() as u64, 0));
        }
    }
}

/// Two hops: what is agreed needs nobody's acknowledgement, and no timer.
#[test]
fn agreed_delivery_waits_for_nothing() {
    let mut cluster = Cluster::new(3);
    assert_eq!(cluster.streams[1].send(message("now", false)), Ok(()));
    cluster.settle();
    assert!(cluster.delivered.iter().all(|delivered| texts(delivered) == ["now"]));
    assert_eq!(cluster.now, Instant::ZERO);
}

/// R-54o: safe messages do not wait for the interval between acknowledgements either.
#[test]
fn safe_delivery_waits_for_all_and_for_no_timer() {
    let mut cluster = Cluster::new(3);
    assert_eq!(cluster.streams[1].send(message("held by all", true)), Ok(()));
    cluster.settle();
    assert!(cluster.delivered.iter().all(|delivered| texts(delivered) == ["held by all"]));
    assert_eq!(cluster.now, Instant::ZERO);
}

#[test]
fn a_large_message_goes_over_many_units() {
    let mut cluster = Cluster::new(3);
    let payload = Bytes::from((0..5 << 20).map(|n: u32| n.to_le_bytes()[1]).collect::<Vec<_>>());
    let large = Message { payload: payload.clone(), safe: false };
    assert_eq!(cluster.streams[2].send(large), Ok(()));
    assert_eq!(cluster.streams[2].send(message("next", false)), Ok(()));
    cluster.run();
    for delivered in &cluster.delivered {
        assert_eq!(delivered.len(), 2);
        assert_eq!(delivered[0].payload, payload);
    }
}
