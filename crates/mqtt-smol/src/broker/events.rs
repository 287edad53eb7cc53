//! What clients do, as a stream for the broker's owner.

use std::future::poll_fn;
use std::sync::Arc;

use mqtt_broker::Event;
use mqtt_broker::host::Access;

use super::shared::Shared;

/// Events of a broker, in order. It does not keep the broker from ending.
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
}

impl Events {
    pub(crate) fn new(shared: Arc<Shared>) -> Events {
        Events { shared }
    }

    /// The next event; none once the broker has ended and all were taken. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| self.shared.access(|host, _| host.poll_event(context))).await
    }

    /// Blocking form of [`Events::next`].
    pub fn wait_next(&mut self) -> Option<Event> {
        async_io::block_on(self.next())
    }
}
