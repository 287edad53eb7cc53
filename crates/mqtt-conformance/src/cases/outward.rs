//! Messages from the client to the server on one connection: identifiers, flags, exchanges, their ends.

use std::collections::BTreeSet;
use std::time::Duration;

use mqtt_proto::{Packet, PacketKind, Property, QoS, ReasonCode};

use crate::case::Case;
use crate::line::Line;
use crate::outcome::{Step, Stop, ensure};
use crate::packets::{Frame, ack};
use crate::stage::{Item, Reply, Stage, line_named};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "out/qos0",
        does: "A message of QoS 0 has DUP 0 and no packet identifier, and its topic, payload and retain flag.",
        cites: &[
            "[5.0 MQTT-4.3.1-1]",
            "[5.0 MQTT-3.3.1-2]",
            "[5.0 MQTT-2.2.1-2]",
            "[3.1.1 MQTT-4.3.1-1]",
            "[3.1.1 MQTT-3.3.1-2]",
            "[3.1.1 MQTT-2.3.1-5]",
        ],
        is_slow: false,
        play: qos0,
    },
    Case {
        id: "out/qos1",
        does: "A message of QoS 1 has DUP 0 and an identifier; it is done when PUBACK has come, not before.",
        cites: &["[5.0 MQTT-4.3.2-1]", "[5.0 MQTT-4.3.2-2]", "[5.0 MQTT-4.3.2-3]", "[3.1.1 MQTT-4.3.2-1]"],
        is_slow: false,
        play: qos1,
    },
    Case {
        id: "out/qos2",
        does: "A message of QoS 2 has DUP 0 and an identifier; PUBREC is answered by PUBREL with it; it is done then.",
        cites: &[
            "[5.0 MQTT-4.3.3-1]",
            "[5.0 MQTT-4.3.3-2]",
            "[5.0 MQTT-4.3.3-3]",
            "[5.0 MQTT-4.3.3-4]",
            "[3.1.1 MQTT-4.3.3-1]",
            "[3.1.1 MQTT-2.3.1-6]",
        ],
        is_slow: false,
        play: qos2,
    },
    Case {
        id: "out/identifiers-differ",
        does: "Messages of QoS 1 and 2, SUBSCRIBE and UNSUBSCRIBE, none answered: no two have the same identifier.",
        cites: &["[5.0 MQTT-2.2.1-3]", "[3.1.1 MQTT-2.3.1-2]"],
        is_slow: false,
        play: identifiers_differ,
    },
    Case {
        id: "out/identifier-in-use",
        does: "One message is not acknowledged while 300 others are: no other gets its identifier.",
        cites: &["[5.0 MQTT-2.2.1-3]", "[5.0 MQTT-4.3.2-1]", "[3.1.1 MQTT-2.3.1-2]", "[3.1.1 MQTT-2.3.1-3]"],
        is_slow: false,
        play: identifier_in_use,
    },
    Case {
        id: "out/identifier-in-use-qos2",
        does: "One message of QoS 2 waits for PUBCOMP while 300 others are acknowledged: no other gets its identifier.",
        cites: &["[5.0 MQTT-2.2.1-3]", "[5.0 MQTT-4.3.3-1]", "[3.1.1 MQTT-2.3.1-2]", "[3.1.1 MQTT-4.3.3-1]"],
        is_slow: false,
        play: identifier_in_use_qos2,
    },
    Case {
        id: "out/order",
        does: "Twenty messages of QoS 1 are sent in the order in which the program published them.",
        cites: &["5.0 section 4.6", "3.1.1 section 4.6"],
        is_slow: false,
        play: order,
    },
    Case {
        id: "out/acknowledged-backwards",
        does: "PUBACKs come in the opposite order: each ends the message that it names.",
        cites: &["5.0 section 4.3.2", "3.1.1 section 4.3.2"],
        is_slow: false,
        play: acknowledged_backwards,
    },
    Case {
        id: "out/pubrel-order",
        does: "PUBRECs of three messages come in another order: PUBRELs follow the PUBRECs.",
        cites: &["[5.0 MQTT-4.6.0-4]", "[3.1.1 MQTT-4.6.0-4]"],
        is_slow: false,
        play: pubrel_order,
    },
    Case {
        id: "out/pubrec-again",
        does: "PUBREC comes twice: each is answered by PUBREL, and the message is not sent again.",
        cites: &["5.0 section 4.3.3", "3.1.1 section 4.3.3"],
        is_slow: false,
        play: pubrec_again,
    },
    Case {
        id: "out/puback-unknown",
        does: "PUBACK of an identifier that is not in use: the connection lives on, and the next message goes out.",
        cites: &["5.0 section 4.3.2", "3.1.1 section 4.3.2"],
        is_slow: false,
        play: puback_unknown,
    },
    Case {
        id: "out/puback-error",
        does: "PUBACK with \"not authorized\": the message is not resent after an outage.",
        cites: &["[5.0 MQTT-4.4.0-2]"],
        is_slow: false,
        play: |stage| refused(stage, QoS::AtLeastOnce),
    },
    Case {
        id: "out/pubrec-error",
        does: "PUBREC with \"not authorized\": the message is not resent after an outage.",
        cites: &["[5.0 MQTT-4.4.0-2]"],
        is_slow: false,
        play: |stage| refused(stage, QoS::ExactlyOnce),
    },
    Case {
        id: "out/puback-error-reported",
        does: "PUBACK with \"not authorized\": the program learns it.",
        cites: &["5.0 section 3.4.2.1"],
        is_slow: false,
        play: |stage| refusal_reported(stage, QoS::AtLeastOnce),
    },
    Case {
        id: "out/pubrec-error-reported",
        does: "PUBREC with \"not authorized\": the program learns it, and no PUBREL follows.",
        cites: &["5.0 section 3.5.2.1"],
        is_slow: false,
        play: |stage| refusal_reported(stage, QoS::ExactlyOnce),
    },
    Case {
        id: "out/pubrec-error-frees",
        does: "Receive Maximum 1, PUBREC with an error: the next message goes out.",
        cites: &["5.0 section 4.9"],
        is_slow: false,
        play: pubrec_error_frees,
    },
    Case {
        id: "out/no-subscribers",
        does: "PUBACK with \"no matching subscribers\" is a success.",
        cites: &["5.0 section 3.4.2.1"],
        is_slow: false,
        play: no_subscribers,
    },
    Case {
        id: "out/not-resent",
        does: "A message of QoS 1 and one of QoS 2 go unanswered for three seconds: nothing is resent on this connection.",
        cites: &["[5.0 MQTT-4.4.0-1]", "3.1.1 section 4.4"],
        is_slow: true,
        play: not_resent,
    },
];

fn qos0(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    let id = stage.number();
    let line = Line::new("publish").with("id", id).with("topic", "kit/für dich").with("payload", "zero");
    stage.command(&line.with("qos", 0).with("retain", 1))?;
    let frame = stage.expect(PacketKind::Publish)?;
    let is_right = frame.publish().is_some_and(|publish| {
        !publish.dup
            && publish.retain
            && publish.qos == QoS::AtMostOnce
            && publish.topic.as_str() == "kit/für dich"
            && publish.payload == b"zero"
    });
    ensure(is_right, || format!("it is {frame}"))
}

fn qos1(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    let number = stage.publish("kit/out", "one", QoS::AtLeastOnce)?;
    let frame = stage.expect_publish("one")?;
    first_sending(&frame, QoS::AtLeastOnce)?;
    not_done(stage, number, "PUBACK has not come")?;
    stage.acknowledge(Packet::Puback, frame.id());
    stage.report_of("published", number).map(drop)
}

fn qos2(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    let number = stage.publish("kit/out", "two", QoS::ExactlyOnce)?;
    let frame = stage.expect_publish("two")?;
    first_sending(&frame, QoS::ExactlyOnce)?;
    not_done(stage, number, "PUBREC has not come")?;
    stage.acknowledge(Packet::Pubrec, frame.id());
    let pubrel = stage.expect(PacketKind::Pubrel)?;
    ensure(pubrel.id() == frame.id(), || format!("{pubrel} answers PUBREC {}", frame.id()))?;
    stage.acknowledge(Packet::Pubcomp, frame.id());
    stage.report_of("published", number).map(drop)
}

fn first_sending(frame: &Frame, qos: QoS) -> Step {
    let is_right = frame.publish().is_some_and(|publish| !publish.dup && publish.qos == qos);
    ensure(is_right && frame.id() != 0, || format!("it is {frame}"))
}

fn not_done(stage: &mut Stage, number: u32, why: &str) -> Step {
    let what = format!("the message counts as published, and {why}");
    stage.none(QUIET, &what, |item| {
        line_named(item, "published").is_some_and(|line| line.number("id") == Some(number))
    })
}

fn identifiers_differ(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    stage.subscribe("kit/old", QoS::AtMostOnce)?;
    for number in 0..3 {
        stage.publish("kit/out", &format!("one {number}"), QoS::AtLeastOnce)?;
        stage.publish("kit/out", &format!("two {number}"), QoS::ExactlyOnce)?;
    }
    let line = Line::new("subscribe").with("id", stage.number()).with("filter", "kit/new").with("qos", 0);
    stage.command(&line)?;
    let line = Line::new("unsubscribe").with("id", stage.number()).with("filter", "kit/old");
    stage.command(&line)?;
    let mut ids = BTreeSet::new();
    for _ in 0..8 {
        let frame = stage.expect_that("packet with an identifier", |frame| frame.id() != 0)?;
        ensure(ids.insert(frame.id()), || format!("{frame} has an identifier that is in use"))?;
    }
    Ok(())
}

fn identifier_in_use(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    stage.publish("kit/out", "held", QoS::AtLeastOnce)?;
    let held = stage.expect_publish("held")?.id();
    others_pass(stage, held)?;
    stage.acknowledge(Packet::Puback, held);
    Ok(())
}

fn identifier_in_use_qos2(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    stage.publish("kit/out", "held", QoS::ExactlyOnce)?;
    let held = stage.expect_publish("held")?.id();
    stage.acknowledge(Packet::Pubrec, held);
    stage.expect(PacketKind::Pubrel)?;
    others_pass(stage, held)
}

/// Many messages are acknowledged at once while one identifier is in use.
///
/// A client whose identifiers come around may wait until it is free; what it must not do is to use it.
fn others_pass(stage: &mut Stage, held: u16) -> Step {
    for number in 0..OTHERS {
        let payload = number.to_string();
        let (_id, line) = stage.publish_line("kit/out", &payload, QoS::AtLeastOnce);
        if let Reply::Error(_why) = stage.ask(&line)? {
            return Ok(());
        }
        let what = format!("PUBLISH of `{payload}`");
        let due = stage.wait_for(Duration::from_secs(2), &what, |item| match item {
            Item::Packet(_, frame) if frame.publish().is_some() => Some(frame.clone()),
            _ => None,
        });
        let Ok(frame) = due else { return Ok(()) };
        ensure(frame.id() != held, || format!("{frame} has the identifier of a message that is under way"))?;
        stage.acknowledge(Packet::Puback, frame.id());
    }
    Ok(())
}

fn order(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    for number in 0..20 {
        stage.publish("kit/out", &number.to_string(), QoS::AtLeastOnce)?;
    }
    for number in 0..20 {
        let frame = stage.expect(PacketKind::Publish)?;
        let is_next = frame.publish().is_some_and(|publish| publish.payload == number.to_string().as_bytes());
        ensure(is_next, || format!("{frame} comes where `{number}` is due"))?;
        stage.acknowledge(Packet::Puback, frame.id());
    }
    Ok(())
}

fn acknowledged_backwards(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    let mut under_way = Vec::new();
    for payload in ["a", "b", "c"] {
        let number = stage.publish("kit/out", payload, QoS::AtLeastOnce)?;
        under_way.push((number, stage.expect_publish(payload)?.id()));
    }
    for (number, id) in under_way.into_iter().rev() {
        stage.acknowledge(Packet::Puback, id);
        stage.report_of("published", number)?;
    }
    Ok(())
}

fn pubrel_order(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    let mut ids = Vec::new();
    for payload in ["a", "b", "c"] {
        stage.publish("kit/out", payload, QoS::ExactlyOnce)?;
        ids.push(stage.expect_publish(payload)?.id());
    }
    let order = [ids[1], ids[0], ids[2]];
    let pubrecs: Vec<u8> =
        order.iter().flat_map(|id| ack(stage.version, Packet::Pubrec, *id, ReasonCode::Success)).collect();
    stage.send(&pubrecs);
    for id in order {
        let pubrel = stage.expect(PacketKind::Pubrel)?;
        ensure(pubrel.id() == id, || format!("{pubrel} comes where PUBREL {id} is due"))?;
    }
    Ok(())
}

fn pubrec_again(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    let number = stage.publish("kit/out", "two", QoS::ExactlyOnce)?;
    let id = stage.expect_publish("two")?.id();
    for _ in 0..2 {
        stage.acknowledge(Packet::Pubrec, id);
        let pubrel = stage.expect(PacketKind::Pubrel)?;
        ensure(pubrel.id() == id, || format!("{pubrel} answers PUBREC {id}"))?;
    }
    stage.acknowledge(Packet::Pubcomp, id);
    stage.report_of("published", number)?;
    stage.no_packet(QUIET, "the message was released", |frame| frame.publish().is_some())
}

fn puback_unknown(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    stage.acknowledge(Packet::Puback, 77);
    stage.still_open("the client closes the connection over a PUBACK that nobody waits for")?;
    stage.publish("kit/out", "next", QoS::AtLeastOnce)?;
    stage.expect_publish("next").map(drop)
}

/// The server refuses a message; returns the driver's number for it.
fn refuse(stage: &mut Stage, qos: QoS) -> Step<u32> {
    stage.online_persistent()?;
    let number = stage.publish("kit/out", "refused", qos)?;
    let id = stage.expect_publish("refused")?.id();
    let kind = if qos == QoS::AtLeastOnce { Packet::Puback } else { Packet::Pubrec };
    stage.acknowledge_with(kind, id, ReasonCode::NotAuthorized);
    Ok(number)
}

fn refused(stage: &mut Stage, qos: QoS) -> Step {
    refuse(stage, qos)?;
    // The client has seen the refusal when it answers what comes behind it.
    stage.subscribe("kit/in", QoS::AtMostOnce)?;
    stage.reconnect(true)?;
    stage.no_packet(QUIET, "the exchange has ended", |frame| frame.publish().is_some())
}

fn refusal_reported(stage: &mut Stage, qos: QoS) -> Step {
    let number = refuse(stage, qos)?;
    stage.no_packet(QUIET, "the exchange has ended", |frame| frame.packet().kind() == PacketKind::Pubrel)?;
    let line = stage.wait("end of the publication", |item| {
        let line = line_named(item, "published").or_else(|| line_named(item, "failed"))?;
        (line.number("id") == Some(number)).then_some(line)
    })?;
    let is_told = line.name == "failed" || line.number("reason") == Some(0x87);
    ensure(is_told, || format!("the program learns `{line}` of a message that the server has refused"))
}

fn pubrec_error_frees(stage: &mut Stage) -> Step {
    stage.online_with(&[], &[Property::ReceiveMaximum(1)])?;
    stage.publish("kit/out", "refused", QoS::ExactlyOnce)?;
    stage.publish("kit/out", "next", QoS::ExactlyOnce)?;
    let id = stage.expect_publish("refused")?.id();
    stage.acknowledge_with(Packet::Pubrec, id, ReasonCode::QuotaExceeded);
    stage.expect_publish("next").map(drop)
}

fn no_subscribers(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    let number = stage.publish("kit/out", "one", QoS::AtLeastOnce)?;
    let id = stage.expect_publish("one")?.id();
    stage.acknowledge_with(Packet::Puback, id, ReasonCode::NoMatchingSubscribers);
    stage.report_of("published", number).map(drop)
}

fn not_resent(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    stage.publish("kit/out", "one", QoS::AtLeastOnce)?;
    stage.publish("kit/out", "two", QoS::ExactlyOnce)?;
    stage.expect_publish("one")?;
    stage.expect_publish("two")?;
    let what = "it is resent without a new connection";
    stage.no_packet(Duration::from_secs(3), what, |frame| frame.publish().is_some())?;
    if stage.is_closed() { Err(Stop::Broke("the client closes the connection".into())) } else { Ok(()) }
}

/// How long nothing must come; what would come is on its way within milliseconds.
const QUIET: Duration = Duration::from_millis(250);

/// More than the windows of usual clients, so that identifiers come around.
const OTHERS: u32 = 300;
