//! The faults, and the cases that each must fail.
//!
//! A fault is named by what the client does wrong; a case may stand behind several of them.

use mqtt_conformance::Line;
use mqtt_proto::{
    Ack, Connack, Filters, Packet, PacketId, PacketKind, Properties, Property, Publish, QoS, Subscribe,
    SubscribeFilter, SubscribeOptions, Version,
};

use crate::proxy::{Fault, GOOD, State};

/// A fault, its name, and cases that fail with it.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) fault: Fault,
    pub(crate) fails: &'static [&'static str],
}

const fn row(name: &'static str, fault: Fault, fails: &'static [&'static str]) -> Row {
    Row { name, fault, fails }
}

pub(crate) const ROWS: &[Row] = &[
    row(
        "starts clean where it should not, and the other way round",
        Fault { out: flip_clean, ..GOOD },
        &["connect/fields", "connect/persistent", "session/clean-start-once"],
    ),
    row(
        "leaves out will and credentials",
        Fault { out: without_will_and_credentials, ..GOOD },
        &["connect/will", "connect/credentials"],
    ),
    row(
        "forgets the identifier that was assigned",
        Fault { out: without_identifier, ..GOOD },
        &["connect/assigned-identifier"],
    ),
    row(
        "sends whatever it is told",
        Fault { command: obey, ..GOOD },
        &[
            "connect/no-identifier",
            "alias/out-none",
            "alias/out-maximum",
            "refuse/topic-*",
            "refuse/filter-*",
            "refuse/shared-no-local",
        ],
    ),
    row(
        "does not report what it should",
        Fault { report: |_state, line| if is_outcome(&line) { vec![] } else { vec![line] }, ..GOOD },
        &[
            "connect/refused",
            "out/qos1",
            "out/qos2",
            "out/acknowledged-backwards",
            "out/no-subscribers",
            "out/puback-error-reported",
            "out/pubrec-error-reported",
            "subscribe/out-of-order",
            "unsubscribe/fields",
            "end/cut",
            "end/server-disconnects",
        ],
    ),
    row(
        "closes no connection",
        Fault { closes: false, ..GOOD },
        &[
            "connect/session-unknown",
            "connect/ping-unanswered",
            "in/packet-too-large",
            "alias/in-outage",
            "alias/in-maximum",
            "alias/in-zero",
            "malformed/qos3",
            "malformed/utf8",
            "malformed/surrogate",
            "malformed/nul",
            "malformed/wildcard",
            "malformed/identifier-zero",
            "malformed/qos0-dup",
            "malformed/topic-too-long",
            "malformed/pubrel-flags",
            "malformed/puback-flags",
            "malformed/pingresp-length",
            "malformed/remaining-length",
            "malformed/type-zero",
            "malformed/type-fifteen",
            "malformed/subscribe",
            "malformed/second-connack",
            "malformed/suback-code",
            "malformed/unknown-property",
            "malformed/wrong-property",
            "malformed/property-twice",
            "malformed/property-length",
            "malformed/identifier-property-zero",
            "malformed/no-topic",
            "malformed/puback-reason",
            "malformed/first-packet",
            "malformed/connack-flags",
            "malformed/authentication-closes",
            "end/disconnect",
            "end/with-will",
            "in/receive-maximum",
        ],
    ),
    row(
        "never pings",
        Fault { out: never_pings, ..GOOD },
        &["connect/keep-alive", "connect/server-keep-alive"],
    ),
    row(
        "does not read what CONNACK says",
        Fault { back: without_connack_properties, ..GOOD },
        &[
            "connect/server-keep-alive",
            "limits/receive-maximum",
            "limits/receive-maximum-qos2",
            "limits/receive-maximum-again",
            "limits/maximum-qos-0",
            "limits/maximum-qos-1",
            "limits/retain-available",
            "limits/maximum-packet-size",
            "limits/maximum-packet-size-queued",
            "limits/wildcards",
            "limits/shared",
            "limits/subscription-identifiers",
        ],
    ),
    row(
        "sends no SUBSCRIBE and no UNSUBSCRIBE",
        Fault {
            out: |state, frame| unless(state, frame, &[PacketKind::Subscribe, PacketKind::Unsubscribe]),
            ..GOOD
        },
        &["limits/receive-maximum-others", "subscribe/*", "unsubscribe/*", "session/pending-subscribe"],
    ),
    row(
        "loses messages of the program",
        Fault {
            out: |state, frame| unless(state, frame, &[PacketKind::Publish]),
            report: |_state, line| if line.name == "failed" { vec![] } else { vec![line] },
            ..GOOD
        },
        &["limits/lives-on", "refuse/lives-on", "session/offline", "end/under-way"],
    ),
    row(
        "sets DUP on everything",
        Fault { out: |state, frame| with_dup(state, frame, true), ..GOOD },
        &["out/qos0", "out/qos1", "out/qos2"],
    ),
    row(
        "never sets DUP",
        Fault { out: |state, frame| with_dup(state, frame, false), ..GOOD },
        &["session/qos1-resent", "session/qos2-resent"],
    ),
    row(
        "has one identifier for everything",
        Fault { out: one_identifier, ..GOOD },
        &["out/identifiers-differ", "out/identifier-in-use", "out/identifier-in-use-qos2"],
    ),
    row(
        "swaps messages",
        Fault { out: |state, frame| swap(state, frame, PacketKind::Publish, false), ..GOOD },
        &["out/order"],
    ),
    row(
        "swaps messages that it resends",
        Fault { out: |state, frame| swap(state, frame, PacketKind::Publish, true), ..GOOD },
        &["session/order", "session/order-new", "session/order-later"],
    ),
    row(
        "swaps PUBRELs",
        Fault { out: |state, frame| swap(state, frame, PacketKind::Pubrel, false), ..GOOD },
        &["out/pubrel-order"],
    ),
    row(
        "swaps PUBACKs",
        Fault { out: |state, frame| swap(state, frame, PacketKind::Puback, false), ..GOOD },
        &["in/qos1-order", "in/manual-order"],
    ),
    row(
        "swaps PUBRECs",
        Fault { out: |state, frame| swap(state, frame, PacketKind::Pubrec, false), ..GOOD },
        &["in/qos2-order"],
    ),
    row(
        "sends no PUBREL",
        Fault { out: |state, frame| unless(state, frame, &[PacketKind::Pubrel]), ..GOOD },
        &["out/qos2", "out/pubrec-again", "session/pubrel-resent"],
    ),
    row(
        "hangs up over a PUBACK that it does not know",
        Fault { back: hang_up_on_puback, ..GOOD },
        &["out/puback-unknown"],
    ),
    row(
        "resends all that it ever sent",
        Fault { out: keep_publishes, back: resend_kept, ..GOOD },
        &[
            "out/puback-error",
            "out/pubrec-error",
            "session/acknowledged",
            "session/lost",
            "session/clean",
            "session/pubrel-resent",
        ],
    ),
    row(
        "does not see refusals",
        Fault { back: without_refusals, ..GOOD },
        &["out/pubrec-error-frees", "out/puback-error-reported", "out/pubrec-error-reported"],
    ),
    row(
        "counts refusals as successes",
        Fault { report: call_it_done, ..GOOD },
        &[
            "out/puback-error-reported",
            "out/pubrec-error-reported",
            "subscribe/lower-qos",
            "subscribe/refused",
        ],
    ),
    row(
        "sends everything twice",
        Fault { out: double, ..GOOD },
        &["out/not-resent", "session/two-outages", "session/offline"],
    ),
    row(
        "reports messages as published before they are",
        Fault { command: done_at_once, ..GOOD },
        &["out/qos1", "out/qos2"],
    ),
    row("answers QoS 0", Fault { back: answer_qos0, ..GOOD }, &["in/qos0"]),
    row(
        "sends no PUBACK",
        Fault { out: |state, frame| unless(state, frame, &[PacketKind::Puback]), ..GOOD },
        &["in/qos1", "in/unmatched", "in/before-suback"],
    ),
    row(
        "sends no PUBCOMP",
        Fault { out: |state, frame| unless(state, frame, &[PacketKind::Pubcomp]), ..GOOD },
        &["in/qos2", "in/pubrel-unknown", "in/both-qos-same-identifier", "session/in-pubrel-again"],
    ),
    row(
        "acknowledges messages that the program never gets",
        Fault { report: |_state, line| if line.name == "message" { vec![] } else { vec![line] }, ..GOOD },
        &[
            "connect/connack-in-pieces",
            "in/qos0",
            "in/qos1",
            "in/qos2",
            "in/empty-payload",
            "in/pieces",
            "in/large",
            "in/byte-order-mark",
            "in/before-suback",
            "in/properties",
            "session/behind-connack",
            "session/before-subscribe",
        ],
    ),
    row(
        "delivers twice",
        Fault { report: twice, ..GOOD },
        &["in/qos1", "in/qos2", "in/qos2-again", "session/in-qos2-again", "session/in-pubrel-again"],
    ),
    row(
        "takes every identifier for a repetition",
        Fault { report: first_message, ..GOOD },
        &["in/qos1-identifier-again", "in/qos2-identifier-again", "session/in-qos2-lost"],
    ),
    row(
        "acknowledges before the program does",
        Fault { back: acknowledge_early, ..GOOD },
        &["in/manual", "session/in-unacknowledged"],
    ),
    row(
        "uses aliases of the connection before",
        Fault { out: stale_alias, ..GOOD },
        &["alias/out-outage", "alias/out-resent"],
    ),
    row("does not resolve aliases", Fault { report: without_topic, ..GOOD }, &["alias/in"]),
    row("asks for less", Fault { out: asks_less, ..GOOD }, &["subscribe/fields"]),
    row("goes on with an authentication", Fault { back: answer_auth, ..GOOD }, &["malformed/authentication"]),
    row(
        "goes without a word",
        Fault { out: |state, frame| unless(state, frame, &[PacketKind::Disconnect]), ..GOOD },
        &["malformed/says-why", "end/disconnect", "end/with-will"],
    ),
    row("comes back", Fault { comes_back: true, ..GOOD }, &["end/stays-away"]),
];

/// The packet, unless it is of one of those kinds.
fn unless(_state: &mut State, frame: Vec<u8>, kinds: &[PacketKind]) -> Vec<Vec<u8>> {
    if kinds.iter().any(|kind| is(&frame, *kind)) { vec![] } else { vec![frame] }
}

fn is(frame: &[u8], kind: PacketKind) -> bool {
    PacketKind::from_first_byte(frame[0]) == Some(kind)
}

/// Reports of how something ended.
fn is_outcome(line: &Line) -> bool {
    ["refused", "published", "failed", "subscribed", "unsubscribed", "disconnected"].contains(&line.name.as_str())
        // Most cases go on once they are subscribed.
        && line.number("reason") != Some(1)
}

fn encoded(packet: Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes).expect("it can be encoded");
    bytes
}

fn flip_clean(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    change_connect(state, frame, |connect| connect.clean_start = !connect.clean_start)
}

fn without_will_and_credentials(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    change_connect(state, frame, |connect| {
        (connect.will, connect.user_name, connect.password) = (None, None, None);
    })
}

fn without_identifier(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    change_connect(state, frame, |connect| connect.client_id = "")
}

fn change_connect(
    state: &mut State,
    frame: Vec<u8>,
    change: impl FnOnce(&mut mqtt_proto::Connect<'_>),
) -> Vec<Vec<u8>> {
    if !is(&frame, PacketKind::Connect) {
        return vec![frame];
    }
    let Packet::Connect(connect) = state.packet(&frame) else { return vec![] };
    let mut fields = connect.fields();
    change(&mut fields);
    vec![encoded((&fields).into(), state.version)]
}

/// Whatever a program asks for that a good client refuses, as bytes.
fn obey(state: &mut State, line: &Line) -> Option<Vec<u8>> {
    let text = |value: &str| {
        let size = u16::try_from(value.len()).unwrap_or(0).to_be_bytes();
        [&size, value.as_bytes()].concat()
    };
    let is_5 = state.version == Version::V5_0;
    let (first, body) = match line.name.as_str() {
        "connect" if line.get("client_id") == Some("") => {
            let properties: &[u8] = if is_5 { &[0] } else { &[] };
            (0x10, [b"\0\x04MQTT", &[state.version.level(), 0, 0, 60][..], properties, &[0, 0]].concat())
        }
        "publish" => {
            let alias = line.number("alias").and_then(|alias| u8::try_from(alias).ok());
            let properties = match alias {
                Some(alias) => vec![3, 0x23, 0, alias],
                None if is_5 => vec![0],
                None => vec![],
            };
            (0x32, [text(line.get("topic")?), vec![0, 1], properties, b"wrong".to_vec()].concat())
        }
        "subscribe" => {
            let properties: &[u8] = if is_5 { &[0] } else { &[] };
            let options = if line.is_set("no_local") { 5 } else { 1 };
            (0x82, [&[0, 1], properties, &text(line.get("filter")?), &[options]].concat())
        }
        _ => return None,
    };
    let mut frame = vec![first];
    let mut len = body.len();
    loop {
        let digit = u8::try_from(len % 128).unwrap_or(0);
        len /= 128;
        frame.push(if len > 0 { digit | 0x80 } else { digit });
        if len == 0 {
            break;
        }
    }
    Some([frame, body].concat())
}

fn never_pings(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    if is(&frame, PacketKind::Pingreq) {
        state.answer(&[0xd0, 0]);
        return vec![];
    }
    vec![frame]
}

fn without_connack_properties(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    if !is(&frame, PacketKind::Connack) {
        return vec![frame];
    }
    let Packet::Connack(connack) = state.packet(&frame) else { return vec![] };
    vec![encoded(Packet::Connack(Connack { properties: Properties::EMPTY, ..connack }), state.version)]
}

fn with_dup(_state: &mut State, mut frame: Vec<u8>, dup: bool) -> Vec<Vec<u8>> {
    if is(&frame, PacketKind::Publish) {
        frame[0] = if dup { frame[0] | 0x08 } else { frame[0] & !0x08 };
    }
    vec![frame]
}

fn one_identifier(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    match PacketKind::from_first_byte(frame[0]) {
        Some(PacketKind::Publish) => {
            let Packet::Publish(publish) = state.packet(&frame) else { return vec![] };
            let packet_id = publish.packet_id.map(|_id| PacketId::MIN);
            vec![encoded(Packet::Publish(Publish { packet_id, ..publish }), state.version)]
        }
        _ => vec![frame],
    }
}

/// Holds every other packet of a kind back until the one behind it has gone out.
fn swap(state: &mut State, frame: Vec<u8>, kind: PacketKind, only_dup: bool) -> Vec<Vec<u8>> {
    if !is(&frame, kind) || (only_dup && frame[0] & 0x08 == 0) {
        return vec![frame];
    }
    match state.kept.pop() {
        Some(kept) => vec![frame, kept],
        None => {
            state.kept.push(frame);
            vec![]
        }
    }
}

fn hang_up_on_puback(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    if is(&frame, PacketKind::Puback) {
        state.hang_up();
    }
    vec![frame]
}

fn keep_publishes(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    if is(&frame, PacketKind::Publish) && frame[0] & 0x06 != 0 {
        let mut again = frame.clone();
        again[0] |= 0x08;
        state.kept.push(again);
    }
    vec![frame]
}

fn resend_kept(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    if is(&frame, PacketKind::Connack) && state.links > 1 {
        for again in std::mem::take(&mut state.kept) {
            state.send(&again);
        }
    }
    vec![frame]
}

fn without_refusals(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    let is_ack = is(&frame, PacketKind::Puback) || is(&frame, PacketKind::Pubrec);
    let is_refusal = is_ack
        && match state.packet(&frame) {
            Packet::Puback(ack) | Packet::Pubrec(ack) => ack.reason.is_error(),
            _ => false,
        };
    if is_refusal { vec![] } else { vec![frame] }
}

fn call_it_done(_state: &mut State, line: Line) -> Vec<Line> {
    let id = line.number("id").unwrap_or(0);
    match line.name.as_str() {
        // Which of the two it was is for the case to take.
        "failed" => {
            ["published", "subscribed"].map(|name| Line::new(name).with("id", id).with("reason", 1)).to_vec()
        }
        "subscribed" => vec![Line::new("subscribed").with("id", id).with("reason", 2)],
        _ => vec![line],
    }
}

/// The good driver reports it once more when it is true.
fn done_at_once(state: &mut State, line: &Line) -> Option<Vec<u8>> {
    if line.name == "publish" {
        state.lines.push(Line::new("published").with("id", line.number("id").unwrap_or(0)).with("reason", 0));
    }
    None
}

fn double(_state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    if is(&frame, PacketKind::Publish) { vec![frame.clone(), frame] } else { vec![frame] }
}

fn puback(version: Version, id: PacketId) -> Vec<u8> {
    encoded(Packet::Puback(Ack::success(id)), version)
}

fn answer_qos0(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    if is(&frame, PacketKind::Publish) && frame[0] & 0x06 == 0 {
        let puback = puback(state.version, PacketId::MIN);
        state.send(&puback);
    }
    vec![frame]
}

fn acknowledge_early(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    let id = match is(&frame, PacketKind::Publish).then(|| state.packet(&frame)) {
        Some(Packet::Publish(Publish { qos: QoS::AtLeastOnce, packet_id, .. })) => packet_id,
        _ => None,
    };
    if let Some(id) = id {
        let puback = puback(state.version, id);
        state.send(&puback);
    }
    vec![frame]
}

fn twice(_state: &mut State, line: Line) -> Vec<Line> {
    if line.name == "message" { vec![line.clone(), line] } else { vec![line] }
}

fn first_message(state: &mut State, line: Line) -> Vec<Line> {
    if line.name == "message" {
        state.reports += 1;
        if state.reports > 1 {
            return vec![];
        }
    }
    vec![line]
}

fn without_topic(_state: &mut State, line: Line) -> Vec<Line> {
    if line.name != "message" {
        return vec![line];
    }
    let payload = line.get("payload").unwrap_or_default();
    vec![Line::new("message").with("topic", "").with("payload", payload)]
}

/// From the second connection on, names no topic.
fn stale_alias(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    if !is(&frame, PacketKind::Publish) || state.links < 2 {
        return vec![frame];
    }
    let Packet::Publish(publish) = state.packet(&frame) else { return vec![] };
    let alias = [Property::TopicAlias(1)];
    let named = Publish { properties: Properties::new(&alias), ..publish };
    let bytes = encoded(Packet::Publish(named), state.version);
    let topic_size = publish.topic.as_bytes().len();
    // The fixed header has two bytes; behind it stands the topic.
    let rest = &bytes[4 + topic_size..];
    let len = u8::try_from(rest.len() + 2).expect("the packet is short");
    vec![[&[bytes[0], len, 0, 0], rest].concat()]
}

fn asks_less(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    if !is(&frame, PacketKind::Subscribe) {
        return vec![frame];
    }
    let Packet::Subscribe(subscribe) = state.packet(&frame) else { return vec![] };
    let filters: Vec<SubscribeFilter<'_>> = subscribe
        .filters
        .iter()
        .map(|one| SubscribeFilter {
            filter: one.filter,
            options: SubscribeOptions::with_qos(QoS::AtMostOnce),
        })
        .collect();
    let less = Subscribe { filters: Filters::new(&filters), ..subscribe };
    vec![encoded(Packet::Subscribe(less), state.version)]
}

fn answer_auth(state: &mut State, frame: Vec<u8>) -> Vec<Vec<u8>> {
    if is(&frame, PacketKind::Auth) {
        state.send(&frame);
    }
    vec![frame]
}
