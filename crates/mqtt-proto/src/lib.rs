//! MQTT 3.1, 3.1.1 and 5.0 on the wire: bytes to packets and back.
//!
//! Pure functions over borrowed memory. There is no state, no I/O and no clock here, and decoding allocates
//! nothing. The protocol version is data: one packet model serves all three versions and both directions.
//!
//! - [`frame_len`] says how long the first packet in a buffer is, from at most five bytes, and refuses what is
//!   over the limit before anyone reserves memory for it.
//! - [`decode`] turns one whole frame into a [`Packet`] that borrows from it.
//! - [`Packet::encoded_len`] is exact, [`Packet::encode`] appends to a buffer of the caller.
//!
//! Where the standard leaves a choice, [`decode`] is lenient: it takes the control characters and non-characters
//! that a receiver may refuse (all of Unicode but U+0000), and leaves payloads unchecked whatever their Payload
//! Format Indicator says. [`decode_strict`] refuses such characters.
//!
//! A packet displays as one line for people, which never shows a password or the data of an authentication.
//! With the feature `serde` the small types can be serialized and read again. Topic names and filters are only
//! serialized, as strings: what is read goes through their `new`.
//!
//! ```
//! use mqtt_proto::{Context, Packet, Properties, Publish, QoS, TopicName, Version, decode, frame_len};
//!
//! let publish = Publish {
//!     dup: false,
//!     qos: QoS::AtMostOnce,
//!     retain: false,
//!     topic: TopicName::new("home/door")?,
//!     packet_id: None,
//!     properties: Properties::EMPTY,
//!     payload: b"open",
//! };
//! let mut wire = Vec::new();
//! Packet::Publish(publish).encode(Version::V5_0, &mut wire)?;
//!
//! let len = frame_len(&wire, 1024)?.expect("a whole fixed header is there");
//! let context = Context { version: Version::V5_0, sender: None };
//! assert_eq!(decode(&wire[..len], context)?, Packet::Publish(publish));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod types;
mod reason;
mod property_id;
mod error;
mod text;
mod wire;
mod sink;
mod topic;
mod trie;
mod property;
mod packet;
mod decode;
mod encode;
mod strict;
mod display;

pub use decode::{decode, decode_next, frame_len};
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use packet::{
    Ack, Auth, Connack, Connect, ConnectRef, Disconnect, Filters, FiltersIter, Packet, Publish, ReasonCodes,
    ReasonCodesIter, RetainHandling, Suback, Subscribe, SubscribeFilter, SubscribeOptions, TopicFilters,
    TopicFiltersIter, Unsuback, Unsubscribe, Will,
};
pub use property::{JoinedProperties, Properties, PropertiesIter, Property, PropertyBuf};
pub use property_id::{PropertyId, PropertyOwner};
pub use reason::ReasonCode;
pub use strict::decode_strict;
pub use topic::{TopicError, TopicFilter, TopicName};
pub use trie::{FilterId, FilterTrie};
pub use types::{Context, PACKET_SIZE_MAX, PacketId, PacketKind, QoS, REMAINING_LENGTH_MAX, Sender, Version};
