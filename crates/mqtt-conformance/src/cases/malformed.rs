//! Packets of the server that break the rules: the client closes the connection.
//!
//! 3.1.1 demands it by a numbered statement. 5.0 recommends it to a client, and a DISCONNECT with the reason.

use std::time::Duration;

use mqtt_proto::{PacketKind, QoS, ReasonCode, Version};

use crate::case::Case;
use crate::outcome::{Step, ensure};
use crate::packets::{Frame, raw};
use crate::stage::{Stage, line_named};

/// A case whose server sends bytes that depend on the version, once the client is online and subscribed.
macro_rules! malformed {
    ($($id:literal, $does:literal, [$($cite:literal),*], $bytes:expr;)*) => {
        pub(super) const CASES: &[Case] = &[
            $(Case {
                id: concat!("malformed/", $id),
                does: concat!($does, ": the client closes, and the program gets nothing."),
                cites: &[$($cite),*],
                is_slow: false,
                play: |stage| {
                    let bytes: fn(Version) -> Vec<u8> = $bytes;
                    closes_over(stage, bytes)
                },
            },)*
            Case {
                id: "malformed/first-packet",
                does: "The server's first packet is a PINGRESP, no CONNACK: the client closes.",
                cites: &["[3.1.1 MQTT-4.8.0-1]", "5.0 section 4.13.1"],
                is_slow: false,
                play: first_packet,
            },
            Case {
                id: "malformed/connack-flags",
                does: "CONNACK has a reserved flag: the client closes.",
                cites: &["[3.1.1 MQTT-4.8.0-1]", "5.0 section 4.13.1"],
                is_slow: false,
                play: connack_flags,
            },
            Case {
                id: "malformed/says-why",
                does: "The server sends a malformed packet: DISCONNECT with 0x81 or 0x82 comes before the client closes.",
                cites: &["5.0 section 4.13.1"],
                is_slow: false,
                play: says_why,
            },
            Case {
                id: "malformed/authentication",
                does: "The server sends AUTH to a client that uses no method: no AUTH comes back.",
                cites: &["[5.0 MQTT-4.12.0-7]"],
                is_slow: false,
                play: authentication,
            },
            Case {
                id: "malformed/authentication-closes",
                does: "The server sends AUTH to a client that uses no method: the client closes.",
                cites: &["5.0 section 4.12"],
                is_slow: false,
                play: authentication_closes,
            },
        ];
    };
}

malformed! {
    "qos3", "A PUBLISH has both bits of its QoS set",
        ["[3.1.1 MQTT-3.3.1-4]", "[3.1.1 MQTT-4.8.0-1]", "5.0 section 3.3.1.2"],
        |version| publish(version, 0x36, b"kit/a", 7);
    "utf8", "The topic of a PUBLISH is ill-formed UTF-8",
        ["[3.1.1 MQTT-1.5.3-1]", "5.0 section 1.5.4"],
        |version| publish(version, 0x32, b"kit/\xc3\x28", 7);
    "surrogate", "The topic of a PUBLISH has an encoded surrogate",
        ["[3.1.1 MQTT-1.5.3-1]", "5.0 section 1.5.4"],
        |version| publish(version, 0x32, b"kit/\xed\xa0\x80", 7);
    "nul", "The topic of a PUBLISH has U+0000",
        ["[3.1.1 MQTT-1.5.3-2]", "5.0 section 1.5.4"],
        |version| publish(version, 0x32, b"kit/\0", 7);
    "wildcard", "The topic of a PUBLISH has a wildcard",
        ["[3.1.1 MQTT-4.8.0-1]", "5.0 section 3.3.2.1"],
        |version| publish(version, 0x32, b"kit/+", 7);
    "identifier-zero", "A PUBLISH of QoS 1 has the packet identifier 0",
        ["[3.1.1 MQTT-4.8.0-1]", "5.0 section 2.2.1"],
        |version| publish(version, 0x32, b"kit/a", 0);
    "qos0-dup", "A PUBLISH of QoS 0 has DUP",
        ["[3.1.1 MQTT-4.8.0-1]", "5.0 section 3.3.1.1"],
        |version| {
            let properties: &[u8] = if version.has_properties() { &[0] } else { &[] };
            raw(0x38, &[b"\0\x05kit/a", properties, b"wrong"].concat())
        };
    "topic-too-long", "The topic of a PUBLISH is said to be longer than the packet",
        ["[3.1.1 MQTT-4.8.0-1]", "5.0 section 4.13.1"],
        |_version| raw(0x30, b"\xff\xffkit/a");
    "pubrel-flags", "The flags of a PUBREL are zero",
        ["[3.1.1 MQTT-3.6.1-1]", "[3.1.1 MQTT-2.2.2-2]", "5.0 section 3.6.1"],
        |_version| raw(0x60, &[0, 7]);
    "puback-flags", "A PUBACK has a reserved flag",
        ["[3.1.1 MQTT-2.2.2-2]", "5.0 section 2.1.3"],
        |_version| raw(0x41, &[0, 7]);
    "pingresp-length", "A PINGRESP has a byte too many",
        ["[3.1.1 MQTT-4.8.0-1]", "5.0 section 4.13.1"],
        |_version| raw(0xd0, &[0]);
    "remaining-length", "The length of a packet goes on after four bytes",
        ["[3.1.1 MQTT-4.8.0-1]", "5.0 section 1.5.5"],
        |_version| vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x01];
    "type-zero", "A packet has the reserved type 0",
        ["[3.1.1 MQTT-4.8.0-1]", "5.0 section 2.1.2"],
        |_version| raw(0, &[]);
    "type-fifteen", "A packet has the type 15 where the version does not have it",
        ["[3.1.1 MQTT-4.8.0-1]"],
        |_version| raw(0xf0, &[]);
    "subscribe", "The server sends SUBSCRIBE, which only clients may send",
        ["[3.1.1 MQTT-4.8.0-1]", "5.0 section 2.1.2"],
        |version| {
            let properties: &[u8] = if version.has_properties() { &[0] } else { &[] };
            raw(0x82, &[b"\0\x07", properties, b"\0\x01a\0"].concat())
        };
    "second-connack", "A second CONNACK comes",
        ["3.1.1 section 3.2", "5.0 section 4.13.1"],
        |version| raw(0x20, if version.has_properties() { &[0, 0, 0] } else { &[0, 0] });
    "suback-code", "A SUBACK that nobody waits for has the reserved code 3",
        ["[3.1.1 MQTT-4.8.0-1]", "5.0 section 3.9.3"],
        |version| raw(0x90, if version.has_properties() { &[0, 7, 0, 3] } else { &[0, 7, 3] });
    "unknown-property", "A PUBLISH has a property that does not exist",
        ["5.0 section 2.2.2"],
        |_version| with_properties(&[0x7f, 1]);
    "wrong-property", "A PUBLISH has a property of CONNACK",
        ["5.0 section 2.2.2"],
        |_version| with_properties(&[0x13, 0, 10]);
    "property-twice", "A PUBLISH has two Payload Format Indicators",
        ["5.0 section 3.3.2.3"],
        |_version| with_properties(&[0x01, 0, 0x01, 0]);
    "property-length", "The properties of a PUBLISH are said to be longer than the packet",
        ["5.0 section 4.13.1"],
        |_version| raw(0x30, b"\0\x05kit/a\x7f\x01\x00");
    "identifier-property-zero", "A PUBLISH has the Subscription Identifier 0",
        ["5.0 section 3.3.2.3.8"],
        |_version| with_properties(&[0x0b, 0]);
    "no-topic", "A PUBLISH has neither a topic nor an alias",
        ["5.0 section 3.3.2.1"],
        |_version| raw(0x30, b"\0\0\0wrong");
    "puback-reason", "A PUBACK has a reason code that no PUBACK has",
        ["5.0 section 3.4.2.1"],
        |_version| raw(0x40, &[0, 7, 0x01]);
}

/// A PUBLISH with the payload `wrong`, whatever its parts are.
fn publish(version: Version, first: u8, topic: &[u8], id: u16) -> Vec<u8> {
    let size = u16::try_from(topic.len()).unwrap_or_default().to_be_bytes();
    let properties: &[u8] = if version.has_properties() { &[0] } else { &[] };
    raw(first, &[&size, topic, &id.to_be_bytes(), properties, b"wrong"].concat())
}

/// A PUBLISH of QoS 0 of 5.0 with the payload `wrong`.
fn with_properties(properties: &[u8]) -> Vec<u8> {
    let size = u8::try_from(properties.len()).unwrap_or_default();
    raw(0x30, &[b"\0\x05kit/a", &[size][..], properties, b"wrong"].concat())
}

fn closes_over(stage: &mut Stage, bytes: fn(Version) -> Vec<u8>) -> Step {
    stage.online(&[])?;
    stage.subscribe("kit/#", QoS::AtLeastOnce)?;
    let bytes = bytes(stage.version);
    stage.send(&bytes);
    let closed = stage.closed("the packet breaks the rules");
    let messages = stage.take(|item| line_named(item, "message"));
    ensure(messages.is_empty(), || {
        let outcome = if closed.is_ok() { "and then closes" } else { "and does not close" };
        format!("the client hands it to the program, {outcome}")
    })?;
    closed.map(drop)
}

fn first_packet(stage: &mut Stage) -> Step {
    stage.connect(&[])?;
    stage.send(&[0xd0, 0]);
    stage.closed("the first packet is no CONNACK").map(drop)
}

fn connack_flags(stage: &mut Stage) -> Step {
    stage.connect(&[])?;
    let rest: &[u8] = if stage.version.has_properties() { &[0x02, 0, 0] } else { &[0x02, 0] };
    let bytes = raw(0x20, rest);
    stage.send(&bytes);
    stage.closed("a flag is reserved").map(drop)
}

fn says_why(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    stage.subscribe("kit/#", QoS::AtLeastOnce)?;
    let bytes = publish(stage.version, 0x36, b"kit/a", 7);
    stage.send(&bytes);
    let disconnect = stage.closed("the packet is malformed")?;
    let reason = disconnect.as_ref().and_then(Frame::reason).map(ReasonCode::byte);
    ensure(matches!(reason, Some(0x81 | 0x82)), || match reason {
        Some(reason) => format!("DISCONNECT has {reason:#04x}"),
        None => "there is no DISCONNECT with a reason".into(),
    })
}

/// AUTH that goes on with an authentication by the method `x`.
const AUTH: [u8; 8] = [0xf0, 6, 0x18, 4, 0x15, 0, 1, b'x'];

fn authentication(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    stage.send(&AUTH);
    let what = "the client has not asked for an authentication";
    stage.no_packet(Duration::from_millis(300), what, |frame| frame.packet().kind() == PacketKind::Auth)
}

fn authentication_closes(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    stage.send(&AUTH);
    stage.closed("it has not asked for an authentication").map(drop)
}
