//! Sends messages.

use crate::{
    Failure,
    cli::{Send, Until},
    latency::Latencies,
    member::Member,
    report::{Report, Throughput},
    stamp::Clock,
};
use cman_client::ipc::GroupMessage;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Messages sent in a row before what came is looked at, if there is no rate.
const ROW: u64 = 64;

/// Sends until it is enough, and waits until everything has come back.
pub(crate) fn run(run_dir: &Path, options: &Send) -> Result<Report, Failure> {
    let mut sender = Sender::new(Member::join(run_dir, &options.common)?, options);
    while let Some(due) = sender.due() {
        sender.send(due)?;
        sender.receive(Duration::ZERO)?;
        if options.rate.is_some() {
            sender.flush()?;
            sender.receive_until_due()?;
        }
    }
    sender.flush()?;
    let patience = options.common.patience;
    while sender.member.unconfirmed() > 0 {
        sender.receive(patience)?;
        if sender.last.elapsed() >= patience {
            let missing = sender.member.unconfirmed();
            let seconds = patience.as_secs();
            return Err(Failure::Other(format!(
                "{missing} of {} messages have not come back, and nothing came for {seconds} s",
                sender.sent
            )));
        }
    }
    if let Some(stay) = options.stay {
        sender.stay(stay)?;
    }
    let Sender { member, sent, latencies, mut throughput, first, last, .. } = sender;
    throughput.time = last - first;
    Ok(Report::new(Some(sent), &member, throughput, &latencies))
}

struct Sender<'a> {
    member: Member,
    options: &'a Send,
    clock: Clock,
    payload: Vec<u8>,
    sent: u64,
    /// Messages that count, that came: its own, or all if it stays.
    throughput: Throughput,
    latencies: Latencies,
    began: Instant,
    /// When the first message that counts was sent, or came if it stays.
    first: Instant,
    /// When the last message that counts came.
    last: Instant,
}

impl<'a> Sender<'a> {
    fn new(member: Member, options: &'a Send) -> Self {
        let now = Instant::now();
        Self {
            member,
            options,
            clock: Clock::here(),
            payload: vec![b'x'; options.size],
            sent: 0,
            throughput: Throughput::default(),
            latencies: Latencies::default(),
            began: now,
            first: now,
            last: now,
        }
    }

    /// How many messages are due now; `None` when it is enough.
    fn due(&self) -> Option<u64> {
        let Until { seconds, count } = self.options.common.until;
        let left = count.map_or(u64::MAX, |count| count.saturating_sub(self.sent));
        if left == 0 || seconds.is_some_and(|seconds| self.began.elapsed() >= seconds) {
            return None;
        }
        let due = match self.options.rate {
            None => ROW,
            Some(rate) => self.ought(rate).saturating_sub(self.sent),
        };
        Some(due.min(left))
    }

    /// How many messages ought to be sent by now.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rates and times are positive, and a part of a message is none"
    )]
    fn ought(&self, rate: f64) -> u64 {
        (self.began.elapsed().as_secs_f64() * rate) as u64 + 1
    }

    fn send(&mut self, count: u64) -> Result<(), Failure> {
        for _ in 0..count {
            self.clock.stamp(&mut self.payload);
            while !self.member.send(&self.payload, self.options.safe)? {
                self.receive(Duration::ZERO)?;
            }
            self.sent += 1;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        while !self.member.flush()? {
            self.receive(Duration::ZERO)?;
        }
        Ok(())
    }

    /// Takes what came. Waits at most `patience` for the first.
    fn receive(&mut self, patience: Duration) -> Result<(), Failure> {
        let mut patience = patience;
        while let Some(message) = self.member.next(Some(patience))? {
            self.take(&message);
            patience = Duration::ZERO;
        }
        Ok(())
    }

    /// Takes what comes until the next message is to be sent.
    #[expect(clippy::cast_precision_loss, reason = "2^53 messages are not sent")]
    fn receive_until_due(&mut self) -> Result<(), Failure> {
        let Some(rate) = self.options.rate else { return Ok(()) };
        let next = self.began + Duration::from_secs_f64(self.sent as f64 / rate);
        loop {
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if let Some(message) = self.member.next(Some(left))? {
                self.take(&message);
            }
        }
    }

    /// Receives for so long.
    fn stay(&mut self, time: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if let Some(message) = self.member.next(Some(left))? {
                self.take(&message);
            }
        }
    }

    fn take(&mut self, message: &GroupMessage) {
        if self.options.stay.is_none() && !self.member.is_own(message) {
            return;
        }
        self.last = Instant::now();
        if self.options.stay.is_some() && self.throughput.messages == 0 {
            self.first = self.last;
        }
        self.throughput.add(&message.payload);
        if let Some(age) = self.clock.age(&message.payload) {
            self.latencies.add(age);
        }
    }
}
