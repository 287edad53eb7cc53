//! What outlives the program of an MQTT client: the records of its session, in a store.
//!
//! A session says what has to be remembered, one record for each change, and lets no byte out that follows from a record
//! before that is stored. This crate takes the records of any number of sessions to one [`Store`]:
//!
//! - [`Store`] is what keeps rows: two methods, which may block. `mqtt-store-redb` has one in a file, [`MemoryStore`] one
//!   for tests.
//! - [`StoreHandle`] is what clients share. A thread of its own commits whatever has come together since the last
//!   commit, of all clients at once; so a slow disk delays acknowledgements, and neither pings nor other clients.
//! - Records lie in chunks, one for each client and commit. What is needed no more is marked, a chunk of which little is
//!   left is written anew, and one of which nothing is left is removed: a store is never much larger than what it must
//!   remember.
//!
//! Applications name a [`StoreHandle`] in the options of a client and need little else of this crate.

#![forbid(unsafe_code)]

mod error;
mod store;
mod memory;
mod live;
mod chunk;
mod log;
mod handle;
mod inspect;

pub use error::{StoreError, StoreErrorKind};
pub use handle::{Committer, Journal, StoreHandle};
pub use inspect::{ClientReport, StoredMessage, inspect, salvage};
pub use log::Recovered;
pub use memory::MemoryStore;
pub use store::{Change, Store};
