//! Sessions across connections: what is sent again, what is not, and what the program gets.

use std::time::Duration;

use mqtt_proto::{Packet, PacketKind, QoS};

use crate::case::Case;
use crate::line::Line;
use crate::outcome::{Step, ensure};
use crate::packets::{Frame, Message, connack, suback};
use crate::stage::{PERSISTENT, Reply, Stage, granted, line_named};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "session/qos1-resent",
        does: "An outage before PUBACK: the message comes again with DUP, and the same identifier, topic and payload.",
        cites: &[
            "[5.0 MQTT-3.3.1-1]",
            "[5.0 MQTT-4.4.0-1]",
            "[3.1.1 MQTT-3.3.1-1]",
            "[3.1.1 MQTT-4.4.0-1]",
            "[3.1.1 MQTT-2.3.1-3]",
        ],
        is_slow: false,
        play: |stage| resent(stage, QoS::AtLeastOnce),
    },
    Case {
        id: "session/qos2-resent",
        does: "An outage before PUBREC: the message comes again with DUP, and the same identifier, topic and payload.",
        cites: &[
            "[5.0 MQTT-3.3.1-1]",
            "[5.0 MQTT-4.4.0-1]",
            "[3.1.1 MQTT-3.3.1-1]",
            "[3.1.1 MQTT-4.4.0-1]",
            "[3.1.1 MQTT-4.3.3-1]",
        ],
        is_slow: false,
        play: |stage| resent(stage, QoS::ExactlyOnce),
    },
    Case {
        id: "session/order",
        does: "An outage with five messages under way: they come again in their order.",
        cites: &["[5.0 MQTT-4.6.0-1]", "[3.1.1 MQTT-4.6.0-1]"],
        is_slow: false,
        play: order,
    },
    Case {
        id: "session/order-new",
        does: "A message that was published during the outage comes behind those that were under way.",
        cites: &["5.0 section 4.6", "3.1.1 section 4.6"],
        is_slow: false,
        play: order_new,
    },
    Case {
        id: "session/order-later",
        does: "Of five messages the first two are acknowledged and two more sent; after an outage the order is kept.",
        cites: &["[5.0 MQTT-4.6.0-1]", "[3.1.1 MQTT-4.6.0-1]"],
        is_slow: false,
        play: order_later,
    },
    Case {
        id: "session/acknowledged",
        does: "An outage after PUBACK: the message does not come again.",
        cites: &["[5.0 MQTT-4.3.2-3]", "[3.1.1 MQTT-4.3.2-1]"],
        is_slow: false,
        play: acknowledged,
    },
    Case {
        id: "session/pubrel-resent",
        does: "An outage before PUBCOMP: PUBREL comes again with the same identifier, and the message does not.",
        cites: &[
            "[5.0 MQTT-4.4.0-1]",
            "[5.0 MQTT-4.3.3-5]",
            "[5.0 MQTT-4.3.3-6]",
            "[3.1.1 MQTT-4.4.0-1]",
            "[3.1.1 MQTT-4.3.3-1]",
        ],
        is_slow: false,
        play: pubrel_resent,
    },
    Case {
        id: "session/two-outages",
        does: "Two outages before PUBACK: the message comes again after each, once.",
        cites: &["[5.0 MQTT-4.4.0-1]", "[3.1.1 MQTT-4.4.0-1]"],
        is_slow: false,
        play: two_outages,
    },
    Case {
        id: "session/lost",
        does: "An outage before PUBACK and PUBCOMP, and the server has lost the session: neither the message nor PUBREL \
               comes again under its old identifier with DUP.",
        cites: &["[5.0 MQTT-3.2.2-5]", "[5.0 MQTT-4.4.0-1]"],
        is_slow: false,
        play: |stage| lost(stage, PERSISTENT),
    },
    Case {
        id: "session/clean",
        does: "The same with a clean session: what was under way belongs to the session that has ended.",
        cites: &["[5.0 MQTT-4.4.0-1]", "[3.1.1 MQTT-3.1.2-6]"],
        is_slow: false,
        play: |stage| lost(stage, &[]),
    },
    Case {
        id: "session/offline",
        does: "The program publishes during an outage: what the library accepts is sent once, in order, or reported as failed.",
        cites: &["5.0 section 4.1", "3.1.1 section 4.1"],
        is_slow: false,
        play: offline,
    },
    Case {
        id: "session/in-qos2-again",
        does: "An outage after PUBREC of the client, the server sends the message again: the program gets it once.",
        cites: &["[5.0 MQTT-4.3.3-10]", "[5.0 MQTT-4.1.0-1]", "[3.1.1 MQTT-4.3.3-2]", "[3.1.1 MQTT-4.1.0-1]"],
        is_slow: false,
        play: in_qos2_again,
    },
    Case {
        id: "session/in-pubrel-again",
        does: "An outage after PUBREC of the client, the server sends PUBREL: PUBCOMP, and the program gets the message once.",
        cites: &["[5.0 MQTT-4.3.3-11]", "[3.1.1 MQTT-4.3.3-2]"],
        is_slow: false,
        play: in_pubrel_again,
    },
    Case {
        id: "session/in-qos2-lost",
        does: "An outage after PUBREC of the client, and the server has lost the session: the identifier is a new message.",
        cites: &["[5.0 MQTT-3.2.2-5]"],
        is_slow: false,
        play: in_qos2_lost,
    },
    Case {
        id: "session/in-unacknowledged",
        does: "The program has not acknowledged a message when an outage comes; it comes again, and reaches the program \
               again, or its acknowledgement goes out then.",
        cites: &["[5.0 MQTT-4.3.2-4]", "[3.1.1 MQTT-4.3.2-2]"],
        is_slow: false,
        play: in_unacknowledged,
    },
    Case {
        id: "session/behind-connack",
        does: "After an outage a message comes directly behind CONNACK: it reaches the program, and is acknowledged.",
        cites: &["[5.0 MQTT-4.3.2-4]", "[3.1.1 MQTT-4.3.2-2]"],
        is_slow: false,
        play: behind_connack,
    },
    Case {
        id: "session/before-subscribe",
        does: "A resumed session delivers messages before the program has subscribed: none is acknowledged that does not \
               reach the program.",
        cites: &["[5.0 MQTT-4.3.2-4]", "[3.1.1 MQTT-4.3.2-2]"],
        is_slow: false,
        play: before_subscribe,
    },
    Case {
        id: "session/pending-subscribe",
        does: "An outage before SUBACK: SUBSCRIBE comes again, or the program learns that it failed.",
        cites: &["5.0 section 3.8.4", "3.1.1 section 3.8.4"],
        is_slow: false,
        play: pending_subscribe,
    },
    Case {
        id: "session/clean-start-once",
        does: "A persistent session is asked for on each connection.",
        cites: &["[5.0 MQTT-3.1.2-23]", "[3.1.1 MQTT-3.1.2-4]"],
        is_slow: false,
        play: clean_start_once,
    },
];

fn resent(stage: &mut Stage, qos: QoS) -> Step {
    stage.online_persistent()?;
    let number = stage.publish("kit/out", "again", qos)?;
    let first = stage.expect_publish("again")?;
    stage.reconnect(true)?;
    let again = stage.expect_publish("again")?;
    is_same(&first, &again)?;
    stage.finish(&again)?;
    stage.report_of("published", number).map(drop)
}

fn is_same(first: &Frame, again: &Frame) -> Step {
    let same = match (first.publish(), again.publish()) {
        (Some(first), Some(again)) => {
            again.dup
                && again.packet_id == first.packet_id
                && again.qos == first.qos
                && again.topic == first.topic
                && again.payload == first.payload
        }
        _ => false,
    };
    ensure(same, || format!("{first} comes again as {again}"))
}

fn five_under_way(stage: &mut Stage) -> Step {
    stage.online_persistent()?;
    for (number, qos) in (0..5).zip([QoS::AtLeastOnce, QoS::ExactlyOnce].into_iter().cycle()) {
        let payload = number.to_string();
        stage.publish("kit/out", &payload, qos)?;
        stage.expect_publish(&payload)?;
    }
    Ok(())
}

fn order(stage: &mut Stage) -> Step {
    five_under_way(stage)?;
    stage.reconnect(true)?;
    come_in_order(stage, 0..5)
}

fn order_new(stage: &mut Stage) -> Step {
    five_under_way(stage)?;
    stage.cut();
    stage.reopened()?;
    let (_id, line) = stage.publish_line("kit/out", "5", QoS::AtLeastOnce);
    let is_taken = stage.ask(&line)? == Reply::Ok;
    let connack = connack(stage.version, true, &[]);
    stage.send(&connack);
    come_in_order(stage, if is_taken { 0..6 } else { 0..5 })
}

fn order_later(stage: &mut Stage) -> Step {
    stage.online_persistent()?;
    for number in 0..7 {
        let payload = number.to_string();
        stage.publish("kit/out", &payload, QoS::AtLeastOnce)?;
        let id = stage.expect_publish(&payload)?.id();
        if number < 2 {
            stage.acknowledge(Packet::Puback, id);
        }
    }
    stage.reconnect(true)?;
    come_in_order(stage, 2..7)
}

/// The messages come, each once, in that order.
fn come_in_order(stage: &mut Stage, numbers: std::ops::Range<u32>) -> Step {
    for number in numbers {
        let frame = stage.expect(PacketKind::Publish)?;
        let is_next = frame.publish().is_some_and(|publish| publish.payload == number.to_string().as_bytes());
        ensure(is_next, || format!("{frame} comes where `{number}` is due"))?;
        stage.finish(&frame)?;
    }
    stage.no_packet(QUIET, "it comes twice", |frame| frame.publish().is_some())
}

fn acknowledged(stage: &mut Stage) -> Step {
    stage.online_persistent()?;
    let number = stage.publish("kit/out", "done", QoS::AtLeastOnce)?;
    let id = stage.expect_publish("done")?.id();
    stage.acknowledge(Packet::Puback, id);
    stage.report_of("published", number)?;
    stage.reconnect(true)?;
    stage.no_packet(QUIET, "it was acknowledged", |frame| frame.publish().is_some())
}

fn pubrel_resent(stage: &mut Stage) -> Step {
    stage.online_persistent()?;
    let number = stage.publish("kit/out", "two", QoS::ExactlyOnce)?;
    let id = stage.expect_publish("two")?.id();
    stage.acknowledge(Packet::Pubrec, id);
    stage.expect(PacketKind::Pubrel)?;
    stage.reconnect(true)?;
    let frame = stage.expect_that("PUBREL", |frame| {
        matches!(frame.packet().kind(), PacketKind::Pubrel | PacketKind::Publish)
    })?;
    let is_right = frame.packet().kind() == PacketKind::Pubrel && frame.id() == id;
    ensure(is_right, || format!("{frame} comes where PUBREL {id} is due"))?;
    stage.acknowledge(Packet::Pubcomp, id);
    stage.report_of("published", number)?;
    stage.no_packet(QUIET, "the message was released", |frame| frame.publish().is_some())
}

fn two_outages(stage: &mut Stage) -> Step {
    stage.online_persistent()?;
    stage.publish("kit/out", "again", QoS::AtLeastOnce)?;
    let first = stage.expect_publish("again")?;
    for _ in 0..2 {
        stage.reconnect(true)?;
        let again = stage.expect_publish("again")?;
        ensure(again.id() == first.id(), || format!("{first} comes again as {again}"))?;
        stage.no_packet(QUIET, "it comes twice", |frame| frame.publish().is_some())?;
    }
    Ok(())
}

fn lost(stage: &mut Stage, fields: &[(&str, &str)]) -> Step {
    stage.online(fields)?;
    stage.publish("kit/out", "one", QoS::AtLeastOnce)?;
    stage.expect_publish("one")?;
    stage.publish("kit/out", "two", QoS::ExactlyOnce)?;
    let id = stage.expect_publish("two")?.id();
    stage.acknowledge(Packet::Pubrec, id);
    stage.expect(PacketKind::Pubrel)?;
    stage.reconnect(false)?;
    // What a client publishes anew has DUP 0; that is a choice of its own.
    stage.no_packet(Duration::from_millis(500), "it belongs to the session that was lost", |frame| {
        frame.packet().kind() == PacketKind::Pubrel || frame.publish().is_some_and(|publish| publish.dup)
    })
}

fn offline(stage: &mut Stage) -> Step {
    stage.online_persistent()?;
    stage.cut();
    stage.reopened()?;
    let mut accepted = Vec::new();
    for number in 0..5 {
        let (id, line) = stage.publish_line("kit/out", &number.to_string(), QoS::AtLeastOnce);
        if stage.ask(&line)? == Reply::Ok {
            accepted.push((id, number.to_string()));
        }
    }
    let connack = connack(stage.version, true, &[]);
    stage.send(&connack);
    for (id, payload) in accepted {
        let fits =
            |frame: &Frame| frame.publish().is_some_and(|publish| publish.payload == payload.as_bytes());
        let frame = match stage.expect_that(&format!("PUBLISH of `{payload}`"), fits) {
            Ok(frame) => frame,
            Err(stop) => {
                let failed = stage.take(|item| line_named(item, "failed"));
                let is_told = failed.iter().any(|line| line.number("id") == Some(id));
                if is_told { continue } else { return Err(stop) }
            }
        };
        stage.acknowledge(Packet::Puback, frame.id());
        stage.report_of("published", id)?;
    }
    stage.no_packet(QUIET, "it comes twice", |frame| frame.publish().is_some())
}

fn subscribed(stage: &mut Stage) -> Step {
    stage.online_persistent()?;
    stage.subscribe("kit/#", QoS::ExactlyOnce)
}

fn in_qos2_again(stage: &mut Stage) -> Step {
    subscribed(stage)?;
    let message = Message::new("kit/in", "two", QoS::ExactlyOnce, 7);
    stage.deliver(message);
    stage.expect(PacketKind::Pubrec)?;
    stage.reconnect(true)?;
    stage.deliver(message.again());
    let pubrec = stage.expect(PacketKind::Pubrec)?;
    ensure(pubrec.id() == 7, || format!("{pubrec} answers the message 7"))?;
    finish_qos2(stage)
}

fn in_pubrel_again(stage: &mut Stage) -> Step {
    subscribed(stage)?;
    stage.deliver(Message::new("kit/in", "two", QoS::ExactlyOnce, 7));
    stage.expect(PacketKind::Pubrec)?;
    stage.reconnect(true)?;
    finish_qos2(stage)
}

fn finish_qos2(stage: &mut Stage) -> Step {
    stage.acknowledge(Packet::Pubrel, 7);
    stage.expect(PacketKind::Pubcomp)?;
    stage.message("two")?;
    stage.no_message("two", "it reaches the program twice")
}

fn in_qos2_lost(stage: &mut Stage) -> Step {
    subscribed(stage)?;
    stage.deliver(Message::new("kit/in", "old", QoS::ExactlyOnce, 7));
    stage.expect(PacketKind::Pubrec)?;
    stage.reconnect(false)?;
    stage.deliver(Message::new("kit/in", "new", QoS::ExactlyOnce, 7));
    stage.expect(PacketKind::Pubrec)?;
    stage.acknowledge(Packet::Pubrel, 7);
    stage.expect(PacketKind::Pubcomp)?;
    stage.message("new").map(drop)
}

fn in_unacknowledged(stage: &mut Stage) -> Step {
    stage.online(&[PERSISTENT, &[("manual", "1")]].concat())?;
    stage.subscribe("kit/#", QoS::AtLeastOnce)?;
    let message = Message::new("kit/in", "held", QoS::AtLeastOnce, 7);
    stage.deliver(message);
    let first = stage.message("held")?;
    stage.reconnect(true)?;
    stage.deliver(message.again());
    let again = stage.wait_for(Duration::from_secs(1), "message", |item| line_named(item, "message"));
    let number = again.unwrap_or(first).get("message").unwrap_or("0").to_owned();
    let what = "the program has not acknowledged it";
    stage.no_packet(QUIET, what, |frame| frame.packet().kind() == PacketKind::Puback)?;
    stage.command(&Line::new("ack").with("message", number))?;
    let puback = stage.expect(PacketKind::Puback)?;
    ensure(puback.id() == 7, || format!("{puback} answers the message 7"))
}

fn behind_connack(stage: &mut Stage) -> Step {
    subscribed(stage)?;
    stage.cut();
    stage.reopened()?;
    let mut bytes = connack(stage.version, true, &[]);
    bytes.extend(Message::new("kit/in", "behind", QoS::AtLeastOnce, 7).bytes(stage.version));
    stage.send(&bytes);
    stage.expect(PacketKind::Puback)?;
    stage.message("behind").map(drop)
}

/// The server resumes a session whose subscriptions the program has not made on this client yet.
fn before_subscribe(stage: &mut Stage) -> Step {
    stage.online_persistent()?;
    stage.cut();
    stage.reopened()?;
    let mut bytes = connack(stage.version, true, &[]);
    for (payload, id) in [("first", 7), ("second", 8)] {
        bytes.extend(Message::new("kit/in", payload, QoS::AtLeastOnce, id).bytes(stage.version));
    }
    stage.send(&bytes);
    stage.report("connected")?;
    let id = stage.number();
    stage.command(&Line::new("subscribe").with("id", id).with("filter", "kit/#").with("qos", 1))?;
    let subscribe = stage.expect(PacketKind::Subscribe)?;
    let suback = suback(stage.version, subscribe.id(), granted(QoS::AtLeastOnce));
    stage.send(&suback);
    for (payload, id) in [("first", 7), ("second", 8)] {
        stage.expect_that(&format!("PUBACK {id}"), |frame| {
            frame.packet().kind() == PacketKind::Puback && frame.id() == id
        })?;
        stage.message(payload)?;
    }
    Ok(())
}

fn pending_subscribe(stage: &mut Stage) -> Step {
    stage.online_persistent()?;
    let id = stage.number();
    stage.command(&Line::new("subscribe").with("id", id).with("filter", "kit/#").with("qos", 1))?;
    stage.expect(PacketKind::Subscribe)?;
    stage.reconnect(true)?;
    let again = match stage.expect(PacketKind::Subscribe) {
        Ok(again) => again,
        Err(stop) => {
            let failed = stage.take(|item| line_named(item, "failed"));
            let is_told = failed.iter().any(|line| line.number("id") == Some(id));
            return if is_told { Ok(()) } else { Err(stop) };
        }
    };
    let suback = suback(stage.version, again.id(), granted(QoS::AtLeastOnce));
    stage.send(&suback);
    stage.report_of("subscribed", id).map(drop)
}

fn clean_start_once(stage: &mut Stage) -> Step {
    stage.online_persistent()?;
    stage.cut();
    let frame = stage.reopened()?;
    let is_clean = matches!(frame.packet(), Packet::Connect(connect) if connect.clean_start());
    ensure(!is_clean, || format!("{frame} starts anew after an outage"))
}

/// How long nothing must come; what would come is on its way within milliseconds.
const QUIET: Duration = Duration::from_millis(300);
