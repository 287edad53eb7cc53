//! What adapters use, and applications never name: the driver of a client, and what it needs of a runtime.
//!
//! An adapter makes a client and its driver by [`client`], asks [`Driver::goal`] what the link should be, dials what
//! [`Driver::route`] names, and calls [`Driver::turn`] over the [`Link`]. `mqtt-transport` has that loop for every
//! runtime, so an adapter of your own needs little of this module.

use std::sync::Arc;

use crate::client::Client;
pub use crate::clock::{Clock, SystemClock};
pub use crate::driver::{Driver, Goal, Turn};
use crate::error::OptionsError;
pub use crate::link::{BoxedLink, Layer, Link};
use crate::options::Options;
pub use crate::route::{ADDRESS_HEAD_START, Dial, Route};
use crate::shared::Shared;

/// A client and its driver. The seed drives the random part of the delays between attempts to connect.
///
/// Fails if the options do not fit each other, or their store cannot be opened for this client; with a store it reads,
/// and so may block.
pub fn client(
    options: Options,
    clock: impl Clock + 'static,
    seed: u64,
) -> Result<(Client, Driver), OptionsError> {
    let shared = Shared::new(options, seed, Box::new(clock))?;
    let driver = Driver::new(Arc::clone(&shared));
    Ok((Client::new(shared), driver))
}
