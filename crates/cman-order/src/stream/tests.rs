//! A few members and a network without faults.

use super::*;
use crate::{
    limits::{REPAIR_BYTES_MAX, WINDOW_BYTES},
    recovery::plan,
};
use bytes::Bytes;
use cman_types::{Epoch, Incarnation, MemberId, NodeId, Salt};
use cman_wire::frame::{Ack, Ask, Data, Order, Run};

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
    /// Who neither hears nor is heard.
    silent: Option<u16>,
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
            silent: None,
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
                if self.silent == Some(from) {
                    continue;
                }
                for (me, stream) in (0..).zip(&mut self.streams) {
                    let hears = self.silent != Some(me) && to.is_none_or(|to| to == me);
                    if me != from && hears {
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

/// an idle cluster says nothing.
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

/// The order frames that a stream sends.
fn orders(stream: &mut Stream) -> Vec<Order> {
    let said = core::iter::from_fn(|| stream.poll());
    let order = |out| match out {
        Out::Cast(Frame::Order(order)) => Some(order),
        _ => None,
    };
    said.filter_map(order).collect()
}

/// nothing is sent while inputs are handled. R-50o: then whatever is here with all earlier
/// units of its sender gets its place, the senders as they came.
#[test]
fn a_flush_orders_all_that_came() {
    let now = Instant::ZERO;
    let mut other = Stream::open(now, setup(1, 3), Queue::new());
    let mut units = ["first", "second"].map(|text| {
        assert_eq!(other.send(message(text, false)), Ok(()));
        other.flush(now + 10 * MS);
        other.flush(now + 20 * MS);
        let Some(Out::Cast(Frame::Data(data))) = other.poll() else { panic!("no unit") };
        while other.poll().is_some() {}
        data
    });
    let mut coordinator = Stream::open(now, setup(0, 3), Queue::new());
    let [first, second] = &mut units;
    coordinator.on_data(now, 1, second);
    coordinator.flush(now);
    assert_eq!(orders(&mut coordinator), [], "the one before it is missing");
    let third = Data { sender: 2, ..first.clone() };
    coordinator.on_data(now, 2, &third);
    coordinator.on_data(now, 1, first);
    assert_eq!(coordinator.send(message("own", false)), Ok(()));
    assert_eq!(coordinator.poll(), None, "R-161");
    coordinator.flush(now);
    let run = |sender, count| Run { sender, from: 1, count };
    let runs = vec![run(2, 1), run(1, 2), run(0, 1)];
    let order = Order { view: view(), first: 1, runs, stable: 0, flow: 0 };
    assert_eq!(orders(&mut coordinator), [order]);
}

/// the end of the sequence is told again, ever more seldom, until all hold it; then once
/// how far all are, and no more. In between, after 50 ms, flow goes on without who lags.
#[test]
fn the_end_is_repeated_until_all_hold_it() {
    let mut stream = Stream::open(Instant::ZERO, setup(0, 2), Queue::new());
    assert_eq!(stream.send(message("a", false)), Ok(()));
    let (mut now, mut told) = (Instant::ZERO, Vec::new());
    while now < Instant::ZERO + 700 * MS {
        stream.flush(now);
        told.extend(orders(&mut stream).into_iter().map(|order| (now, order)));
        now = stream.due();
    }
    assert!(told[1..].iter().all(|(_, order)| order.first == 2 && order.runs.is_empty()));
    let waits = told.windows(2).map(|pair| (pair[1].0 - pair[0].0).as_millis());
    assert_eq!(waits.collect::<Vec<_>>(), [2, 4, 8, 16, 20, 12, 64, 128, 167, 167]);
    stream.on_ack(now, 1, &Ack { view: view(), held: 1, sent: 0 });
    stream.flush(now);
    let said = orders(&mut stream);
    assert_eq!(said.iter().map(|order| order.stable).collect::<Vec<_>>(), [1]);
    assert_eq!(stream.due(), Instant::FAR);
}

/// words of services are never refused; urgent ones go behind what is partly sent, before
/// all that waits.
#[test]
fn urgent_words_go_before_all_that_waits() {
    let mut cluster = Cluster::new(2);
    cluster.silent = Some(1);
    let sized = |size| Message { payload: Bytes::from(vec![b'x'; size]), safe: false };
    assert_eq!(cluster.streams[0].send(sized(7 << 20)), Ok(()));
    cluster.settle();
    let stream = &mut cluster.streams[0];
    assert!(stream.stats().sent_units > 0 && stream.queue().len() == 1, "partly sent");
    assert_eq!(stream.send(message("waits", false)), Ok(()));
    while stream.send(sized(1 << 16)) == Ok(()) {}
    stream.send_always(message("plain", false), false);
    stream.send_always(message("urgent", false), true);
    cluster.silent = None;
    cluster.run();
    let got = texts(&cluster.delivered[1]);
    assert_eq!(
        (got[0].len(), got[1], got[2], got.last()),
        (7 << 20, "urgent", "waits", Some(&"plain"))
    );
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

/// R-55o, R-56o: a member that is not heard of holds the others up for 50 ms; then what it lacks
/// is kept for it, as much as the repair buffer holds; then it is named as lagging.
#[test]
fn a_silent_member_is_waited_for_and_then_named() {
    let mut cluster = Cluster::new(3);
    cluster.silent = Some(2);
    let payload = Bytes::from(vec![1; 1200]);
    let large = Message { payload, safe: false };
    while cluster.streams[0].lagging(cluster.now).is_none() {
        assert!(cluster.now < Instant::ZERO + 1000 * MS, "never named");
        while cluster.streams[1].send(large.clone()) == Ok(()) {}
        cluster.settle();
        let got: usize = cluster.delivered[0].iter().map(|d| d.payload.len()).sum();
        let waited = cluster.now >= Instant::ZERO + 50 * MS;
        assert_eq!(waited, got > WINDOW_BYTES, "{got} bytes at {:?}", cluster.now);
        cluster.now += MS;
    }
    assert_eq!(cluster.streams[0].lagging(cluster.now), Some(2));
    for stream in &cluster.streams {
        assert!(stream.stats().held_bytes < REPAIR_BYTES_MAX + 2 * WINDOW_BYTES);
    }
    // It wakes up, and catches up.
    cluster.silent = None;
    cluster.run();
    assert_eq!(cluster.delivered[0], cluster.delivered[2]);
    assert_eq!(cluster.streams[0].lagging(cluster.now), None);
}

/// Two tokens without a move are too many, however little is kept for it.
#[test]
fn who_does_not_move_is_named() {
    let mut cluster = Cluster::new(3);
    cluster.run();
    cluster.silent = Some(2);
    cluster.now += 10_000 * MS;
    assert_eq!(cluster.streams[1].send(message("a", false)), Ok(()));
    let begin = cluster.now;
    while cluster.now < begin + 5000 * MS {
        cluster.settle();
        let named = cluster.streams[0].lagging(cluster.now);
        assert_eq!(named.is_some(), cluster.now >= begin + 4000 * MS, "{:?}", cluster.now);
        cluster.now += 20 * MS;
    }
}

/// a coordinator that was not run itself accuses nobody.
#[test]
fn own_stalls_are_nobody_s_fault() {
    let mut cluster = Cluster::new(3);
    cluster.silent = Some(2);
    assert_eq!(cluster.streams[0].send(message("a", false)), Ok(()));
    cluster.settle();
    cluster.now += 20_000 * MS;
    cluster.settle();
    assert_eq!(cluster.streams[0].lagging(cluster.now), None);
}

/// frozen is frozen, but units and requests are served.
#[test]
fn frozen_streams_serve_but_do_not_move() {
    let mut cluster = Cluster::new(3);
    assert_eq!(cluster.streams[1].send(message("before", false)), Ok(()));
    cluster.run();
    let Cluster { now, mut streams, .. } = cluster;
    streams[0].freeze();
    assert_eq!(streams[0].send(message("waits", false)), Ok(()));
    assert_eq!(streams[1].send(message("late", false)), Ok(()));
    streams[1].flush(now);
    let Some(Out::Cast(Frame::Data(late))) = streams[1].poll() else { panic!("no unit") };
    streams[0].on_data(now, 1, &late);
    streams[0].flush(now);
    assert_eq!((streams[0].poll(), streams[0].due()), (None, Instant::FAR));
    let holdings = streams[0].holdings();
    assert_eq!((holdings.delivered, holdings.units), (1, vec![(1, late.unit, late.unit)]));
    let units = vec![(1, late.unit, late.unit)];
    streams[0].on_ask(now, 2, &Ask { view: view(), units, records: Some((1, u64::MAX)) });
    assert_eq!(streams[0].poll(), Some(Out::To(2, Frame::Data(late))));
    assert_eq!(streams[0].poll(), None);
}

/// R-25, R-40m, R-42m, P4: a view of which one member is left ends with all that went on the wire;
/// what is safe and was not stable comes after the transition; what was not wholly sent waits.
#[test]
fn what_was_on_the_wire_is_delivered_and_the_rest_waits() {
    let mut stream = Stream::open(Instant::ZERO, setup(1, 2), Queue::new());
    for message in [message("agreed", false), message("safe", true), message("next", false)] {
        assert_eq!(stream.send(message), Ok(()));
        stream.flush(Instant::ZERO + 10 * MS);
    }
    let large = Message { payload: Bytes::from(vec![5; 7 << 20]), safe: false };
    assert_eq!(stream.send(large.clone()), Ok(()));
    stream.flush(Instant::ZERO + 20 * MS);
    assert_eq!(stream.queue().len(), 1);
    let run = Run { sender: 1, from: 1, count: 1 };
    let (first, runs) = (1, vec![run]);
    let order = Order { view: view(), first, runs, stable: 0, flow: 0 };
    stream.on_order(Instant::ZERO, 0, &order);
    stream.freeze();
    let holdings = stream.holdings();
    let (sequence, stable) = plan(&[(1, &holdings)]);
    stream.recover(Instant::ZERO, &[1], &sequence);
    assert!(!stream.lacks());
    let Closed { before, after, mut queue } = stream.close(&sequence, stable);
    assert_eq!(texts(&before), ["agreed"]);
    assert_eq!(texts(&after), ["safe", "next"]);
    assert_eq!((before[0].number, after[0].number), (1, 0));
    assert_eq!((queue.len(), queue.front()), (1, Some(&large)));
    queue.pop();
    assert_eq!(queue.bytes(), 0);
}
