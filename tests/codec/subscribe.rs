//! SUBSCRIBE and UNSUBSCRIBE: lists of filters.

use mqtt_proto::{
    Context, DecodeErrorKind as Kind, EncodeError, Filters, Packet, PacketKind, Properties, Property,
    PropertyOwner, QoS, RetainHandling, Subscribe, SubscribeFilter, SubscribeOptions, TopicFilter,
    TopicFilters, Unsubscribe, decode,
};

use crate::table::{V3_1, V3_1_1, V5_0, VERSIONS, both_ways, frame, id, join, reads_as, refused};

fn filter(text: &str) -> TopicFilter<'_> {
    TopicFilter::new(text).expect("a filter")
}

fn with_qos(text: &str, qos: QoS) -> SubscribeFilter<'_> {
    SubscribeFilter { filter: filter(text), options: SubscribeOptions::with_qos(qos) }
}

fn subscribe<'a>(filters: &'a [SubscribeFilter<'a>]) -> Subscribe<'a> {
    Subscribe { packet_id: id(7), properties: Properties::EMPTY, filters: Filters::new(filters) }
}

fn unsubscribe<'a>(filters: &'a [TopicFilter<'a>]) -> Unsubscribe<'a> {
    Unsubscribe { packet_id: id(7), properties: Properties::EMPTY, filters: TopicFilters::new(filters) }
}

/// [5.0 MQTT-3.8.3-1] [5.0 MQTT-3.10.3-1] [5.0 MQTT-2.2.2-1] [3.1.1 MQTT-3.8.3-1] [3.1.1 MQTT-3.10.3-1]
#[test]
fn filters_stand_one_behind_the_other() {
    let wanted =
        [with_qos("a/+", QoS::AtMostOnce), with_qos("#", QoS::ExactlyOnce), with_qos("/", QoS::AtLeastOnce)];
    let unwanted = [filter("a/+"), filter("#"), filter("/")];
    for version in VERSIONS {
        let none: &[u8] = if version == V5_0 { &[0] } else { &[] };
        let bytes = frame(0x82, &join(&[&[0, 7], none, b"\0\x03a/+\x00\0\x01#\x02\0\x01/\x01"]));
        both_ways(version, &bytes, Packet::Subscribe(subscribe(&wanted)));
        let bytes = frame(0xa2, &join(&[&[0, 7], none, b"\0\x03a/+\0\x01#\0\x01/"]));
        both_ways(version, &bytes, Packet::Unsubscribe(unsubscribe(&unwanted)));
    }
}

/// Repeated requests of 3.1 say DUP.
#[test]
fn requests_of_3_1_may_be_repetitions() {
    let wanted = [with_qos("f", QoS::AtLeastOnce)];
    reads_as(V3_1, b"\x8a\x06\0\x07\0\x01f\x01", Packet::Subscribe(subscribe(&wanted)));
    let unwanted = [filter("f")];
    reads_as(V3_1, b"\xaa\x05\0\x07\0\x01f", Packet::Unsubscribe(unsubscribe(&unwanted)));
}

/// [5.0 MQTT-3.8.3-5] [5.0 MQTT-3.8.3-4] [3.1.1 MQTT-3.8.3-4]
#[test]
fn every_value_of_the_options_is_taken_or_refused() {
    for byte in 0..=255_u8 {
        let qos = QoS::from_bits(byte & 3);
        let bytes = |version, text: &[u8]| {
            let none: &[u8] = if version == V5_0 { &[0] } else { &[] };
            frame(0x82, &join(&[&[0, 7], none, &[0, text.len() as u8], text, &[byte]]))
        };
        let plain = qos.map(|qos| [with_qos("f", qos)]);
        // 3.1: two bits count, the others are unused.
        match &plain {
            Some(plain) => reads_as(V3_1, &bytes(V3_1, b"f"), Packet::Subscribe(subscribe(plain))),
            None => refused(V3_1, &bytes(V3_1, b"f"), Kind::SubscribeQoS, 7, ""),
        }
        match &plain {
            Some(plain) if byte < 3 => {
                both_ways(V3_1_1, &bytes(V3_1_1, b"f"), Packet::Subscribe(subscribe(plain)));
            }
            _ => {
                let kind = if byte == 3 { Kind::SubscribeQoS } else { Kind::SubscribeOptions };
                refused(V3_1_1, &bytes(V3_1_1, b"f"), kind, 7, "MQTT-3.8.3-4");
            }
        }
        let retain_handling =
            [RetainHandling::OnSubscribe, RetainHandling::OnNewSubscription, RetainHandling::Never]
                .into_iter()
                .find(|handling| *handling as u8 == byte >> 4);
        match (qos, retain_handling) {
            (Some(qos), Some(retain_handling)) => {
                let (no_local, retain_as_published) = (byte & 4 != 0, byte & 8 != 0);
                let options = SubscribeOptions { qos, no_local, retain_as_published, retain_handling };
                let wanted = [SubscribeFilter { filter: filter("f"), options }];
                both_ways(V5_0, &bytes(V5_0, b"f"), Packet::Subscribe(subscribe(&wanted)));
                let shared = [SubscribeFilter { filter: filter("$share/g/f"), options }];
                let packet = Packet::Subscribe(subscribe(&shared));
                if no_local {
                    let bytes = bytes(V5_0, b"$share/g/f");
                    refused(V5_0, &bytes, Kind::NoLocalOnShared, 17, "MQTT-3.8.3-4");
                    assert_eq!(packet.encoded_len(V5_0), Err(EncodeError::SubscribeOptions));
                } else {
                    both_ways(V5_0, &bytes(V5_0, b"$share/g/f"), packet);
                }
                if byte > 3 {
                    for version in [V3_1, V3_1_1] {
                        let packet = Packet::Subscribe(subscribe(&wanted));
                        assert_eq!(packet.encoded_len(version), Err(EncodeError::SubscribeOptions));
                    }
                }
            }
            _ if byte & 0xc0 != 0 => {
                refused(V5_0, &bytes(V5_0, b"f"), Kind::SubscribeOptions, 8, "MQTT-3.8.3-5");
            }
            (None, _) => refused(V5_0, &bytes(V5_0, b"f"), Kind::SubscribeQoS, 8, ""),
            (Some(_), None) => refused(V5_0, &bytes(V5_0, b"f"), Kind::RetainHandling, 8, ""),
        }
    }
}

/// [5.0 MQTT-3.8.3-2] [5.0 MQTT-3.10.3-2] [3.1.1 MQTT-3.8.3-3] [3.1.1 MQTT-3.10.3-2]
#[test]
fn at_least_one_filter_is_there() {
    for (version, body, statements) in [
        (V3_1, &[0, 7][..], ["", ""]),
        (V3_1_1, &[0, 7], ["MQTT-3.8.3-3", "MQTT-3.10.3-2"]),
        (V5_0, &[0, 7, 0], ["MQTT-3.8.3-2", "MQTT-3.10.3-2"]),
    ] {
        for (first, statement) in [0x82, 0xa2].into_iter().zip(statements) {
            refused(version, &frame(first, body), Kind::EmptyList, 2 + body.len() as u32, statement);
        }
        let empty = EncodeError::EmptyList;
        assert_eq!(Packet::Subscribe(subscribe(&[])).encoded_len(version), Err(empty));
        assert_eq!(Packet::Unsubscribe(unsubscribe(&[])).encoded_len(version), Err(empty));
    }
}

/// [3.1.1 MQTT-2.3.1-1]
#[test]
fn a_request_has_a_packet_id() {
    for (version, statement) in [(V3_1, ""), (V3_1_1, "MQTT-2.3.1-1"), (V5_0, "MQTT-2.2.1-3")] {
        for (first, body) in [(0x82, &b"\0\0\0\0\x01f\0"[..]), (0xa2, b"\0\0\0\0\x01f")] {
            refused(version, &frame(first, body), Kind::PacketIdZero, 2, statement);
            refused(version, &frame(first, &[0]), Kind::Truncated, 2, "");
        }
    }
}

/// The second filter is the bad one, so that each is seen to be checked.
///
/// [5.0 MQTT-3.8.3-1] [5.0 MQTT-3.10.3-1] [5.0 MQTT-4.7.1-1] [5.0 MQTT-4.7.1-2] [5.0 MQTT-4.7.3-1]
/// [5.0 MQTT-4.7.3-2] [5.0 MQTT-4.8.2-1] [5.0 MQTT-4.8.2-2] [5.0 MQTT-1.5.4-1] [5.0 MQTT-1.5.4-2]
/// [3.1.1 MQTT-3.8.3-1] [3.1.1 MQTT-3.10.3-1] [3.1.1 MQTT-4.7.1-2] [3.1.1 MQTT-4.7.1-3] [3.1.1 MQTT-4.7.3-1]
/// [3.1.1 MQTT-4.7.3-2] [3.1.1 MQTT-1.5.3-1] [3.1.1 MQTT-1.5.3-2]
#[test]
fn each_filter_is_checked() {
    // Text, fault, byte behind the start of the field, statements of 5.0 and 3.1.1; `None`: taken there.
    type Row<'a> = (&'a [u8], Kind, u32, &'a str, Option<&'a str>);
    let rows: &[Row<'_>] = &[
        (b"", Kind::EmptyTopicFilter, 0, "MQTT-4.7.3-1", Some("MQTT-4.7.3-1")),
        (b"a#", Kind::WildcardPosition, 0, "MQTT-4.7.1-1", Some("MQTT-4.7.1-2")),
        (b"#/a", Kind::WildcardPosition, 0, "MQTT-4.7.1-1", Some("MQTT-4.7.1-2")),
        (b"##", Kind::WildcardPosition, 0, "MQTT-4.7.1-1", Some("MQTT-4.7.1-2")),
        (b"a+", Kind::SingleLevelWildcardPosition, 0, "MQTT-4.7.1-2", Some("MQTT-4.7.1-3")),
        (b"+a/b", Kind::SingleLevelWildcardPosition, 0, "MQTT-4.7.1-2", Some("MQTT-4.7.1-3")),
        (b"a/++", Kind::SingleLevelWildcardPosition, 0, "MQTT-4.7.1-2", Some("MQTT-4.7.1-3")),
        (b"a\xff", Kind::Utf8, 3, "MQTT-1.5.4-1", Some("MQTT-1.5.3-1")),
        (b"\0", Kind::NulInString, 2, "MQTT-1.5.4-2", Some("MQTT-1.5.3-2")),
        (b"ab/\0", Kind::NulInString, 5, "MQTT-1.5.4-2", Some("MQTT-1.5.3-2")),
        (b"$share//a", Kind::ShareName, 0, "MQTT-4.8.2-1", None),
        (b"$share/", Kind::ShareName, 0, "MQTT-4.8.2-1", None),
        (b"$share/g", Kind::SharedFilter, 0, "MQTT-4.8.2-2", None),
        (b"$share/g/", Kind::SharedFilter, 0, "MQTT-4.8.2-2", None),
        (b"$share/+/a", Kind::SharedFilter, 0, "MQTT-4.8.2-2", None),
        (b"$share/#", Kind::SharedFilter, 0, "MQTT-4.8.2-2", Some("")),
        (b"$share/g/a#", Kind::WildcardPosition, 0, "MQTT-4.7.1-1", Some("MQTT-4.7.1-2")),
    ];
    for &(text, kind, at, statement, statement_311) in rows {
        let text = join(&[&[0, text.len() as u8], text]);
        for (first, options) in [(0x82, &b"\0"[..]), (0xa2, b"")] {
            let good = join(&[b"\0\x01f", options]);
            let bytes = frame(first, &join(&[&[0, 7, 0], &good, &text, options]));
            refused(V5_0, &bytes, kind, 5 + good.len() as u32 + at, statement);
            let bytes = frame(first, &join(&[&[0, 7], &good, &text, options]));
            match statement_311 {
                // Before 5.0, `$share` is a level like any other.
                None | Some("") => {
                    for version in [V3_1, V3_1_1] {
                        let packet =
                            decode(&bytes, Context { version, sender: None }).expect("a good packet");
                        assert_eq!(packet.encoded_len(version), Ok(bytes.len()));
                        assert_eq!(packet.encoded_len(V5_0), Err(EncodeError::SharedFilter), "{packet}");
                    }
                }
                Some(statement) => {
                    let offset = 4 + good.len() as u32 + at;
                    refused(V3_1_1, &bytes, kind, offset, statement);
                    refused(V3_1, &bytes, kind, offset, "");
                }
            }
        }
    }
}

#[test]
fn a_cut_list_is_refused() {
    for version in VERSIONS {
        let none: &[u8] = if version == V5_0 { &[0] } else { &[] };
        for (first, item) in [(0x82, &b"\0\x02ff\0"[..]), (0xa2, b"\0\x02ff")] {
            for len in 1..item.len() {
                let body = join(&[&[0, 7], none, item, &item[..len]]);
                let bytes = frame(first, &body);
                let error = decode(&bytes, Context { version, sender: None });
                assert_eq!(error.expect_err("cut").kind, Kind::Truncated, "{version} {body:02x?}");
            }
        }
    }
}

#[test]
fn properties_are_of_5() {
    let list = [Property::SubscriptionIdentifier(268_435_455), Property::UserProperty("k", "")];
    let wanted = [with_qos("f", QoS::AtMostOnce)];
    let packet = Packet::Subscribe(Subscribe { properties: Properties::new(&list), ..subscribe(&wanted) });
    let bytes = b"\x82\x12\0\x07\x0b\x0b\xff\xff\xff\x7f\x26\0\x01k\0\0\0\x01f\0";
    both_ways(V5_0, bytes, packet);
    let unwanted = [filter("f")];
    let user = [Property::UserProperty("k", "")];
    let unsubscribe = Unsubscribe { properties: Properties::new(&user), ..unsubscribe(&unwanted) };
    both_ways(V5_0, b"\xa2\x0c\0\x07\x06\x26\0\x01k\0\0\0\x01f", Packet::Unsubscribe(unsubscribe));
    let wrong = Unsubscribe { properties: Properties::new(&list), ..unsubscribe };
    let owner = PropertyOwner::Unsubscribe;
    let error = EncodeError::PropertyNotAllowed { id: list[0].id(), owner };
    assert_eq!(Packet::Unsubscribe(wrong).encoded_len(V5_0), Err(error));
    for version in [V3_1, V3_1_1] {
        let needs_5 = |kind| Err(EncodeError::NeedsVersion5(kind));
        assert_eq!(packet.encoded_len(version), needs_5(PacketKind::Subscribe));
        let error = Packet::Unsubscribe(unsubscribe).encoded_len(version);
        assert_eq!(error, needs_5(PacketKind::Unsubscribe));
    }
}

/// A message may match several subscriptions, a SUBSCRIBE has one identifier: what one carried the other may not.
#[test]
fn identifiers_of_a_message_do_not_pass_into_a_subscribe() {
    let bytes = b"\x30\x08\0\x01t\x04\x0b\x01\x0b\x02";
    let Ok(Packet::Publish(publish)) = decode(bytes, Context { version: V5_0, sender: None }) else {
        panic!("a good packet");
    };
    let wanted = [with_qos("f", QoS::AtMostOnce)];
    let packet = Packet::Subscribe(Subscribe { properties: publish.properties, ..subscribe(&wanted) });
    let id = mqtt_proto::PropertyId::SubscriptionIdentifier;
    assert_eq!(packet.encoded_len(V5_0), Err(EncodeError::PropertyRepeated(id)));
}
