//! What must hold for any bytes: shared by the plain tests and, through `#[path]`, by the fuzz targets.
//!
//! The rules are written a second time here, as simply as they can be said, so that a fault of the codec does
//! not hide in both. Each check panics if it does not hold.

use mqtt_proto::{
    Context, DecodeError, FilterTrie, PACKET_SIZE_MAX, Packet, Properties, PropertyId, Sender, TopicFilter,
    TopicName, Version, decode, decode_next, decode_strict, frame_len,
};

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5_0];

/// Any bytes as one frame, by the rules of every version and side.
pub fn any_frame(bytes: &[u8]) {
    let _ = frame_len(bytes, PACKET_SIZE_MAX);
    for version in VERSIONS {
        let from_any = decode(bytes, Context { version, sender: None });
        match from_any {
            Ok(packet) => good_frame(bytes, version, packet),
            Err(error) => good_error(bytes, version, error),
        }
        for sender in [Sender::Client, Sender::Server] {
            // A side takes what any side takes, or refuses it.
            match decode(bytes, Context { version, sender: Some(sender) }) {
                Ok(packet) => assert_eq!(from_any, Ok(packet)),
                Err(error) => good_error(bytes, version, error),
            }
        }
        if let Err(error) = decode_strict(bytes, Context { version, sender: None }) {
            good_error(bytes, version, error);
        }
    }
}

/// Any bytes as a stream: the packets do not depend on how the bytes arrive.
///
/// The first byte picks the version and how many bytes arrive at once.
pub fn any_stream(bytes: &[u8]) {
    let Some((&choice, stream)) = bytes.split_first() else { return };
    let version = VERSIONS[usize::from(choice) % VERSIONS.len()];
    let whole = packets_of(stream, version, stream.len().max(1));
    let pieces = packets_of(stream, version, usize::from(choice) / VERSIONS.len() % 7 + 1);
    assert_eq!(whole, pieces);
}

/// Any text as filter and name, divided by the first line break.
pub fn any_topic(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let (filter, name) = text.split_once('\n').unwrap_or((text, text));
    topic_rules(filter);
    topic_rules(name);
    topic_match(filter, name);
}

/// What each packet of a stream displays as and what is left, if it arrives in pieces of that size.
fn packets_of(
    stream: &[u8],
    version: Version,
    piece_size: usize,
) -> (Vec<String>, Option<DecodeError>, usize) {
    let mut packets = Vec::new();
    let mut buffer = Vec::new();
    for piece in stream.chunks(piece_size) {
        buffer.extend_from_slice(piece);
        loop {
            let context = Context { version, sender: None };
            let mut rest = &buffer[..];
            let next = decode_next(&mut rest, PACKET_SIZE_MAX, context);
            let len = match frame_len(&buffer, PACKET_SIZE_MAX) {
                Ok(Some(len)) if len <= buffer.len() => len,
                Ok(_) => {
                    assert_eq!((next, rest), (Ok(None), &buffer[..]));
                    break;
                }
                Err(error) => {
                    assert_eq!((next, rest), (Err(error), &buffer[..]));
                    return (packets, Some(error), 0);
                }
            };
            let packet = decode(&buffer[..len], context);
            assert_eq!(next, packet.map(Some));
            match packet {
                Ok(packet) => packets.push(format!("{packet:?}")),
                Err(error) => return (packets, Some(error), 0),
            }
            assert_eq!(rest, &buffer[len..]);
            buffer.drain(..len);
        }
    }
    let left = buffer.len();
    (packets, None, left)
}

/// A packet that was decoded can be walked, shown and encoded again, to the very bytes or their plain form.
fn good_frame(bytes: &[u8], version: Version, packet: Packet<'_>) {
    assert_eq!(frame_len(bytes, PACKET_SIZE_MAX), Ok(Some(bytes.len())));
    let version = match packet {
        Packet::Connect(connect) => connect.version(),
        _ => version,
    };
    walk(packet);
    let plain = plain_form(bytes, version);
    let mut out = vec![0xaa];
    assert_eq!(packet.encoded_len(version), Ok(plain.len()), "{version} {packet}");
    assert_eq!(packet.encode(version, &mut out), Ok(plain.len()), "{version} {packet}");
    assert_eq!(out[1..], plain, "{version} {packet}");
    assert_eq!(decode(&plain, Context { version, sender: None }), Ok(packet), "{version}");
}

/// A fault lies within the frame, in a packet of the kind that the first byte names, and can be told.
fn good_error(bytes: &[u8], version: Version, error: DecodeError) {
    assert!(error.offset as usize <= bytes.len(), "{error}");
    assert!(error.version == version || bytes[0] >> 4 == 1, "{error}");
    assert!(error.version != Version::V3_1 || error.statement().is_none(), "{error}");
    assert!(!error.to_string().is_empty() && error.reason_code().is_error());
}

/// Everything that can be asked of a packet.
fn walk(packet: Packet<'_>) {
    let text = packet.to_string();
    assert!(text.starts_with(packet.kind().name()) && !text.contains('\n'), "{text}");
    let _ = format!("{packet:?}");
    let _ = packet.discouraged_character();
    match packet {
        Packet::Connect(connect) => {
            walk_properties(connect.properties());
            connect.will().iter().for_each(|will| {
                assert!(TopicName::new(will.topic.as_str()).is_ok());
                walk_properties(will.properties);
            });
        }
        Packet::Connack(connack) => walk_properties(connack.properties),
        Packet::Publish(publish) => {
            let is_name = TopicName::new(publish.topic.as_str()).is_ok();
            assert_eq!(is_name, !publish.topic.is_aliased());
            assert!(is_name || publish.properties.topic_alias().is_some());
            walk_properties(publish.properties);
        }
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            walk_properties(ack.properties);
        }
        Packet::Subscribe(subscribe) => {
            walk_properties(subscribe.properties);
            assert!(subscribe.filters.iter().all(|item| !item.filter.as_str().is_empty()));
        }
        Packet::Unsubscribe(unsubscribe) => {
            walk_properties(unsubscribe.properties);
            assert!(unsubscribe.filters.iter().all(|filter| !filter.as_str().is_empty()));
        }
        Packet::Suback(suback) => {
            walk_properties(suback.properties);
            assert_eq!(suback.codes.iter().count(), suback.codes.len());
        }
        Packet::Unsuback(unsuback) => {
            walk_properties(unsuback.properties);
            assert_eq!(unsuback.codes.iter().count(), unsuback.codes.len());
        }
        Packet::Pingreq | Packet::Pingresp => {}
        Packet::Disconnect(disconnect) => walk_properties(disconnect.properties),
        Packet::Auth(auth) => walk_properties(auth.properties),
    }
}

/// What is iterated over is what is asked for one by one.
fn walk_properties(properties: Properties<'_>) {
    for id in PropertyId::ALL {
        let is_listed = properties.iter().any(|property| property.id() == *id);
        assert_eq!(properties.contains(*id), is_listed, "{id}");
    }
    let strings = [
        (PropertyId::ContentType, properties.content_type()),
        (PropertyId::ResponseTopic, properties.response_topic()),
        (PropertyId::AssignedClientIdentifier, properties.assigned_client_identifier()),
        (PropertyId::AuthenticationMethod, properties.authentication_method()),
        (PropertyId::ResponseInformation, properties.response_information()),
        (PropertyId::ServerReference, properties.server_reference()),
        (PropertyId::ReasonString, properties.reason_string()),
    ];
    for (id, string) in strings {
        assert_eq!(string.is_some(), properties.contains(id), "{id}");
    }
    let bytes = [
        (PropertyId::PayloadFormatIndicator, properties.payload_format_indicator()),
        (PropertyId::RequestProblemInformation, properties.request_problem_information()),
        (PropertyId::RequestResponseInformation, properties.request_response_information()),
        (PropertyId::MaximumQoS, properties.maximum_qos()),
        (PropertyId::RetainAvailable, properties.retain_available()),
        (PropertyId::WildcardSubscriptionAvailable, properties.wildcard_subscription_available()),
        (PropertyId::SubscriptionIdentifierAvailable, properties.subscription_identifier_available()),
        (PropertyId::SharedSubscriptionAvailable, properties.shared_subscription_available()),
    ];
    for (id, byte) in bytes {
        assert_eq!(byte.is_some(), properties.contains(id), "{id}");
        assert!(byte.is_none_or(|byte| byte <= 1), "{id}");
    }
    let numbers = [
        (PropertyId::MessageExpiryInterval, properties.message_expiry_interval()),
        (PropertyId::SessionExpiryInterval, properties.session_expiry_interval()),
        (PropertyId::WillDelayInterval, properties.will_delay_interval()),
        (PropertyId::MaximumPacketSize, properties.maximum_packet_size()),
        (PropertyId::ServerKeepAlive, properties.server_keep_alive().map(u32::from)),
        (PropertyId::ReceiveMaximum, properties.receive_maximum().map(u32::from)),
        (PropertyId::TopicAliasMaximum, properties.topic_alias_maximum().map(u32::from)),
        (PropertyId::TopicAlias, properties.topic_alias().map(u32::from)),
        (PropertyId::SubscriptionIdentifier, properties.subscription_identifiers().next()),
    ];
    for (id, number) in numbers {
        assert_eq!(number.is_some(), properties.contains(id), "{id}");
    }
    let has_users = properties.user_properties().next().is_some();
    assert_eq!(has_users, properties.contains(PropertyId::UserProperty));
    assert_eq!(properties.correlation_data().is_some(), properties.contains(PropertyId::CorrelationData));
    let has_data = properties.authentication_data().is_some();
    assert_eq!(has_data, properties.contains(PropertyId::AuthenticationData));
    assert_eq!(properties.is_empty(), properties.iter().next().is_none());
}

/// The form in which we write what a good frame says: shortest length, shortest form of 5.0, unused bits of 3.1
/// as they should be. Any other difference is a fault.
pub fn plain_form(bytes: &[u8], version: Version) -> Vec<u8> {
    let len_size = bytes[1..].iter().position(|byte| byte & 0x80 == 0).map_or(1, |last| last + 1);
    let (mut first, mut body) = (bytes[0], bytes[1 + len_size..].to_vec());
    let kind = first >> 4;
    match (version, kind) {
        (Version::V3_1, _) => plain_3_1(&mut first, &mut body),
        (Version::V3_1_1, _) => {}
        (Version::V5_0, 4..=7) => {
            drop_tail(&mut body, 4);
            drop_tail(&mut body, 3);
        }
        (Version::V5_0, 14) => {
            drop_tail(&mut body, 2);
            drop_tail(&mut body, 1);
        }
        (Version::V5_0, 15) if body == [0, 0] => body.clear(),
        (Version::V5_0, _) => {}
    }
    let mut plain = vec![first];
    let mut len = body.len();
    while len >= 0x80 {
        plain.push(len as u8 | 0x80);
        len >>= 7;
    }
    plain.push(len as u8);
    plain.extend_from_slice(&body);
    plain
}

/// The last byte of a body of that size says nothing if it is 0.
fn drop_tail(body: &mut Vec<u8>, size: usize) {
    if body.len() == size && body.last() == Some(&0) {
        body.pop();
    }
}

/// What 3.1 leaves unused.
fn plain_3_1(first: &mut u8, body: &mut [u8]) {
    match *first >> 4 {
        1 => {
            *first = 0x10;
            body[CONNECT_FLAGS_AT] &= connect_flags_used(body);
        }
        2 => {
            *first = 0x20;
            body[0] = 0;
        }
        3 if *first & 6 == 0 => *first &= !8,
        3 => {}
        kind @ (6 | 8 | 10) => {
            *first = kind << 4 | 2;
            let mut at = 2;
            while kind == 8 && at < body.len() {
                at += 2 + usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
                body[at] &= 3;
                at += 1;
            }
        }
        kind => *first = kind << 4,
    }
}

/// Where the connect flags of 3.1 stand, behind the protocol name and level.
const CONNECT_FLAGS_AT: usize = 9;

/// The connect flags of 3.1 that mean something: those of fields that are there.
fn connect_flags_used(body: &[u8]) -> u8 {
    let has_will = body[CONNECT_FLAGS_AT] & 0x04 != 0;
    let mut at = CONNECT_FLAGS_AT + 3;
    let fields_before = if has_will { 3 } else { 1 };
    for _ in 0..fields_before {
        at += 2 + usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
    }
    let will_bits = if has_will { 0x3c } else { 0 };
    // The user name is there if anything is, and the password if anything is behind it.
    let login_bits = match body.get(at..at + 2) {
        None => 0,
        Some(size) => {
            let end = at + 2 + usize::from(u16::from_be_bytes([size[0], size[1]]));
            if end == body.len() { 0x80 } else { 0xc0 }
        }
    };
    0x02 | will_bits | login_bits
}

/// Which of the rules of topic names and filters hold, said a second time.
pub fn topic_rules(text: &str) {
    let fits = !text.is_empty() && text.len() <= 65_535 && !text.contains('\0');
    let is_name = fits && !text.contains(['+', '#']);
    assert_eq!(TopicName::new(text).is_ok(), is_name, "{text:?}");
    let levels: Vec<&str> = text.split('/').collect();
    let is_filter = if text.starts_with("$share/") {
        levels.len() > 2
            && !levels[1].is_empty()
            && !levels[1].contains(['+', '#'])
            && is_plain_filter(&levels[2..])
    } else {
        is_plain_filter(&levels)
    };
    assert_eq!(TopicFilter::new(text).is_ok(), fits && is_filter, "{text:?}");
    if let Ok(filter) = TopicFilter::new(text) {
        assert_eq!(filter.is_shared(), text.starts_with("$share/"));
        assert_eq!(filter.share_name(), filter.is_shared().then(|| levels[1]));
        let rest = if filter.is_shared() { levels[2..].join("/") } else { text.to_owned() };
        assert_eq!(filter.levels(), rest);
        assert_eq!(filter.has_wildcard(), rest.contains(['+', '#']));
    }
}

fn is_plain_filter(levels: &[&str]) -> bool {
    let is_good = |(index, level): (usize, &&str)| match *level {
        "+" => true,
        "#" => index == levels.len() - 1,
        level => !level.contains(['+', '#']),
    };
    *levels != [""] && levels.iter().enumerate().all(is_good)
}

/// A filter and a name match by rules said a second time, and the trie says the same.
pub fn topic_match(filter: &str, name: &str) {
    let (Ok(filter), Ok(name)) = (TopicFilter::new(filter), TopicName::new(name)) else { return };
    let filters: Vec<&str> = filter.levels().split('/').collect();
    let names: Vec<&str> = name.as_str().split('/').collect();
    let is_hidden = names[0].starts_with('$') && matches!(filters[0], "+" | "#");
    let is_match = !is_hidden && levels_match(&filters, &names);
    assert_eq!(filter.matches(name), is_match, "{filter} {name}");
    let mut trie = FilterTrie::new();
    let id = trie.insert(filter);
    let mut found = Vec::new();
    trie.for_each_match(name, |id| found.push(id));
    assert_eq!(found, if is_match { vec![id] } else { vec![] }, "{filter} {name}");
}

fn levels_match(filters: &[&str], names: &[&str]) -> bool {
    match (filters, names) {
        ([], []) => true,
        (["#"], _) => true,
        (["+", filters @ ..], [_, names @ ..]) => levels_match(filters, names),
        ([filter, filters @ ..], [name, names @ ..]) => filter == name && levels_match(filters, names),
        _ => false,
    }
}
