//! The values of properties, the sections that they stand in, and how they are asked for.

use mqtt_proto::{
    Context, DecodeErrorKind as Kind, EncodeError, Packet, Properties, Property, PropertyBuf, PropertyId,
    PropertyOwner, Publish, QoS, TopicName, decode,
};

use crate::owners::{value, with_section};
use crate::table::{V5_0, join, refused};

/// One of each, with the value that [`value`] writes.
pub(crate) fn example(id: PropertyId) -> Property<'static> {
    match id {
        PropertyId::PayloadFormatIndicator => Property::PayloadFormatIndicator(1),
        PropertyId::MessageExpiryInterval => Property::MessageExpiryInterval(1),
        PropertyId::ContentType => Property::ContentType("s"),
        PropertyId::ResponseTopic => Property::ResponseTopic("s"),
        PropertyId::CorrelationData => Property::CorrelationData(b"\xff"),
        PropertyId::SubscriptionIdentifier => Property::SubscriptionIdentifier(128),
        PropertyId::SessionExpiryInterval => Property::SessionExpiryInterval(1),
        PropertyId::AssignedClientIdentifier => Property::AssignedClientIdentifier("s"),
        PropertyId::ServerKeepAlive => Property::ServerKeepAlive(1),
        PropertyId::AuthenticationMethod => Property::AuthenticationMethod("s"),
        PropertyId::AuthenticationData => Property::AuthenticationData(b"\xff"),
        PropertyId::RequestProblemInformation => Property::RequestProblemInformation(1),
        PropertyId::WillDelayInterval => Property::WillDelayInterval(1),
        PropertyId::RequestResponseInformation => Property::RequestResponseInformation(1),
        PropertyId::ResponseInformation => Property::ResponseInformation("s"),
        PropertyId::ServerReference => Property::ServerReference("s"),
        PropertyId::ReasonString => Property::ReasonString("s"),
        PropertyId::ReceiveMaximum => Property::ReceiveMaximum(1),
        PropertyId::TopicAliasMaximum => Property::TopicAliasMaximum(1),
        PropertyId::TopicAlias => Property::TopicAlias(1),
        PropertyId::MaximumQoS => Property::MaximumQoS(1),
        PropertyId::RetainAvailable => Property::RetainAvailable(1),
        PropertyId::UserProperty => Property::UserProperty("k", "v"),
        PropertyId::MaximumPacketSize => Property::MaximumPacketSize(1),
        PropertyId::WildcardSubscriptionAvailable => Property::WildcardSubscriptionAvailable(1),
        PropertyId::SubscriptionIdentifierAvailable => Property::SubscriptionIdentifierAvailable(1),
        PropertyId::SharedSubscriptionAvailable => Property::SharedSubscriptionAvailable(1),
    }
}

const OWNERS: [PropertyOwner; 14] = [
    PropertyOwner::Connect,
    PropertyOwner::Will,
    PropertyOwner::Connack,
    PropertyOwner::Publish,
    PropertyOwner::Puback,
    PropertyOwner::Pubrec,
    PropertyOwner::Pubrel,
    PropertyOwner::Pubcomp,
    PropertyOwner::Subscribe,
    PropertyOwner::Suback,
    PropertyOwner::Unsubscribe,
    PropertyOwner::Unsuback,
    PropertyOwner::Disconnect,
    PropertyOwner::Auth,
];

fn owner_of(id: PropertyId) -> PropertyOwner {
    OWNERS.into_iter().find(|owner| id.is_legal_in(*owner)).expect("every property has an owner")
}

/// The method that a section with authentication data needs, behind the data.
fn completion(id: PropertyId) -> &'static [u8] {
    if id == PropertyId::AuthenticationData { b"\x15\0\x01m" } else { b"" }
}

/// The properties of a packet, whichever it is.
fn properties<'a>(packet: &Packet<'a>, owner: PropertyOwner) -> Properties<'a> {
    match *packet {
        Packet::Connect(connect) if owner == PropertyOwner::Will => {
            connect.will().map_or(Properties::EMPTY, |will| will.properties)
        }
        Packet::Connect(connect) => connect.properties(),
        Packet::Connack(connack) => connack.properties,
        Packet::Publish(publish) => publish.properties,
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            ack.properties
        }
        Packet::Subscribe(subscribe) => subscribe.properties,
        Packet::Suback(suback) => suback.properties,
        Packet::Unsubscribe(unsubscribe) => unsubscribe.properties,
        Packet::Unsuback(unsuback) => unsuback.properties,
        Packet::Disconnect(disconnect) => disconnect.properties,
        Packet::Auth(auth) => auth.properties,
        Packet::Pingreq | Packet::Pingresp => Properties::EMPTY,
    }
}

#[test]
fn each_value_is_read_and_written_by_its_type() {
    for &id in PropertyId::ALL {
        let owner = owner_of(id);
        let section = join(&[&[id as u8], value(id as u8).expect("assigned"), completion(id)]);
        let (bytes, _) = with_section(owner, &section);
        let packet = decode(&bytes, Context { version: V5_0, sender: None }).expect("a good packet");
        let found = properties(&packet, owner);
        assert_eq!(found.iter().next(), Some(example(id)));
        assert!(found.contains(id));
        let mut buffer = PropertyBuf::new();
        buffer.push(owner, example(id)).expect("a good value");
        assert!(section.starts_with(&[id as u8]) && buffer.len() == section.len() - completion(id).len());
        assert_eq!(buffer.as_properties().iter().collect::<Vec<_>>(), [example(id)]);
    }
}

/// A section that ends within a property is refused where the bytes are missing.
#[test]
fn a_cut_value_is_refused() {
    for &id in PropertyId::ALL {
        let whole = join(&[&[id as u8], value(id as u8).expect("assigned")]);
        for len in 1..whole.len() {
            let (bytes, start) = with_section(owner_of(id), &whole[..len]);
            let error = decode(&bytes, Context { version: V5_0, sender: None }).expect_err("cut");
            assert_eq!(error.kind, Kind::Truncated, "{id} {len}");
            assert!((start..=start + len as u32).contains(&error.offset), "{id} {len}");
        }
    }
}

#[test]
fn switches_are_0_or_1() {
    for id in [0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2a] {
        let property = PropertyId::from_id(id).expect("assigned");
        for value in 0..=255 {
            let (bytes, start) = with_section(owner_of(property), &[id as u8, value]);
            if value < 2 {
                assert!(decode(&bytes, Context { version: V5_0, sender: None }).is_ok());
            } else {
                refused(V5_0, &bytes, Kind::PropertyValue(property), start + 1, "");
            }
        }
    }
}

/// [5.0 MQTT-3.3.2-8]
#[test]
fn some_numbers_are_not_0() {
    for (id, zero, statement) in [
        (PropertyId::ReceiveMaximum, &[0, 0][..], ""),
        (PropertyId::TopicAlias, &[0, 0], "MQTT-3.3.2-8"),
        (PropertyId::MaximumPacketSize, &[0, 0, 0, 0], ""),
        (PropertyId::SubscriptionIdentifier, &[0], ""),
    ] {
        for owner in OWNERS.into_iter().filter(|owner| id.is_legal_in(*owner)) {
            let (bytes, start) = with_section(owner, &join(&[&[id as u8], zero]));
            refused(V5_0, &bytes, Kind::PropertyValue(id), start + 1, statement);
        }
    }
    // The others may be: none of them stands for "no limit" by accident.
    for (id, zero) in [
        (PropertyId::MessageExpiryInterval, &[0, 0, 0, 0][..]),
        (PropertyId::SessionExpiryInterval, &[0, 0, 0, 0]),
        (PropertyId::WillDelayInterval, &[0, 0, 0, 0]),
        (PropertyId::ServerKeepAlive, &[0, 0]),
        (PropertyId::TopicAliasMaximum, &[0, 0]),
    ] {
        let (bytes, _) = with_section(owner_of(id), &join(&[&[id as u8], zero]));
        assert!(decode(&bytes, Context { version: V5_0, sender: None }).is_ok(), "{id}");
    }
}

/// Lengths of sections, identifiers and Subscription Identifiers are in their shortest form.
///
/// [5.0 MQTT-1.5.5-1]
#[test]
fn variable_integers_are_short() {
    let overlong = Kind::IntegerOverlong;
    let statement = "MQTT-1.5.5-1";
    refused(V5_0, b"\x30\x06\0\x01t\x80\0x", overlong, 5, statement);
    refused(V5_0, b"\x30\x09\0\x01t\x04\x0b\x81\x80\0x", overlong, 7, statement);
    refused(V5_0, b"\x30\x08\0\x01t\x03\x81\0\x01x", overlong, 6, statement);
    refused(V5_0, b"\x30\x0b\0\x01t\x06\x0b\xff\xff\xff\xff\x01x", Kind::IntegerTooLong, 7, "");
    refused(V5_0, b"\x30\x09\0\x01t\xff\xff\xff\xff\x01x", Kind::IntegerTooLong, 5, "");
    refused(V5_0, b"\x30\x07\0\x01t\x02\x80\x01x", Kind::UnknownProperty { id: 128 }, 6, "");
}

/// [5.0 MQTT-1.5.7-1] [5.0 MQTT-1.5.4-1] [5.0 MQTT-1.5.4-2]
#[test]
fn every_string_is_checked() {
    for &id in PropertyId::ALL {
        let is_string = matches!(value(id as u8), Some(b"\0\x01s"));
        for (bad, kind, statement) in
            [(0xff, Kind::Utf8, "MQTT-1.5.4-1"), (0, Kind::NulInString, "MQTT-1.5.4-2")]
        {
            if is_string {
                let (bytes, start) = with_section(owner_of(id), &[id as u8, 0, 2, b'x', bad]);
                refused(V5_0, &bytes, kind, start + 4, statement);
            }
            for owner in OWNERS {
                let (bytes, start) = with_section(owner, &[0x26, 0, 2, b'x', bad, 0, 1, b'v']);
                refused(V5_0, &bytes, kind, start + 4, statement);
                let (bytes, start) = with_section(owner, &[0x26, 0, 1, b'x', 0, 2, bad, b'v']);
                refused(V5_0, &bytes, kind, start + 6, statement);
            }
        }
    }
}

#[test]
fn a_section_is_as_long_as_it_says() {
    for owner in OWNERS {
        let (mut bytes, start) = with_section(owner, b"\x26\0\x01k\0\x01v");
        let len_at = start as usize - 1;
        bytes[len_at] = 127;
        refused(V5_0, &bytes, Kind::Truncated, start, "");
        bytes[len_at] = 6;
        refused(V5_0, &bytes, Kind::Truncated, start + 6, "");
    }
}

#[test]
fn authentication_data_needs_a_method() {
    for owner in [PropertyOwner::Connect, PropertyOwner::Connack, PropertyOwner::Auth] {
        let (bytes, start) = with_section(owner, b"\x16\0\x01d\x26\0\0\0\0");
        refused(V5_0, &bytes, Kind::AuthenticationDataAlone, start, "");
        let (bytes, _) = with_section(owner, b"\x16\0\x01d\x15\0\x01m");
        assert!(decode(&bytes, Context { version: V5_0, sender: None }).is_ok());
    }
}

#[test]
fn user_properties_keep_their_order_and_may_repeat() {
    let (bytes, _) = with_section(
        PropertyOwner::Publish,
        b"\x26\0\x01b\0\x01\x31\x01\x01\x26\0\x01a\0\0\x26\0\x01b\0\x01\x31",
    );
    let packet = decode(&bytes, Context { version: V5_0, sender: None }).expect("a good packet");
    let found = properties(&packet, PropertyOwner::Publish);
    assert_eq!(found.user_properties().collect::<Vec<_>>(), [("b", "1"), ("a", ""), ("b", "1")]);
    assert_eq!(found.payload_format_indicator(), Some(1));
    assert_eq!(found.subscription_identifiers().count(), 0);
}

/// A list of properties is checked like a section when it is encoded.
#[test]
fn a_bad_list_is_not_encoded() {
    let twice = [Property::ContentType("a"), Property::ContentType("b")];
    let long = "x".repeat(65_536);
    let rows: [(&[Property<'_>], EncodeError); 12] = [
        (&twice, EncodeError::PropertyRepeated(PropertyId::ContentType)),
        (&[Property::TopicAlias(0)], EncodeError::PropertyValue(PropertyId::TopicAlias)),
        (
            &[Property::PayloadFormatIndicator(2)],
            EncodeError::PropertyValue(PropertyId::PayloadFormatIndicator),
        ),
        (
            &[Property::SubscriptionIdentifier(0)],
            EncodeError::PropertyValue(PropertyId::SubscriptionIdentifier),
        ),
        (
            &[Property::SubscriptionIdentifier(268_435_456)],
            EncodeError::PropertyValue(PropertyId::SubscriptionIdentifier),
        ),
        (&[Property::ResponseTopic("a/+")], EncodeError::PropertyValue(PropertyId::ResponseTopic)),
        (&[Property::ResponseTopic("")], EncodeError::PropertyValue(PropertyId::ResponseTopic)),
        (&[Property::ContentType("\0")], EncodeError::NulInString),
        (&[Property::UserProperty("\0", "")], EncodeError::NulInString),
        (&[Property::UserProperty("", "\0")], EncodeError::NulInString),
        (&[Property::ContentType(&long)], EncodeError::FieldTooLong { size: 65_536 }),
        (&[Property::CorrelationData(long.as_bytes())], EncodeError::FieldTooLong { size: 65_536 }),
    ];
    for (list, error) in rows {
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: TopicName::new("t").expect("a name"),
            packet_id: None,
            properties: Properties::new(list),
            payload: b"",
        };
        assert_eq!(Packet::Publish(publish).encoded_len(V5_0), Err(error));
    }
}
