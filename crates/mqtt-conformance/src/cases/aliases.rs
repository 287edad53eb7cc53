//! Topic aliases of 5.0, in both directions.

use std::time::Duration;

use mqtt_proto::{PacketKind, Property, QoS, ReasonCode};

use crate::case::Case;
use crate::outcome::{Step, ensure};
use crate::packets::{Frame, Message, aliased};
use crate::stage::{PERSISTENT, Reply, Stage};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "alias/out-none",
        does: "The server takes no aliases, and the program asks for alias 1: none is sent.",
        cites: &["[5.0 MQTT-3.2.2-18]"],
        is_slow: false,
        play: |stage| out_limit(stage, 0),
    },
    Case {
        id: "alias/out-maximum",
        does: "The server takes two aliases, and the program asks for alias 5: none above 2 is sent.",
        cites: &["[5.0 MQTT-3.2.2-17]", "[5.0 MQTT-3.3.2-9]"],
        is_slow: false,
        play: |stage| out_limit(stage, 2),
    },
    Case {
        id: "alias/out-outage",
        does: "A message with an alias is sent, then an outage: the next message with it names its topic again.",
        cites: &["[5.0 MQTT-3.3.2-7]"],
        is_slow: false,
        play: out_outage,
    },
    Case {
        id: "alias/out-resent",
        does: "Messages of QoS 1 with an alias are resent after an outage: each names its topic, or an alias set anew.",
        cites: &["[5.0 MQTT-3.3.2-7]"],
        is_slow: false,
        play: out_resent,
    },
    Case {
        id: "alias/in",
        does: "The client takes ten aliases; the server sets 10, uses it, and sets it to another topic.",
        cites: &["[5.0 MQTT-3.3.2-10]"],
        is_slow: false,
        play: inward,
    },
    Case {
        id: "alias/in-outage",
        does: "The server uses an alias of the connection before: the client closes, and the program gets nothing.",
        cites: &["[5.0 MQTT-3.3.2-7]"],
        is_slow: false,
        play: in_outage,
    },
    Case {
        id: "alias/in-maximum",
        does: "The server sets an alias above the client's maximum: DISCONNECT with 0x94.",
        cites: &["5.0 section 3.3.2.3.4"],
        is_slow: false,
        play: |stage| in_wrong(stage, 11),
    },
    Case {
        id: "alias/in-zero",
        does: "The server sets alias 0: DISCONNECT with 0x94.",
        cites: &["5.0 section 3.3.2.3.4"],
        is_slow: false,
        play: |stage| in_wrong(stage, 0),
    },
];

/// The alias of a PUBLISH.
fn alias(frame: &Frame) -> Option<u16> {
    frame.publish()?.properties.iter().find_map(|property| match property {
        Property::TopicAlias(alias) => Some(alias),
        _ => None,
    })
}

fn out_limit(stage: &mut Stage, maximum: u16) -> Step {
    let properties = [Property::TopicAliasMaximum(maximum)];
    stage.online_with(&[], if maximum == 0 { &[] } else { &properties })?;
    let (_id, line) = stage.publish_line("kit/out", "named", QoS::AtMostOnce);
    if stage.ask(&line.with("alias", 5))? == Reply::Ok {
        let what = format!("the server takes {maximum} aliases");
        stage.no_packet(Duration::from_millis(300), &what, |frame| {
            alias(frame).is_some_and(|alias| alias > maximum)
        })?;
    }
    Ok(())
}

/// Publishes with an alias if the library has a way to ask for one, and without where it sets aliases by itself.
fn publish_aliased(stage: &mut Stage, payload: &str, qos: QoS) -> Step<Frame> {
    let (_id, line) = stage.publish_line("kit/out", payload, qos);
    stage.command(&line.with("alias", 1))?;
    stage.expect_publish(payload)
}

fn out_outage(stage: &mut Stage) -> Step {
    stage.connect(PERSISTENT)?;
    stage.accept(false, &[Property::TopicAliasMaximum(10)])?;
    for payload in ["first", "second"] {
        publish_aliased(stage, payload, QoS::AtMostOnce)?;
    }
    stage.reconnect_with(true, &[Property::TopicAliasMaximum(10)])?;
    let frame = publish_aliased(stage, "third", QoS::AtMostOnce)?;
    let has_topic = frame.publish().is_some_and(|publish| !publish.topic.is_aliased());
    ensure(has_topic, || format!("{frame} is the first on its connection and has no topic"))
}

fn out_resent(stage: &mut Stage) -> Step {
    stage.connect(PERSISTENT)?;
    stage.accept(false, &[Property::TopicAliasMaximum(10)])?;
    for payload in ["first", "second"] {
        publish_aliased(stage, payload, QoS::AtLeastOnce)?;
    }
    stage.reconnect(true)?;
    for payload in ["first", "second"] {
        let frame = stage.expect_publish(payload)?;
        let has_topic = frame.publish().is_some_and(|publish| !publish.topic.is_aliased());
        ensure(has_topic && alias(&frame).is_none(), || format!("{frame} comes where no aliases are taken"))?;
        stage.finish(&frame)?;
    }
    Ok(())
}

fn inward(stage: &mut Stage) -> Step {
    stage.online(&[("topic_alias_maximum", "10")])?;
    stage.subscribe("kit/#", QoS::AtLeastOnce)?;
    set_alias(stage, "kit/one", "set", 10);
    let bytes = aliased(10, "used");
    stage.send(&bytes);
    set_alias(stage, "kit/two", "set anew", 10);
    let bytes = aliased(10, "used anew");
    stage.send(&bytes);
    for (payload, topic) in
        [("set", "kit/one"), ("used", "kit/one"), ("set anew", "kit/two"), ("used anew", "kit/two")]
    {
        let line = stage.message(payload)?;
        ensure(line.get("topic") == Some(topic), || {
            format!("the driver reports `{line}` for a message of {topic}")
        })?;
    }
    Ok(())
}

fn set_alias(stage: &mut Stage, topic: &str, payload: &str, alias: u16) {
    let properties = [Property::TopicAlias(alias)];
    stage.deliver(Message { properties: &properties, ..Message::new(topic, payload, QoS::AtMostOnce, 0) });
}

fn in_outage(stage: &mut Stage) -> Step {
    stage.online(&[PERSISTENT, &[("topic_alias_maximum", "10")]].concat())?;
    stage.subscribe("kit/#", QoS::AtLeastOnce)?;
    set_alias(stage, "kit/one", "set", 1);
    stage.message("set")?;
    stage.reconnect(true)?;
    let bytes = aliased(1, "stale");
    stage.send(&bytes);
    stage.closed("the alias is not set on this connection")?;
    stage.no_message("stale", "it has no topic")
}

fn in_wrong(stage: &mut Stage, alias: u16) -> Step {
    stage.online(&[("topic_alias_maximum", "10")])?;
    stage.subscribe("kit/#", QoS::AtLeastOnce)?;
    let [high, low] = alias.to_be_bytes();
    stage.send(&[0x30, 11, 0, 5, b'k', b'i', b't', b'/', b'a', 3, 0x23, high, low]);
    let disconnect = stage.closed("the alias is not allowed")?;
    let reason = disconnect.as_ref().and_then(Frame::reason);
    ensure(reason == Some(ReasonCode::TopicAliasInvalid), || format!("DISCONNECT has {reason:?}"))?;
    let rest = stage.packets();
    ensure(rest.iter().all(|frame| frame.packet().kind() != PacketKind::Puback), || {
        "it is acknowledged".into()
    })
}
