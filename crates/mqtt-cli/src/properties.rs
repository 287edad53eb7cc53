//! `-D PACKET NAME VALUE`: properties of 5.0, from words to what the client sends.

use std::ffi::{OsStr, OsString};

use mqtt_proto::PropertyId;
use mqtt_smol::{Property, PropertyBuf, PropertyOwner, UserPropertyOf};

use crate::values;

/// A property that was given by `-D`.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    packet: Packet,
    id: PropertyId,
    /// One value, and of a User Property two.
    values: Vec<Vec<u8>>,
}

/// The packet that carries a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packet {
    Connect,
    Publish,
    Subscribe,
    Unsubscribe,
    Disconnect,
    Will,
}

/// Separates the words of one `-D`, which are joined before they are parsed. No argument has it.
const SEPARATOR: u8 = 0;

/// Joins the words of one `-D`.
pub(crate) fn join(words: &[OsString]) -> OsString {
    words.join(OsStr::new(str::from_utf8(&[SEPARATOR]).unwrap_or_default()))
}

const PACKETS: [(&str, Packet, PropertyOwner); 6] = [
    ("connect", Packet::Connect, PropertyOwner::Connect),
    ("publish", Packet::Publish, PropertyOwner::Publish),
    ("subscribe", Packet::Subscribe, PropertyOwner::Subscribe),
    ("unsubscribe", Packet::Unsubscribe, PropertyOwner::Unsubscribe),
    ("disconnect", Packet::Disconnect, PropertyOwner::Disconnect),
    ("will", Packet::Will, PropertyOwner::Will),
];

/// Those that have an option or are nobody's to set, and why.
const NOT_HERE: [(PropertyId, &str); 6] = [
    (PropertyId::TopicAlias, "topic aliases are assigned by the client itself"),
    (PropertyId::SubscriptionIdentifier, "subscription identifiers are assigned by the client itself"),
    (PropertyId::RequestProblemInformation, "reasons are always asked for, and shown"),
    (PropertyId::AuthenticationMethod, "enhanced authentication is not part of the command"),
    (PropertyId::AuthenticationData, "enhanced authentication is not part of the command"),
    (PropertyId::ReasonString, "the command has no reasons to give"),
];

impl Given {
    /// The words of one `-D`, joined by [`SEPARATOR`].
    pub(crate) fn parse(text: OsString) -> Result<Given, String> {
        let bytes = values::bytes(text);
        let words: Vec<&[u8]> = bytes.split(|byte| *byte == SEPARATOR).collect();
        let [packet, name, given @ ..] = &*words else { return Err(usage()) };
        let known = |word: &[u8]| PACKETS.into_iter().find(|(name, ..)| name.as_bytes() == word);
        let Some((packet_name, packet, owner)) = known(packet) else {
            let names: Vec<&str> = PACKETS.iter().map(|(name, ..)| *name).collect();
            return Err(format!("the packet is one of {}", names.join(", ")));
        };
        let name = String::from_utf8_lossy(name);
        let Some(id) = PropertyId::ALL.iter().copied().find(|id| word(*id) == name) else {
            return Err(format!("{name:?} is no property; {}", names(owner)));
        };
        if let Some((_, why)) = NOT_HERE.iter().find(|(other, _)| *other == id) {
            return Err(format!("{name} cannot be set: {why}"));
        }
        if !id.is_legal_in(owner) {
            return Err(format!("{packet_name} has no {name}; {}", names(owner)));
        }
        let given = Given { packet, id, values: given.iter().map(|value| value.to_vec()).collect() };
        PropertyBuf::new().push(owner, given.property()?).map_err(|error| format!("{name}: {error}"))?;
        Ok(given)
    }

    fn property(&self) -> Result<Property<'_>, String> {
        let name = word(self.id);
        if self.id == PropertyId::UserProperty {
            let [name, value] = &*self.values else {
                return Err("a user-property has a name and a value".into());
            };
            return Ok(Property::UserProperty(text(name)?, text(value)?));
        }
        let [value] = &*self.values else { return Err(format!("{name} has one value")) };
        let wrong = |_| format!("{name}: {:?} is no number that it can have", String::from_utf8_lossy(value));
        Ok(match self.id {
            PropertyId::PayloadFormatIndicator => {
                Property::PayloadFormatIndicator(text(value)?.parse().map_err(wrong)?)
            }
            PropertyId::MessageExpiryInterval => {
                Property::MessageExpiryInterval(text(value)?.parse().map_err(wrong)?)
            }
            PropertyId::ContentType => Property::ContentType(text(value)?),
            PropertyId::ResponseTopic => Property::ResponseTopic(text(value)?),
            PropertyId::CorrelationData => Property::CorrelationData(value),
            PropertyId::SessionExpiryInterval => {
                Property::SessionExpiryInterval(text(value)?.parse().map_err(wrong)?)
            }
            PropertyId::WillDelayInterval => {
                Property::WillDelayInterval(text(value)?.parse().map_err(wrong)?)
            }
            PropertyId::RequestResponseInformation => {
                Property::RequestResponseInformation(text(value)?.parse().map_err(wrong)?)
            }
            PropertyId::ReceiveMaximum => Property::ReceiveMaximum(text(value)?.parse().map_err(wrong)?),
            PropertyId::TopicAliasMaximum => {
                Property::TopicAliasMaximum(text(value)?.parse().map_err(wrong)?)
            }
            PropertyId::MaximumPacketSize => {
                Property::MaximumPacketSize(text(value)?.parse().map_err(wrong)?)
            }
            other => return Err(format!("{other} is sent by servers only")),
        })
    }
}

/// The properties of one command, sorted by what they are for.
#[derive(Debug, Default)]
pub(crate) struct Sorted<'a> {
    /// Of PUBLISH.
    pub(crate) publish: PropertyBuf,
    /// Of the will.
    pub(crate) will: PropertyBuf,
    /// Of CONNECT, other than User Properties.
    pub(crate) connect: Vec<Property<'a>>,
    /// Session Expiry Interval of DISCONNECT.
    pub(crate) disconnect_expiry: Option<u32>,
    pub(crate) user: Vec<(UserPropertyOf, &'a str, &'a str)>,
}

impl Sorted<'_> {
    /// Fails if one that may stand there once stands there twice.
    pub(crate) fn new(given: &[Given]) -> Result<Sorted<'_>, String> {
        let mut sorted = Sorted::default();
        for given in given {
            let property = given.property()?;
            let twice = |error| format!("-D {}: {error}", word(given.id));
            let packet = match given.packet {
                Packet::Publish => {
                    sorted.publish.push(PropertyOwner::Publish, property).map_err(twice)?;
                    continue;
                }
                Packet::Will => {
                    sorted.will.push(PropertyOwner::Will, property).map_err(twice)?;
                    continue;
                }
                Packet::Connect => UserPropertyOf::Connect,
                Packet::Subscribe => UserPropertyOf::Subscribe,
                Packet::Unsubscribe => UserPropertyOf::Unsubscribe,
                Packet::Disconnect => UserPropertyOf::Disconnect,
            };
            match property {
                Property::UserProperty(name, value) => sorted.user.push((packet, name, value)),
                Property::SessionExpiryInterval(secs) if packet == UserPropertyOf::Disconnect => {
                    sorted.disconnect_expiry = Some(secs);
                }
                property => sorted.connect.push(property),
            }
        }
        Ok(sorted)
    }
}

/// The standard's name, as it is given to `-D`.
fn word(id: PropertyId) -> String {
    id.name().to_ascii_lowercase().replace(' ', "-")
}

/// What a packet can have.
fn names(owner: PropertyOwner) -> String {
    let names: Vec<String> = PropertyId::ALL
        .iter()
        .filter(|id| id.is_legal_in(owner) && NOT_HERE.iter().all(|(other, _)| other != *id))
        .map(|id| word(*id))
        .collect();
    format!("it can have {}", names.join(", "))
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| format!("{:?} is not UTF-8", String::from_utf8_lossy(bytes)))
}

fn usage() -> String {
    "use -D PACKET NAME VALUE, and two values for a user-property".into()
}
