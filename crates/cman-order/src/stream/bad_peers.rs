//! Frames that no honest member sends: nothing breaks, and memory stays bounded.

use super::{
    tests::{MS, hear, message, setup, view},
    *,
};
use crate::limits::STORE_BYTES_MAX;
use bytes::Bytes;
use cman_types::Epoch;
use cman_wire::frame::{Ack, Ask, Data, Order, Ordered, Run};

const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    3,
    5,
    100,
    1 << 14,
    (1 << 14) + 1,
    1 << 20,
    1 << 32,
    u64::MAX / 2,
    u64::MAX - 2,
    u64::MAX - 1,
    u64::MAX,
];

struct Nonsense(Prng);

impl Nonsense {
    fn below(&mut self, bound: u64) -> usize {
        usize::try_from(self.0.below(bound)).unwrap()
    }

    fn number(&mut self) -> u64 {
        NUMBERS[self.below(NUMBERS.len() as u64)]
    }

    fn index(&mut self) -> u16 {
        [0, 1, 2, 3, u16::MAX][self.below(5)]
    }

    fn run(&mut self) -> Run {
        let count = [0, 1, 1, 1, 2, 7, u32::MAX][self.below(7)];
        Run { sender: self.index(), from: self.number(), count }
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(6)).map(|_| item(self)).collect()
    }

    fn payload(&mut self) -> Bytes {
        let size = [0, 1, 3, 20, 1300, 70_000][self.below(6)];
        let bytes = self.0.next_u64().to_le_bytes();
        bytes.into_iter().map(|byte| byte & 7).cycle().take(size).collect::<Vec<_>>().into()
    }

    fn frame(&mut self) -> Frame {
        let mut view = view();
        if self.0.chance(50_000) {
            view.epoch = Epoch(9);
        }
        match self.below(4) {
            0 => {
                let (sender, unit) = (self.index(), self.number());
                Frame::Data(Data { view, sender, unit, payload: self.payload() })
            }
            1 => {
                let (first, stable, flow) = (self.number(), self.number(), self.number());
                Frame::Order(Order { view, first, runs: self.list(Self::run), stable, flow })
            }
            2 => {
                let units = self.list(|this| (this.index(), this.number(), this.number()));
                let records = self.0.chance(500_000).then(|| (self.number(), self.number()));
                Frame::Ask(Ask { view, units, records })
            }
            _ => Frame::Ack(Ack { view, held: self.number(), sent: self.number() }),
        }
    }

    fn plan(&mut self) -> Vec<Ordered> {
        self.list(|this| Ordered { first: this.number(), run: this.run() })
    }
}

/// Flushes; what is said in answer is bounded too.
fn flush(stream: &mut Stream, now: Instant) {
    stream.flush(now);
    let said = core::iter::from_fn(|| stream.poll()).count();
    assert!(said < 20_000, "{said} things to do");
    assert!(stream.stats().held_bytes <= STORE_BYTES_MAX + (1 << 20));
}

#[test]
fn nonsense_is_survived_in_every_phase() {
    for seed in 0..100 {
        let mut nonsense = Nonsense(Prng::new(seed));
        let me = u16::try_from(seed % 3).unwrap();
        let mut stream = Stream::open(Instant::ZERO, setup(me, 3), Queue::new());
        let mut now = Instant::ZERO;
        for _ in 0..100 {
            now += MS * u32::try_from(nonsense.below(20)).unwrap();
            let safe = nonsense.0.chance(300_000);
            assert_eq!(stream.send(message("good", safe)), Ok(()));
            for _ in 0..nonsense.below(5) {
                let (from, frame) = (nonsense.index(), nonsense.frame());
                hear(&mut stream, now, from, &frame);
            }
            if nonsense.0.chance(10_000) {
                stream.freeze();
            }
            if nonsense.0.chance(10_000) {
                let plan = nonsense.plan();
                stream.recover(now, &[0, 1, 2, 77], &plan);
            }
            flush(&mut stream, now);
            let _ = (stream.lagging(now), stream.lacks(), stream.holdings());
        }
        let closed = stream.close(&nonsense.plan(), nonsense.number());
        assert!(closed.queue.len() <= 100);
    }
}

/// A member that keeps no window fills no memory.
#[test]
fn a_flood_is_dammed() {
    for me in [0, 1] {
        let mut stream = Stream::open(Instant::ZERO, setup(me, 3), Queue::new());
        let payload = Bytes::from(vec![0; 60_000]);
        for unit in 1..3000 {
            let data = Data { view: view(), sender: 2, unit, payload: payload.clone() };
            stream.on_data(Instant::ZERO, 2, &data);
            flush(&mut stream, Instant::ZERO);
        }
    }
}

/// One who asks for everything all the time gets a share.
#[test]
fn an_asker_is_not_given_more_than_it_can_take() {
    let mut stream = Stream::open(Instant::ZERO, setup(0, 2), Queue::new());
    for _ in 0..4000 {
        assert_eq!(stream.send(message(&"x".repeat(1200), false)), Ok(()));
    }
    stream.flush(Instant::ZERO);
    while stream.poll().is_some() {}
    let units = vec![(0, 1, u64::MAX); 40];
    let ask = Ask { view: view(), units, records: Some((1, u64::MAX)) };
    (0..100).for_each(|_| stream.on_ask(Instant::ZERO, 1, &ask));
    let answers = core::iter::from_fn(|| stream.poll()).count();
    assert!((100..1000).contains(&answers), "{answers} frames");
}
