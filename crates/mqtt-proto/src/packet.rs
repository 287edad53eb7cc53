//! One packet model for all versions and both directions.
//!
//! A decoded packet borrows from its frame; a packet to be encoded borrows from wherever its parts are. Each family
//! of packets has its file, which holds the fields, how they are read and how they are written.

mod ack;
mod publish;
mod connect;
mod connect_ref;
mod options;
mod list;
mod subscribe;
mod disconnect;

pub use ack::Ack;
pub use connect::{Connack, Connect, Will};
pub use connect_ref::ConnectRef;
pub use disconnect::{Auth, Disconnect};
pub use list::{
    Filters, FiltersIter, ReasonCodes, ReasonCodesIter, SubscribeFilter, TopicFilters, TopicFiltersIter,
};
pub use options::{RetainHandling, SubscribeOptions};
pub use publish::Publish;
pub use subscribe::{Suback, Subscribe, Unsuback, Unsubscribe};

use crate::property::Properties;
use crate::types::PacketKind;

/// Any packet: 64 bytes, since a packet is moved wherever it is returned.
///
/// Decoded packets hold slices of their frame and nothing that is larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants carry the standard's own names")]
pub enum Packet<'a> {
    Connect(ConnectRef<'a>),
    Connack(Connack<'a>),
    Publish(Publish<'a>),
    Puback(Ack<'a>),
    Pubrec(Ack<'a>),
    Pubrel(Ack<'a>),
    Pubcomp(Ack<'a>),
    Subscribe(Subscribe<'a>),
    Suback(Suback<'a>),
    Unsubscribe(Unsubscribe<'a>),
    Unsuback(Unsuback<'a>),
    Pingreq,
    Pingresp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

impl<'a> From<&'a Connect<'a>> for Packet<'a> {
    fn from(connect: &'a Connect<'a>) -> Packet<'a> {
        Packet::Connect(connect.into())
    }
}

/// With addresses of 64 bits they are just these sizes; with 32 bits less.
const _: () = {
    assert!(size_of::<Packet<'_>>() <= 64);
    assert!(size_of::<Option<Packet<'_>>>() == size_of::<Packet<'_>>());
    assert!(size_of::<Publish<'_>>() <= 64);
    assert!(size_of::<Properties<'_>>() <= 24);
};

impl Packet<'_> {
    /// Which of the fifteen kinds it is.
    pub const fn kind(&self) -> PacketKind {
        match self {
            Packet::Connect(_) => PacketKind::Connect,
            Packet::Connack(_) => PacketKind::Connack,
            Packet::Publish(_) => PacketKind::Publish,
            Packet::Puback(_) => PacketKind::Puback,
            Packet::Pubrec(_) => PacketKind::Pubrec,
            Packet::Pubrel(_) => PacketKind::Pubrel,
            Packet::Pubcomp(_) => PacketKind::Pubcomp,
            Packet::Subscribe(_) => PacketKind::Subscribe,
            Packet::Suback(_) => PacketKind::Suback,
            Packet::Unsubscribe(_) => PacketKind::Unsubscribe,
            Packet::Unsuback(_) => PacketKind::Unsuback,
            Packet::Pingreq => PacketKind::Pingreq,
            Packet::Pingresp => PacketKind::Pingresp,
            Packet::Disconnect(_) => PacketKind::Disconnect,
            Packet::Auth(_) => PacketKind::Auth,
        }
    }
}
