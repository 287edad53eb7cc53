//! Which packet carries which property, and how often: every identifier in every place.

use mqtt_proto::{
    Context, DecodeErrorKind as Kind, PropertyBuf, PropertyId, PropertyOwner, ReasonCode, Sender, decode,
};

use crate::properties::example;
use crate::reasons::told;
use crate::table::{V5_0, frame, join, refused, refused_from};

/// The properties of each owner, written down from the packets' own sections, not from the codec's table.
const LISTED: [(PropertyOwner, &[u8]); 14] = [
    (PropertyOwner::Connect, &[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27]),
    (PropertyOwner::Will, &[0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26]),
    (
        PropertyOwner::Connack,
        &[
            0x11, 0x12, 0x13, 0x15, 0x16, 0x1a, 0x1c, 0x1f, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29,
            0x2a,
        ],
    ),
    (PropertyOwner::Publish, &[0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x23, 0x26]),
    (PropertyOwner::Puback, &[0x1f, 0x26]),
    (PropertyOwner::Pubrec, &[0x1f, 0x26]),
    (PropertyOwner::Pubrel, &[0x1f, 0x26]),
    (PropertyOwner::Pubcomp, &[0x1f, 0x26]),
    (PropertyOwner::Subscribe, &[0x0b, 0x26]),
    (PropertyOwner::Suback, &[0x1f, 0x26]),
    (PropertyOwner::Unsubscribe, &[0x26]),
    (PropertyOwner::Unsuback, &[0x1f, 0x26]),
    (PropertyOwner::Disconnect, &[0x11, 0x1c, 0x1f, 0x26]),
    (PropertyOwner::Auth, &[0x15, 0x16, 0x1f, 0x26]),
];

/// A good value of each assigned property, as the standard's table of types writes it.
pub(crate) fn value(id: u8) -> Option<&'static [u8]> {
    Some(match id {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => &[1],
        0x13 | 0x21 | 0x22 | 0x23 => &[0, 1],
        0x02 | 0x11 | 0x18 | 0x27 => &[0, 0, 0, 1],
        0x0b => &[0x80, 0x01],
        0x03 | 0x08 | 0x12 | 0x15 | 0x1a | 0x1c | 0x1f => b"\0\x01s",
        0x09 | 0x16 => b"\0\x01\xff",
        0x26 => b"\0\x01k\0\x01v",
        _ => return None,
    })
}

/// A packet whose section holds these properties, and where the first of them stands.
pub(crate) fn with_section(owner: PropertyOwner, section: &[u8]) -> (Vec<u8>, u32) {
    let (first, before, behind): (u8, &[u8], &[u8]) = match owner {
        PropertyOwner::Connect => (0x10, b"\0\x04MQTT\x05\x02\0\x3c", b"\0\x01c"),
        PropertyOwner::Will => (0x10, b"\0\x04MQTT\x05\x06\0\x3c\0\0\x01c", b"\0\x01t\0\x01m"),
        PropertyOwner::Connack => (0x20, &[0, 0], &[]),
        PropertyOwner::Publish => (0x30, b"\0\x01t", b"payload"),
        PropertyOwner::Puback => (0x40, &[0, 7, 0], &[]),
        PropertyOwner::Pubrec => (0x50, &[0, 7, 0], &[]),
        PropertyOwner::Pubrel => (0x62, &[0, 7, 0], &[]),
        PropertyOwner::Pubcomp => (0x70, &[0, 7, 0], &[]),
        PropertyOwner::Subscribe => (0x82, &[0, 7], b"\0\x01f\0"),
        PropertyOwner::Suback => (0x90, &[0, 7], &[0]),
        PropertyOwner::Unsubscribe => (0xa2, &[0, 7], b"\0\x01f"),
        PropertyOwner::Unsuback => (0xb0, &[0, 7], &[0]),
        PropertyOwner::Disconnect => (0xe0, &[0], &[]),
        PropertyOwner::Auth => (0xf0, &[0], &[]),
    };
    let bytes = frame(first, &join(&[before, &[section.len() as u8], section, behind]));
    (bytes, 2 + before.len() as u32 + 1)
}

/// What must stand in front of a property for the section to be good.
fn needed_before(owner: PropertyOwner, id: u8) -> &'static [u8] {
    match (owner, id) {
        (_, 0x15) => &[],
        (PropertyOwner::Auth, _) | (PropertyOwner::Connect | PropertyOwner::Connack, 0x16) => b"\x15\0\x01m",
        _ => &[],
    }
}

#[test]
fn a_property_stands_where_it_is_listed_and_nowhere_else() {
    for (owner, listed) in LISTED {
        for id in 0..128_u8 {
            let before = needed_before(owner, id);
            let section = join(&[before, &[id], value(id).unwrap_or_default()]);
            let (bytes, start) = with_section(owner, &section);
            let offset = start + before.len() as u32;
            match PropertyId::from_id(u32::from(id)) {
                None => {
                    assert_eq!(value(id), None);
                    refused(V5_0, &bytes, Kind::UnknownProperty { id: id.into() }, offset, "");
                }
                Some(property) if !listed.contains(&id) => {
                    assert!(!property.is_legal_in(owner));
                    refused(V5_0, &bytes, Kind::PropertyNotAllowed(property), offset, "");
                    assert_eq!(
                        told(None, &bytes),
                        Some(ReasonCode::MalformedPacket),
                        "{property} in {owner}"
                    );
                }
                Some(property) => {
                    assert!(property.is_legal_in(owner));
                    let packet = decode(&bytes, Context { version: V5_0, sender: None });
                    let packet = packet.unwrap_or_else(|error| panic!("{property} in {owner}: {error}"));
                    let mut out = Vec::new();
                    packet.encode(V5_0, &mut out).expect("what was decoded can be encoded");
                    assert_eq!(out, bytes);
                }
            }
        }
    }
}

/// A repetition is refused at the second, but for User Properties and the Subscription Identifiers of a message.
#[test]
fn a_property_stands_once() {
    for (owner, listed) in LISTED {
        for &id in listed {
            let before = needed_before(owner, id);
            let one = join(&[&[id], value(id).expect("an assigned property")]);
            let other = b"\x26\0\x01k\0\0";
            for between in [&b""[..], other] {
                let (bytes, start) = with_section(owner, &join(&[before, &one, between, &one]));
                let property = PropertyId::from_id(id.into()).expect("an assigned property");
                if id == 0x26 || id == 0x0b && owner == PropertyOwner::Publish {
                    assert!(property.may_repeat_in(owner));
                    assert!(decode(&bytes, Context { version: V5_0, sender: None }).is_ok());
                } else {
                    assert!(!property.may_repeat_in(owner));
                    let offset = start + (before.len() + one.len() + between.len()) as u32;
                    refused(V5_0, &bytes, Kind::PropertyRepeated(property), offset, "");
                }
            }
        }
    }
}

/// What only one side may say.
///
/// [5.0 MQTT-3.3.4-6] [5.0 MQTT-3.14.2-2]
#[test]
fn three_properties_have_a_side() {
    for (owner, listed) in LISTED {
        for &id in listed {
            let section = join(&[needed_before(owner, id), &[id], value(id).expect("assigned")]);
            let (bytes, offset) = with_section(owner, &section);
            let property = PropertyId::from_id(id.into()).expect("assigned");
            for sender in [Sender::Client, Sender::Server] {
                if !owner.packet().is_sent_by(sender, V5_0) {
                    continue;
                }
                let kind = Kind::PropertyNotAllowed(property);
                let statement = match (owner, id, sender) {
                    (PropertyOwner::Publish, 0x0b, Sender::Client) => "MQTT-3.3.4-6",
                    (PropertyOwner::Disconnect, 0x11, Sender::Server) => "MQTT-3.14.2-2",
                    (PropertyOwner::Disconnect, 0x1c, Sender::Client) => "",
                    _ => {
                        assert!(decode(&bytes, Context { version: V5_0, sender: Some(sender) }).is_ok());
                        continue;
                    }
                };
                refused_from(Some(sender), V5_0, &bytes, kind, offset, statement);
                // It is a property of this packet, only not of this side's.
                assert_eq!(told(Some(sender), &bytes), Some(ReasonCode::ProtocolError), "{property}");
            }
        }
    }
}

/// A buffer of properties keeps the rules of its owner, too.
#[test]
fn a_buffer_takes_what_a_packet_takes() {
    for (owner, listed) in LISTED {
        for id in PropertyId::ALL {
            let property = example(*id);
            let mut buffer = PropertyBuf::new();
            let is_listed = listed.contains(&(*id as u8));
            assert_eq!(buffer.push(owner, property).is_ok(), is_listed, "{id} {owner}");
            let is_repeated = buffer.push(owner, property).is_ok();
            assert_eq!(is_repeated, is_listed && id.may_repeat_in(owner), "{id} {owner}");
            assert_eq!(buffer.is_empty(), !is_listed);
            buffer.clear();
            assert_eq!((buffer.len(), buffer.as_properties().is_empty()), (0, true));
        }
    }
}
