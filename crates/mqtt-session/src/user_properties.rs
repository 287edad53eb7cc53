//! User Properties of the packets that the session writes by itself.

use alloc::string::String;
use alloc::vec::Vec;

use mqtt_proto::{EncodeError, Properties, Property, PropertyBuf, PropertyOwner};

/// 5.0: User Properties of packets that the session writes by itself; those of messages and of the will stand there.
///
/// They are sent in the order in which they were added, with each such packet, and captures show them.
/// [5.0 MQTT-3.1.2-27]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UserProperties(Vec<(UserPropertyOf, String, String)>);

/// The packet that carries a User Property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum UserPropertyOf {
    /// CONNECT.
    Connect,
    /// SUBSCRIBE.
    Subscribe,
    /// UNSUBSCRIBE.
    Unsubscribe,
    /// DISCONNECT.
    Disconnect,
}

impl UserProperties {
    /// Adds one; a name may repeat. What cannot be encoded is refused when the client connects.
    pub fn add(&mut self, packet: UserPropertyOf, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((packet, name.into(), value.into()));
    }

    /// Those of one kind of packet.
    pub(crate) fn of(&self, packet: UserPropertyOf) -> impl Iterator<Item = Property<'_>> {
        let all = self.0.iter().filter(move |(of, ..)| *of == packet);
        all.map(|(_, name, value)| Property::UserProperty(name, value))
    }

    /// Their size in a packet, in bytes, with what a longer length in front of them takes.
    pub(crate) fn size(&self, packet: UserPropertyOf) -> usize {
        let sizes = self.0.iter().filter(|(of, ..)| *of == packet).map(|(_, name, value)| {
            const IDENTIFIER_AND_LENGTHS: usize = 5;
            IDENTIFIER_AND_LENGTHS + name.len() + value.len()
        });
        match sizes.sum() {
            0 => 0,
            size => size + LENGTH_MORE_MAX,
        }
    }

    /// Whether all of them have an encoding.
    pub(crate) fn check(&self) -> Result<(), EncodeError> {
        let mut buf = PropertyBuf::new();
        let all: Vec<Property<'_>> =
            self.0.iter().map(|(_, name, value)| Property::UserProperty(name, value)).collect();
        buf.extend(PropertyOwner::Connect, Properties::new(&all), |_| true)
    }
}

/// What the length of properties takes beyond its first byte.
const LENGTH_MORE_MAX: usize = 3;
