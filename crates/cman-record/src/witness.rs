//! A cipher that records what it opens and seals. What the node gets to see is the contents, so
//! that is what stands in the recording; keys stay in the cipher.

use crate::{record::Record, recorder::Recorder};
use cman_crypto::{Cipher, Seal};
use cman_types::MemberId;
use std::sync::{Arc, Mutex, PoisonError};

/// See the module. Must be handed to a node whose other inputs the same recorder gets.
#[derive(Debug)]
pub struct Witness {
    inner: Box<dyn Cipher>,
    recorder: Arc<Mutex<Recorder>>,
    outputs: bool,
}

impl Witness {
    /// Does what `inner` does, and tells the recorder.
    #[must_use]
    pub fn new(inner: Box<dyn Cipher>, recorder: Arc<Mutex<Recorder>>) -> Self {
        let outputs = recorder.lock().unwrap_or_else(PoisonError::into_inner).wants_outputs();
        Self { inner, recorder, outputs }
    }
}

impl Cipher for Witness {
    fn derive(&self, sender: &MemberId, lane: u8) -> Box<dyn Seal> {
        Box::new(WitnessSeal {
            inner: self.inner.derive(sender, lane),
            recorder: Arc::clone(&self.recorder),
            outputs: self.outputs,
        })
    }

    fn is_encrypted(&self) -> bool {
        self.inner.is_encrypted()
    }

    fn key_id(&self) -> u8 {
        self.inner.key_id()
    }
}

/// The key of one sender.
#[derive(Debug)]
struct WitnessSeal {
    inner: Box<dyn Seal>,
    recorder: Arc<Mutex<Recorder>>,
    outputs: bool,
}

impl WitnessSeal {
    fn record(&self, record: &Record<'_>) {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).record_on(record);
    }
}

impl Seal for WitnessSeal {
    fn seal(&self, counter: u64, clear: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        self.inner.seal(counter, clear, plain, out);
        if self.outputs {
            self.record(&Record::Sealed { clear, plain });
        }
    }

    fn open<'a>(&self, counter: u64, clear: &[u8], sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let plain = self.inner.open(counter, clear, sealed);
        self.record(&Record::Opened(plain));
        plain
    }
}
