//! What the server's CONNACK of 5.0 forbids.

use std::time::Duration;

use mqtt_proto::{Packet, PacketKind, Property, QoS};

use crate::case::Case;
use crate::line::Line;
use crate::outcome::{Step, ensure};
use crate::packets::{Frame, suback};
use crate::stage::{Item, Reply, Stage, granted};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "limits/receive-maximum",
        does: "Receive Maximum 2, and six messages of QoS 1: two are under way, each PUBACK lets one more go.",
        cites: &["[5.0 MQTT-3.3.4-7]", "[5.0 MQTT-4.9.0-1]", "[5.0 MQTT-4.9.0-2]"],
        is_slow: false,
        play: receive_maximum,
    },
    Case {
        id: "limits/receive-maximum-qos2",
        does: "Receive Maximum 2, and four messages of QoS 2: PUBREC lets no more go, PUBCOMP does.",
        cites: &["[5.0 MQTT-3.3.4-7]", "[5.0 MQTT-4.9.0-2]"],
        is_slow: false,
        play: receive_maximum_qos2,
    },
    Case {
        id: "limits/receive-maximum-others",
        does: "Receive Maximum 1, one message under way: SUBSCRIBE is sent all the same.",
        cites: &["[5.0 MQTT-3.3.4-8]", "[5.0 MQTT-4.9.0-3]"],
        is_slow: false,
        play: receive_maximum_others,
    },
    Case {
        id: "limits/receive-maximum-again",
        does: "Five messages are under way; the next connection has Receive Maximum 2: no more are resent at once.",
        cites: &["[5.0 MQTT-4.9.0-1]", "[5.0 MQTT-3.3.4-7]"],
        is_slow: false,
        play: receive_maximum_again,
    },
    Case {
        id: "limits/maximum-qos-0",
        does: "Maximum QoS 0, and a message of QoS 1: none is sent with more than QoS 0.",
        cites: &["[5.0 MQTT-3.2.2-11]"],
        is_slow: false,
        play: |stage| maximum_qos(stage, QoS::AtMostOnce, QoS::AtLeastOnce),
    },
    Case {
        id: "limits/maximum-qos-1",
        does: "Maximum QoS 1, and a message of QoS 2: none is sent with QoS 2.",
        cites: &["[5.0 MQTT-3.2.2-11]"],
        is_slow: false,
        play: |stage| maximum_qos(stage, QoS::AtLeastOnce, QoS::ExactlyOnce),
    },
    Case {
        id: "limits/retain-available",
        does: "Retain Available 0, and a retained message: none is sent with the flag.",
        cites: &["[5.0 MQTT-3.2.2-14]"],
        is_slow: false,
        play: retain_available,
    },
    Case {
        id: "limits/maximum-packet-size",
        does: "Maximum Packet Size 100, and a message of 1,000 bytes: it is not sent.",
        cites: &["[5.0 MQTT-3.2.2-15]"],
        is_slow: false,
        play: maximum_packet_size,
    },
    Case {
        id: "limits/maximum-packet-size-queued",
        does: "A message of 1,000 bytes is under way; the next connection has Maximum Packet Size 100: it is not resent.",
        cites: &["[5.0 MQTT-3.2.2-15]"],
        is_slow: false,
        play: maximum_packet_size_queued,
    },
    Case {
        id: "limits/lives-on",
        does: "Messages beyond Maximum QoS, Retain Available and Maximum Packet Size are refused; an ordinary one follows.",
        cites: &["5.0 section 3.2.2.3"],
        is_slow: false,
        play: lives_on,
    },
    Case {
        id: "limits/wildcards",
        does: "Wildcard Subscription Available 0: the client does not subscribe to `kit/#`.",
        cites: &["5.0 section 3.2.2.3.11"],
        is_slow: false,
        play: |stage| unavailable(stage, Property::WildcardSubscriptionAvailable(0), &[("filter", "kit/#")]),
    },
    Case {
        id: "limits/shared",
        does: "Shared Subscription Available 0: the client does not subscribe to `$share/a/kit`.",
        cites: &["5.0 section 3.2.2.3.13"],
        is_slow: false,
        play: |stage| {
            unavailable(stage, Property::SharedSubscriptionAvailable(0), &[("filter", "$share/a/kit")])
        },
    },
    Case {
        id: "limits/subscription-identifiers",
        does: "Subscription Identifier Available 0: the client subscribes without one, or not at all.",
        cites: &["5.0 section 3.2.2.3.12"],
        is_slow: false,
        play: |stage| {
            let property = Property::SubscriptionIdentifierAvailable(0);
            unavailable(stage, property, &[("filter", "kit/a"), ("identifier", "7")])
        },
    },
];

fn receive_maximum(stage: &mut Stage) -> Step {
    stage.online_with(&[], &[Property::ReceiveMaximum(2)])?;
    for number in 0..6 {
        stage.publish("kit/out", &number.to_string(), QoS::AtLeastOnce)?;
    }
    let mut under_way = vec![stage.expect(PacketKind::Publish)?, stage.expect(PacketKind::Publish)?];
    for number in 2..6 {
        stage.no_packet(QUIET, "it exceeds the Receive Maximum of 2", is_publish)?;
        let id = under_way.remove(0).id();
        stage.acknowledge(Packet::Puback, id);
        under_way.push(stage.expect_publish(&number.to_string())?);
    }
    Ok(())
}

fn receive_maximum_qos2(stage: &mut Stage) -> Step {
    stage.online_with(&[], &[Property::ReceiveMaximum(2)])?;
    for number in 0..4 {
        stage.publish("kit/out", &number.to_string(), QoS::ExactlyOnce)?;
    }
    let first = stage.expect(PacketKind::Publish)?.id();
    stage.expect(PacketKind::Publish)?;
    stage.acknowledge(Packet::Pubrec, first);
    stage.expect(PacketKind::Pubrel)?;
    stage.no_packet(QUIET, "PUBREC does not free the Receive Maximum of 2", is_publish)?;
    stage.acknowledge(Packet::Pubcomp, first);
    stage.expect_publish("2").map(drop)
}

fn receive_maximum_others(stage: &mut Stage) -> Step {
    stage.online_with(&[], &[Property::ReceiveMaximum(1)])?;
    stage.publish("kit/out", "1", QoS::AtLeastOnce)?;
    stage.publish("kit/out", "2", QoS::AtLeastOnce)?;
    stage.expect_publish("1")?;
    stage.subscribe("kit/in", QoS::AtMostOnce)
}

fn receive_maximum_again(stage: &mut Stage) -> Step {
    stage.online_persistent()?;
    for number in 0..5 {
        stage.publish("kit/out", &number.to_string(), QoS::AtLeastOnce)?;
    }
    for number in 0..5 {
        stage.expect_publish(&number.to_string())?;
    }
    stage.reconnect_with(true, &[Property::ReceiveMaximum(2)])?;
    let first = stage.expect(PacketKind::Publish)?;
    // Some libraries resend one after the other.
    let second = stage.wait_for(QUIET, "PUBLISH", |item| match item {
        Item::Packet(_, frame) if is_publish(frame) => Some(()),
        _ => None,
    });
    stage.no_packet(QUIET, "it exceeds the new Receive Maximum of 2", is_publish)?;
    stage.acknowledge(Packet::Puback, first.id());
    second.or_else(|_none| stage.expect(PacketKind::Publish).map(drop))
}

fn maximum_qos(stage: &mut Stage, maximum: QoS, asked: QoS) -> Step {
    stage.online_with(&[], &[Property::MaximumQoS(maximum.bits())])?;
    let (_id, line) = stage.publish_line("kit/out", "high", asked);
    stage.ask(&line)?;
    let what = format!("it is above the Maximum QoS {}", maximum.bits());
    stage.no_packet(QUIET, &what, |frame| frame.publish().is_some_and(|publish| publish.qos > maximum))
}

fn retain_available(stage: &mut Stage) -> Step {
    stage.online_with(&[], &[Property::RetainAvailable(0)])?;
    let id = stage.number();
    let line = Line::new("publish").with("id", id).with("topic", "kit/out").with("payload", "kept");
    stage.ask(&line.with("qos", 1).with("retain", 1))?;
    let what = "the server does not take retained messages";
    stage.no_packet(QUIET, what, |frame| frame.publish().is_some_and(|publish| publish.retain))
}

fn maximum_packet_size(stage: &mut Stage) -> Step {
    stage.online_with(&[], &[Property::MaximumPacketSize(100)])?;
    let large = "x".repeat(1000);
    let (_id, line) = stage.publish_line("kit/out", &large, QoS::AtLeastOnce);
    stage.ask(&line)?;
    stage.no_packet(QUIET, "it is above the Maximum Packet Size of 100", is_large)
}

fn maximum_packet_size_queued(stage: &mut Stage) -> Step {
    stage.online_persistent()?;
    let large = "x".repeat(1000);
    stage.publish("kit/out", &large, QoS::AtLeastOnce)?;
    stage.expect_publish(&large)?;
    stage.reconnect_with(true, &[Property::MaximumPacketSize(100)])?;
    stage.no_packet(QUIET, "it is above the new Maximum Packet Size of 100", is_large)
}

fn lives_on(stage: &mut Stage) -> Step {
    let limits = [Property::MaximumQoS(1), Property::RetainAvailable(0), Property::MaximumPacketSize(100)];
    stage.online_with(&[], &limits)?;
    let (_id, high) = stage.publish_line("kit/out", "high", QoS::ExactlyOnce);
    let (_id, large) = stage.publish_line("kit/out", &"x".repeat(1000), QoS::AtLeastOnce);
    let retained =
        Line::new("publish").with("id", stage.number()).with("topic", "kit/out").with("payload", "kept");
    for line in [high, large, retained.with("qos", 1).with("retain", 1)] {
        stage.ask(&line)?;
    }
    stage.publish("kit/out", "small", QoS::AtLeastOnce)?;
    stage.expect_publish("small").map(drop)
}

fn unavailable(stage: &mut Stage, property: Property<'_>, fields: &[(&str, &str)]) -> Step {
    stage.online_with(&[], &[property])?;
    let line = Line::new("subscribe").with("id", stage.number()).with("qos", 1);
    let line = fields.iter().fold(line, |line, (key, value)| line.with(key, value));
    if let Reply::Error(_why) = stage.ask(&line)? {
        return stage
            .still_open("the client gives up the connection over a subscription that it must not send");
    }
    let identifiers = matches!(property, Property::SubscriptionIdentifierAvailable(_));
    let is_wrong = |frame: &Frame| match frame.packet() {
        Packet::Subscribe(subscribe) => {
            !identifiers || subscribe.properties.subscription_identifiers().next().is_some()
        }
        _ => false,
    };
    stage.no_packet(QUIET, "the server has said that it does not have it", is_wrong)?;
    let subscribe = stage.packets().into_iter().find(|frame| frame.packet().kind() == PacketKind::Subscribe);
    if let Some(subscribe) = subscribe {
        let suback = suback(stage.version, subscribe.id(), granted(QoS::AtLeastOnce));
        stage.send(&suback);
    }
    ensure(!stage.is_closed(), || "the client gives up the connection".into())
}

fn is_publish(frame: &Frame) -> bool {
    frame.packet().kind() == PacketKind::Publish
}

fn is_large(frame: &Frame) -> bool {
    frame.size() > 100
}

/// How long nothing must come; what would come is on its way within milliseconds.
const QUIET: Duration = Duration::from_millis(250);
