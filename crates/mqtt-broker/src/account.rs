//! What is held for clients, in bytes: counted where it comes into being, and no longer counted once the last who holds
//! it lets it go.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// Counts bytes of messages that are held, wherever they are. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account(Arc<AtomicUsize>);

/// Bytes that count until it is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    account: Account,
    bytes: usize,
}

impl Account {
    /// Bytes that count now.
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn charge(&self, bytes: usize) -> Charge {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Charge { account: self.clone(), bytes }
    }

    /// The same bytes, which count until the last slice of them is gone, with so many more and [`MESSAGE_COST`].
    pub(crate) fn hold<B>(&self, bytes: B, beside: usize) -> Bytes
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        let charge = self.charge(bytes.as_ref().len() + beside + MESSAGE_COST);
        Bytes::from_owner(Counted { bytes, _charge: charge })
    }

    /// [`Account::hold`] for bytes that stay where they are.
    pub(crate) fn copy(&self, bytes: &[u8], beside: usize) -> Bytes {
        self.hold(Vec::from(bytes), beside)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

struct Counted<B> {
    bytes: B,
    _charge: Charge,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Counted<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// What a message takes beside its bytes, however many sessions it is for.
pub(crate) const MESSAGE_COST: usize = 256;

/// What a message takes for each session that it waits for.
pub(crate) const DELIVERY_COST: usize = 128;
