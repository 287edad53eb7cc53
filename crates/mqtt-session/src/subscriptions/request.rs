//! One change of a subscription on its way to the server.

use alloc::string::String;

use mqtt_proto::{PacketKind, TopicFilter};

use crate::event::Ticket;
use crate::user_properties::UserPropertyOf;

#[derive(Debug)]
pub(super) struct Request {
    pub(super) filter: String,
    /// Names the request. The options of a subscription are those of `wanted`, unless a later request has taken its
    /// place there.
    pub(super) ticket: Ticket,
    pub(super) kind: Kind,
    /// Whether the server may know of it.
    pub(super) was_sent: bool,
    /// Connections in a row that broke while it was under way.
    pub(super) failures: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Subscribe,
    Unsubscribe,
}

impl Kind {
    /// The packet that asks, and the one by which the server answers.
    pub(super) const fn packets(self) -> (PacketKind, PacketKind) {
        match self {
            Kind::Subscribe => (PacketKind::Subscribe, PacketKind::Suback),
            Kind::Unsubscribe => (PacketKind::Unsubscribe, PacketKind::Unsuback),
        }
    }

    pub(super) const fn user_properties(self) -> UserPropertyOf {
        match self {
            Kind::Subscribe => UserPropertyOf::Subscribe,
            Kind::Unsubscribe => UserPropertyOf::Unsubscribe,
        }
    }
}

impl Request {
    pub(super) fn new(filter: &str, ticket: Ticket, kind: Kind) -> Request {
        Request { filter: filter.into(), ticket, kind, was_sent: false, failures: 0 }
    }

    pub(super) fn filter(&self) -> TopicFilter<'_> {
        TopicFilter::new(&self.filter).expect("it was a filter when it was accepted")
    }
}
