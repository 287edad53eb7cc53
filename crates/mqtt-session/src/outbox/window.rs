//! How many messages are under way on this connection, and whether one of them has to be alone.

use mqtt_proto::PacketId;

/// The window of one connection.
#[derive(Debug)]
pub(super) struct Window {
    /// Messages that were sent on this connection, or released before it, and are not answered.
    in_flight: usize,
    /// Those of `in_flight` whose PUBREL was not repeated on this connection.
    unrepeated: usize,
    /// A suspect, sent alone and not answered.
    isolated: Option<PacketId>,
}

impl Window {
    /// That of a new connection, on which so many messages are released.
    pub(super) const fn new(released: usize) -> Window {
        Window { in_flight: released, unrepeated: released, isolated: None }
    }

    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// What was sent on this connection and is not answered.
    pub(super) const fn outstanding(&self) -> usize {
        self.in_flight - self.unrepeated
    }

    pub(super) const fn is_isolating(&self) -> bool {
        self.isolated.is_some()
    }

    /// What is sent next has to be alone.
    pub(super) fn isolate(&mut self, id: PacketId) {
        debug_assert_eq!(self.outstanding(), 0, "nothing else is under way");
        self.isolated = Some(id);
    }

    /// A message was sent.
    pub(super) fn enter(&mut self) {
        self.in_flight += 1;
    }

    /// A PUBREL was repeated.
    pub(super) fn repeat(&mut self) {
        debug_assert!(self.unrepeated > 0, "it was released before this connection");
        self.unrepeated -= 1;
    }

    /// A released message that was quarantined is under way again, and its PUBREL is to be repeated.
    pub(super) fn enter_unrepeated(&mut self) {
        self.in_flight += 1;
        self.unrepeated += 1;
    }

    /// An exchange is over. Of a message that was to be repeated only a PUBREL has counted.
    pub(super) fn leave(&mut self, id: PacketId, is_released: bool, is_unrepeated: bool) {
        self.isolated.take_if(|isolated| *isolated == id);
        if is_released || !is_unrepeated {
            debug_assert!(self.in_flight > 0, "it is under way");
            self.in_flight -= 1;
            self.unrepeated -= usize::from(is_unrepeated);
        }
    }
}
