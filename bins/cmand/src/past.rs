//! The events of late, for `cman_tool report`: as many as fit, the oldest go first.

use bytes::Bytes;
use std::collections::VecDeque;

/// Most events that are kept.
const EVENTS_MAX: usize = 1000;
/// Most bytes of them together: this memory is locked, and a view event of a thousand nodes is
/// long.
const BYTES_MAX: usize = 1 << 20;

/// Encoded events, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Past {
    frames: VecDeque<Bytes>,
    bytes: usize,
}

impl Past {
    /// Keeps one more, at the expense of the oldest.
    pub(crate) fn keep(&mut self, frame: Bytes) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
        while self.frames.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.bytes -= oldest.len();
        }
    }

    /// All that are kept, oldest first.
    pub(crate) fn frames(&self) -> Vec<Bytes> {
        self.frames.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(past: &Past) -> (usize, usize) {
        (past.frames().len(), past.frames().iter().map(Bytes::len).sum())
    }

    #[test]
    fn the_latest_thousand_are_kept_in_order() {
        let mut past = Past::default();
        for number in 0_u32..1500 {
            past.keep(number.to_le_bytes().to_vec().into());
        }
        assert_eq!(kept(&past), (1000, 4000));
        assert_eq!(past.frames()[0], 500_u32.to_le_bytes().as_slice());
        assert_eq!(past.frames()[999], 1499_u32.to_le_bytes().as_slice());
    }

    #[test]
    fn long_ones_take_no_more_room_than_there_is() {
        let mut past = Past::default();
        let long = Bytes::from(vec![7; 300 << 10]);
        (0..5).for_each(|_| past.keep(long.clone()));
        assert_eq!(kept(&past), (3, 900 << 10));
        past.keep(Bytes::from_static(b"short"));
        assert_eq!(kept(&past).0, 4);
        past.keep(Bytes::from(vec![7; BYTES_MAX]));
        assert_eq!(kept(&past), (1, BYTES_MAX));
    }
}
