//! What keeps the rows: the one trait that a store of your own implements.

use std::fmt;

use crate::error::StoreError;

/// A row to be written, or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which row.
    pub key: Vec<u8>,
    /// Its new value; none removes it.
    pub value: Option<Vec<u8>>,
}

/// Keeps rows, each a key and a value, in the order of their keys. Calls may block: only [`StoreHandle`] and those who
/// open a client make them, never the driver of one.
///
/// Keys have some twenty bytes and the length of a client identifier; values grow to a few hundred KiB, and beyond that
/// with the largest message.
///
/// [`StoreHandle`]: crate::StoreHandle
pub trait Store: fmt::Debug + Send + 'static {
    /// What errors call it: the path of a file.
    fn name(&self) -> &str;

    /// Hands all rows whose keys begin with `prefix` to `row`, in the order of their keys.
    fn read(&mut self, prefix: &[u8], row: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError>;

    /// Makes all changes, or none of them, and returns once they would outlive a crash of the machine.
    ///
    /// After an error nothing more is asked of the store: what it has may or may not have the changes in it.
    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError>;
}
