//! Messages from the server to the client on one connection: they reach the program, and are acknowledged.

use std::time::Duration;

use mqtt_proto::{Packet, PacketKind, Property, QoS, ReasonCode};

use crate::case::Case;
use crate::line::Line;
use crate::outcome::{Step, ensure};
use crate::packets::{Frame, Message, suback};
use crate::stage::{PERSISTENT, Stage, granted, line_named};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "in/qos0",
        does: "A message of QoS 0 reaches the program, with its retain flag, and is not answered.",
        cites: &["[5.0 MQTT-3.3.4-1]", "[3.1.1 MQTT-3.3.4-1]"],
        is_slow: false,
        play: qos0,
    },
    Case {
        id: "in/qos1",
        does: "A message of QoS 1 reaches the program; PUBACK has its identifier.",
        cites: &[
            "[5.0 MQTT-4.3.2-4]",
            "[5.0 MQTT-2.2.1-5]",
            "[5.0 MQTT-3.4.2-1]",
            "[3.1.1 MQTT-4.3.2-2]",
            "[3.1.1 MQTT-2.3.1-6]",
        ],
        is_slow: false,
        play: qos1,
    },
    Case {
        id: "in/qos2",
        does: "A message of QoS 2: PUBREC, and PUBREL is answered by PUBCOMP; the program gets it once.",
        cites: &[
            "[5.0 MQTT-4.3.3-8]",
            "[5.0 MQTT-4.3.3-11]",
            "[5.0 MQTT-3.5.2-1]",
            "[5.0 MQTT-3.7.2-1]",
            "[3.1.1 MQTT-4.3.3-2]",
        ],
        is_slow: false,
        play: qos2,
    },
    Case {
        id: "in/empty-payload",
        does: "A message without payload reaches the program.",
        cites: &["5.0 section 3.3.3", "3.1.1 section 3.3.3"],
        is_slow: false,
        play: empty_payload,
    },
    Case {
        id: "in/pieces",
        does: "Messages come byte by byte, and many in one piece: all arrive, in order.",
        cites: &["[5.0 MQTT-4.2-1]", "[3.1.1 MQTT-7.1.2-1]"],
        is_slow: false,
        play: pieces,
    },
    Case {
        id: "in/large",
        does: "A message of 300,000 bytes, whose length takes three bytes, reaches the program whole.",
        cites: &["5.0 section 1.5.5", "3.1.1 section 2.2.3"],
        is_slow: false,
        play: large,
    },
    Case {
        id: "in/byte-order-mark",
        does: "A topic that begins with U+FEFF keeps it.",
        cites: &["[5.0 MQTT-1.5.4-3]", "[3.1.1 MQTT-1.5.3-3]"],
        is_slow: false,
        play: byte_order_mark,
    },
    Case {
        id: "in/qos1-order",
        does: "Twenty messages of QoS 1 at once: PUBACKs and messages come in their order.",
        cites: &["[5.0 MQTT-4.6.0-2]", "[3.1.1 MQTT-4.6.0-2]"],
        is_slow: false,
        play: |stage| in_order(stage, QoS::AtLeastOnce, PacketKind::Puback),
    },
    Case {
        id: "in/qos2-order",
        does: "Fifteen messages of QoS 2 at once: PUBRECs come in their order.",
        cites: &["[5.0 MQTT-4.6.0-3]", "[3.1.1 MQTT-4.6.0-3]"],
        is_slow: false,
        play: |stage| in_order(stage, QoS::ExactlyOnce, PacketKind::Pubrec),
    },
    Case {
        id: "in/qos2-again",
        does: "A message of QoS 2 comes again before PUBREL: PUBREC comes again, the program gets it once.",
        cites: &["[5.0 MQTT-4.3.3-10]", "[3.1.1 MQTT-4.3.3-2]"],
        is_slow: false,
        play: qos2_again,
    },
    Case {
        id: "in/qos2-identifier-again",
        does: "After PUBCOMP the same identifier is a new message, which reaches the program, also with DUP.",
        cites: &["[5.0 MQTT-4.3.3-12]", "[3.1.1 MQTT-4.3.3-2]"],
        is_slow: false,
        play: qos2_identifier_again,
    },
    Case {
        id: "in/qos1-identifier-again",
        does: "After PUBACK the same identifier is a new message, which reaches the program, also with DUP.",
        cites: &["[5.0 MQTT-4.3.2-5]", "[3.1.1 MQTT-4.3.2-2]"],
        is_slow: false,
        play: qos1_identifier_again,
    },
    Case {
        id: "in/both-qos-same-identifier",
        does: "A client's own message and one of the server use the same identifier at once: both exchanges end.",
        cites: &["[5.0 MQTT-2.2.1-5]", "[3.1.1 MQTT-2.3.1-6]"],
        is_slow: false,
        play: same_identifier,
    },
    Case {
        id: "in/pubrel-unknown",
        does: "PUBREL of an identifier that is not in use is answered by PUBCOMP, and the connection lives on.",
        cites: &["[5.0 MQTT-4.3.3-11]", "[3.1.1 MQTT-4.3.3-2]"],
        is_slow: false,
        play: pubrel_unknown,
    },
    Case {
        id: "in/before-suback",
        does: "A message comes between SUBSCRIBE and SUBACK: it reaches the program, and is acknowledged.",
        cites: &["[5.0 MQTT-4.3.2-4]", "[3.1.1 MQTT-4.3.2-2]"],
        is_slow: false,
        play: before_suback,
    },
    Case {
        id: "in/unmatched",
        does: "A message that no subscription asks for is acknowledged, too.",
        cites: &["[5.0 MQTT-4.5.0-2]", "[3.1.1 MQTT-4.5.0-2]"],
        is_slow: false,
        play: unmatched,
    },
    Case {
        id: "in/manual",
        does: "The program acknowledges by itself: there is no PUBACK before it does.",
        cites: &["[5.0 MQTT-4.3.2-4]", "[3.1.1 MQTT-4.3.2-2]"],
        is_slow: false,
        play: manual,
    },
    Case {
        id: "in/manual-order",
        does: "The program acknowledges the second message before the first: PUBACKs come in the order of arrival.",
        cites: &["5.0 section 4.6", "3.1.1 section 4.6"],
        is_slow: false,
        play: manual_order,
    },
    Case {
        id: "in/receive-maximum",
        does: "The server sends more messages of QoS 2 at once than the client's Receive Maximum: DISCONNECT with 0x93.",
        cites: &["5.0 section 3.3.4"],
        is_slow: false,
        play: receive_maximum,
    },
    Case {
        id: "in/packet-too-large",
        does: "The server sends a packet above the client's Maximum Packet Size: DISCONNECT with 0x95.",
        cites: &["5.0 section 3.1.2.11.4"],
        is_slow: false,
        play: packet_too_large,
    },
    Case {
        id: "in/properties",
        does: "A message with every property that PUBLISH may have reaches the program.",
        cites: &["5.0 section 3.3.2.3"],
        is_slow: false,
        play: properties,
    },
];

fn ready(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    stage.subscribe("kit/#", QoS::ExactlyOnce)
}

fn qos0(stage: &mut Stage) -> Step {
    ready(stage)?;
    stage.deliver(Message { retain: true, ..Message::new("kit/in", "zero", QoS::AtMostOnce, 0) });
    let line = stage.message("zero")?;
    let is_right =
        line.get("topic") == Some("kit/in") && line.number("qos") == Some(0) && line.is_set("retain");
    ensure(is_right, || format!("the driver reports `{line}`"))?;
    stage.no_packet(Duration::from_millis(150), "QoS 0 is not answered", |_frame| true)
}

fn qos1(stage: &mut Stage) -> Step {
    ready(stage)?;
    stage.deliver(Message::new("kit/in", "one", QoS::AtLeastOnce, 7));
    let puback = stage.expect(PacketKind::Puback)?;
    let is_right = puback.id() == 7 && puback.reason() == Some(ReasonCode::Success);
    ensure(is_right, || format!("{puback} answers the message 7"))?;
    let line = stage.message("one")?;
    ensure(line.number("qos") == Some(1), || format!("the driver reports `{line}`"))?;
    stage.no_message("one", "it reaches the program twice")
}

fn qos2(stage: &mut Stage) -> Step {
    ready(stage)?;
    stage.deliver(Message::new("kit/in", "two", QoS::ExactlyOnce, 7));
    let pubrec = stage.expect(PacketKind::Pubrec)?;
    ensure(pubrec.id() == 7, || format!("{pubrec} answers the message 7"))?;
    stage.acknowledge(Packet::Pubrel, 7);
    let pubcomp = stage.expect(PacketKind::Pubcomp)?;
    ensure(pubcomp.id() == 7, || format!("{pubcomp} answers PUBREL 7"))?;
    stage.message("two")?;
    stage.no_message("two", "it reaches the program twice")
}

fn empty_payload(stage: &mut Stage) -> Step {
    ready(stage)?;
    stage.deliver(Message::new("kit/in", "", QoS::AtLeastOnce, 7));
    stage.expect(PacketKind::Puback)?;
    stage.message("").map(drop)
}

fn pieces(stage: &mut Stage) -> Step {
    ready(stage)?;
    let bytes = Message::new("kit/in", "slow", QoS::AtLeastOnce, 1).bytes(stage.version);
    for byte in bytes {
        stage.send(&[byte]);
    }
    stage.expect(PacketKind::Puback)?;
    stage.message("slow")?;
    let payloads: Vec<String> = (0..15).map(|number| format!("fast {number}")).collect();
    let bytes: Vec<u8> = payloads
        .iter()
        .zip(2..)
        .flat_map(|(payload, id)| Message::new("kit/in", payload, QoS::AtLeastOnce, id).bytes(stage.version))
        .collect();
    stage.send(&bytes);
    in_reports(stage, &payloads)
}

/// The messages reach the program in that order.
fn in_reports(stage: &mut Stage, payloads: &[String]) -> Step {
    for payload in payloads {
        let line = stage.report("message")?;
        ensure(line.get("payload") == Some(payload), || format!("`{line}` comes where `{payload}` is due"))?;
    }
    Ok(())
}

fn large(stage: &mut Stage) -> Step {
    ready(stage)?;
    let payload = "x".repeat(300_000);
    stage.deliver(Message::new("kit/in", &payload, QoS::AtLeastOnce, 7));
    stage.expect(PacketKind::Puback)?;
    stage.message(&payload).map(drop)
}

fn byte_order_mark(stage: &mut Stage) -> Step {
    ready(stage)?;
    stage.deliver(Message::new("kit/\u{feff}in", "marked", QoS::AtLeastOnce, 7));
    let line = stage.message("marked")?;
    ensure(line.get("topic") == Some("kit/\u{feff}in"), || format!("the driver reports `{line}`"))
}

fn in_order(stage: &mut Stage, qos: QoS, answer: PacketKind) -> Step {
    ready(stage)?;
    let count = if qos == QoS::ExactlyOnce { 15 } else { 20 };
    // Identifiers that do not ascend, so that order of arrival is what counts.
    let messages: Vec<(u16, String)> = (0..count).map(|number| (100 - number, format!("{number}"))).collect();
    let bytes: Vec<u8> = messages
        .iter()
        .flat_map(|(id, payload)| Message::new("kit/in", payload, qos, *id).bytes(stage.version))
        .collect();
    stage.send(&bytes);
    for (id, _payload) in &messages {
        let frame = stage.expect(answer)?;
        ensure(frame.id() == *id, || format!("{frame} comes where {answer} {id} is due"))?;
    }
    if qos == QoS::ExactlyOnce {
        for (id, _payload) in &messages {
            stage.acknowledge(Packet::Pubrel, *id);
            stage.expect(PacketKind::Pubcomp)?;
        }
    }
    let payloads: Vec<String> = messages.into_iter().map(|(_id, payload)| payload).collect();
    in_reports(stage, &payloads)
}

fn qos2_again(stage: &mut Stage) -> Step {
    ready(stage)?;
    let message = Message::new("kit/in", "two", QoS::ExactlyOnce, 7);
    stage.deliver(message);
    stage.expect(PacketKind::Pubrec)?;
    stage.deliver(message.again());
    let pubrec = stage.expect(PacketKind::Pubrec)?;
    ensure(pubrec.id() == 7, || format!("{pubrec} answers the message 7"))?;
    stage.acknowledge(Packet::Pubrel, 7);
    stage.expect(PacketKind::Pubcomp)?;
    stage.message("two")?;
    stage.no_message("two", "it reaches the program twice")
}

fn qos2_identifier_again(stage: &mut Stage) -> Step {
    ready(stage)?;
    for payload in ["first", "second", "third"] {
        let message = Message::new("kit/in", payload, QoS::ExactlyOnce, 7);
        stage.deliver(if payload == "third" { message.again() } else { message });
        stage.expect(PacketKind::Pubrec)?;
        stage.acknowledge(Packet::Pubrel, 7);
        stage.expect(PacketKind::Pubcomp)?;
        stage.message(payload)?;
    }
    Ok(())
}

fn qos1_identifier_again(stage: &mut Stage) -> Step {
    ready(stage)?;
    for payload in ["first", "second", "third"] {
        let message = Message::new("kit/in", payload, QoS::AtLeastOnce, 7);
        stage.deliver(if payload == "third" { message.again() } else { message });
        stage.expect(PacketKind::Puback)?;
        stage.message(payload)?;
    }
    Ok(())
}

fn same_identifier(stage: &mut Stage) -> Step {
    ready(stage)?;
    let number = stage.publish("kit/out", "mine", QoS::ExactlyOnce)?;
    let id = stage.expect_publish("mine")?.id();
    stage.deliver(Message::new("kit/in", "yours", QoS::ExactlyOnce, id));
    stage.expect(PacketKind::Pubrec)?;
    stage.acknowledge(Packet::Pubrec, id);
    stage.expect(PacketKind::Pubrel)?;
    stage.acknowledge(Packet::Pubrel, id);
    stage.expect(PacketKind::Pubcomp)?;
    stage.acknowledge(Packet::Pubcomp, id);
    stage.report_of("published", number)?;
    stage.message("yours").map(drop)
}

fn pubrel_unknown(stage: &mut Stage) -> Step {
    ready(stage)?;
    stage.acknowledge(Packet::Pubrel, 99);
    let pubcomp = stage.expect(PacketKind::Pubcomp)?;
    ensure(pubcomp.id() == 99, || format!("{pubcomp} answers PUBREL 99"))?;
    stage.settle()
}

fn before_suback(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    let id = stage.number();
    let line = Line::new("subscribe").with("id", id).with("filter", "kit/#").with("qos", 1);
    stage.command(&line)?;
    let subscribe = stage.expect(PacketKind::Subscribe)?;
    stage.deliver(Message::new("kit/in", "early", QoS::AtLeastOnce, 7));
    let suback = suback(stage.version, subscribe.id(), granted(QoS::AtLeastOnce));
    stage.send(&suback);
    stage.report_of("subscribed", id)?;
    stage.expect(PacketKind::Puback)?;
    stage.message("early").map(drop)
}

fn unmatched(stage: &mut Stage) -> Step {
    ready(stage)?;
    stage.deliver(Message::new("other/in", "unmatched", QoS::AtLeastOnce, 7));
    let puback = stage.expect(PacketKind::Puback)?;
    ensure(puback.id() == 7, || format!("{puback} answers the message 7"))
}

fn manual(stage: &mut Stage) -> Step {
    stage.online(&[("manual", "1")])?;
    stage.subscribe("kit/#", QoS::AtLeastOnce)?;
    stage.deliver(Message::new("kit/in", "held", QoS::AtLeastOnce, 7));
    let line = stage.message("held")?;
    let what = "the program has not acknowledged it";
    stage.no_packet(Duration::from_millis(250), what, |frame| frame.id() == 7)?;
    let ack = Line::new("ack").with("message", line.get("message").unwrap_or("0"));
    stage.command(&ack)?;
    let puback = stage.expect(PacketKind::Puback)?;
    ensure(puback.id() == 7, || format!("{puback} answers the message 7"))
}

fn manual_order(stage: &mut Stage) -> Step {
    stage.online(&[("manual", "1")])?;
    stage.subscribe("kit/#", QoS::AtLeastOnce)?;
    let mut numbers = Vec::new();
    for (payload, id) in [("first", 7), ("second", 8)] {
        stage.deliver(Message::new("kit/in", payload, QoS::AtLeastOnce, id));
        numbers.push(stage.message(payload)?.get("message").unwrap_or("0").to_owned());
    }
    for number in numbers.iter().rev() {
        stage.command(&Line::new("ack").with("message", number))?;
    }
    for id in [7, 8] {
        let puback = stage.expect(PacketKind::Puback)?;
        ensure(puback.id() == id, || format!("{puback} comes where PUBACK {id} is due"))?;
    }
    Ok(())
}

fn receive_maximum(stage: &mut Stage) -> Step {
    stage.online(&[PERSISTENT, &[("receive_maximum", "2")]].concat())?;
    stage.subscribe("kit/#", QoS::ExactlyOnce)?;
    for id in 1..=3 {
        stage.deliver(Message::new("kit/in", &id.to_string(), QoS::ExactlyOnce, id));
    }
    let disconnect = stage.closed("its Receive Maximum is exceeded")?;
    let reason = disconnect.as_ref().and_then(Frame::reason);
    ensure(reason == Some(ReasonCode::ReceiveMaximumExceeded), || format!("DISCONNECT has {reason:?}"))
}

fn packet_too_large(stage: &mut Stage) -> Step {
    stage.online(&[("maximum_packet_size", "200")])?;
    stage.subscribe("kit/#", QoS::AtLeastOnce)?;
    stage.deliver(Message::new("kit/in", &"x".repeat(300), QoS::AtLeastOnce, 1));
    let disconnect = stage.closed("the packet is too large")?;
    let reason = disconnect.as_ref().and_then(Frame::reason);
    ensure(reason == Some(ReasonCode::PacketTooLarge), || format!("DISCONNECT has {reason:?}"))
}

fn properties(stage: &mut Stage) -> Step {
    ready(stage)?;
    let all = [
        Property::PayloadFormatIndicator(1),
        Property::MessageExpiryInterval(60),
        Property::ResponseTopic("kit/answer"),
        Property::CorrelationData(&[0, 255]),
        Property::UserProperty("name", "one"),
        Property::UserProperty("name", "two"),
        Property::ContentType("text/plain"),
    ];
    stage.deliver(Message { properties: &all, ..Message::new("kit/in", "full", QoS::AtLeastOnce, 7) });
    stage.expect(PacketKind::Puback)?;
    stage.message("full")?;
    stage.none(Duration::from_millis(100), "the client reports an end", |item| {
        line_named(item, "disconnected").is_some()
    })
}
