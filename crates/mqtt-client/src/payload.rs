//! Payloads that belong to the application: the session lets go of them under the client's lock, but they are dropped
//! behind it.
//!
//! `Bytes::from_owner` gives a payload an owner whose `Drop` is the application's code and may call the client. Small
//! payloads are copied when they are accepted. A large one is wrapped: when the session drops the wrapper, the payload
//! goes into a bin, which is emptied once the lock is released.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Payloads that are done with.
#[derive(Debug, Default)]
pub(crate) struct Bin {
    payloads: Mutex<Vec<Bytes>>,
    is_used: AtomicBool,
}

impl Bin {
    /// The payload as the session gets it.
    pub(crate) fn wrap(self: &Arc<Bin>, payload: Bytes) -> Bytes {
        if payload.len() <= COPIED_MAX {
            return payload;
        }
        Bytes::from_owner(Wrapped { payload, bin: Arc::clone(self) })
    }

    /// Drops what is in it. No lock is held meanwhile.
    pub(crate) fn empty(&self) {
        if self.is_used.swap(false, Ordering::Acquire) {
            let payloads = std::mem::take(&mut *self.payloads.lock().unwrap_or_else(PoisonError::into_inner));
            drop(payloads);
        }
    }
}

struct Wrapped {
    payload: Bytes,
    bin: Arc<Bin>,
}

impl AsRef<[u8]> for Wrapped {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        let payload = std::mem::take(&mut self.payload);
        self.bin.payloads.lock().unwrap_or_else(PoisonError::into_inner).push(payload);
        self.bin.is_used.store(true, Ordering::Release);
    }
}

/// Payloads up to this many bytes are copied by the session.
const COPIED_MAX: usize = mqtt_session::PAYLOAD_COPY_MAX;
