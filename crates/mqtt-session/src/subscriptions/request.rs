//! One change of a subscription on its way to the server.

use alloc::string::String;

use mqtt_proto::{PacketKind, TopicFilter};

use crate::event::Ticket;

#[derive(Debug)]
pub(super) struct Request {
    pub(super) filter: String,
    pub(super) change: Change,
    /// Whether the server may know of it.
    pub(super) was_sent: bool,
    /// Connections in a row that broke while it was under way.
    pub(super) failures: u8,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// The options are those of `wanted`, unless another request has taken its place.
    Subscribe {
        order: Ticket,
    },
    Unsubscribe {
        ticket: Ticket,
    },
}

impl Change {
    /// Names the request.
    pub(super) const fn ticket(self) -> Ticket {
        match self {
            Change::Subscribe { order } => order,
            Change::Unsubscribe { ticket } => ticket,
        }
    }
}

impl Request {
    pub(super) fn new(filter: &str, change: Change) -> Request {
        Request { filter: filter.into(), change, was_sent: false, failures: 0 }
    }

    pub(super) fn filter(&self) -> TopicFilter<'_> {
        TopicFilter::new(&self.filter).expect("it was a filter when it was accepted")
    }

    /// The packet by which the server answers.
    pub(super) fn answer(&self) -> PacketKind {
        if self.is_subscribe() { PacketKind::Suback } else { PacketKind::Unsuback }
    }

    pub(super) fn is_subscribe(&self) -> bool {
        matches!(self.change, Change::Subscribe { .. })
    }
}
