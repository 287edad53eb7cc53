//! SUBSCRIBE and UNSUBSCRIBE, and what the program learns of their answers.

use mqtt_proto::{Packet, PacketKind, QoS, ReasonCode, TopicFilter};

use crate::case::Case;
use crate::line::Line;
use crate::outcome::{Step, Stop, ensure};
use crate::packets::{suback, unsuback};
use crate::stage::{Stage, line_named};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "subscribe/fields",
        does: "Subscribes with QoS 2: SUBSCRIBE has an identifier, the filter and the QoS.",
        cites: &[
            "[5.0 MQTT-3.8.1-1]",
            "[5.0 MQTT-3.8.3-1]",
            "[5.0 MQTT-3.8.3-2]",
            "[5.0 MQTT-3.8.3-5]",
            "[5.0 MQTT-2.2.1-3]",
            "[3.1.1 MQTT-3.8.1-1]",
            "[3.1.1 MQTT-3.8.3-1]",
            "[3.1.1 MQTT-3.8.3-3]",
            "[3.1.1 MQTT-2.3.1-1]",
        ],
        is_slow: false,
        play: fields,
    },
    Case {
        id: "subscribe/lower-qos",
        does: "The server grants less than was asked for: the program learns the QoS that was granted.",
        cites: &["5.0 section 3.9.3", "3.1.1 section 3.9.3"],
        is_slow: false,
        play: |stage| answered(stage, ReasonCode::Success),
    },
    Case {
        id: "subscribe/refused",
        does: "The server refuses the subscription: the program learns it, and the connection lives on.",
        cites: &["5.0 section 3.9.3", "3.1.1 section 3.9.3"],
        is_slow: false,
        play: |stage| {
            let is_5 = stage.version.has_properties();
            answered(stage, if is_5 { ReasonCode::NotAuthorized } else { ReasonCode::UnspecifiedError })
        },
    },
    Case {
        id: "subscribe/out-of-order",
        does: "Two SUBACKs come in the opposite order: each answers the subscription that it names.",
        cites: &["5.0 section 3.9.2", "3.1.1 section 3.9.2"],
        is_slow: false,
        play: out_of_order,
    },
    Case {
        id: "unsubscribe/fields",
        does: "Unsubscribes: UNSUBSCRIBE has an identifier and the filter, and the program learns of UNSUBACK.",
        cites: &[
            "[5.0 MQTT-3.10.1-1]",
            "[5.0 MQTT-3.10.3-1]",
            "[5.0 MQTT-3.10.3-2]",
            "[3.1.1 MQTT-3.10.1-1]",
            "[3.1.1 MQTT-3.10.3-1]",
            "[3.1.1 MQTT-3.10.3-2]",
        ],
        is_slow: false,
        play: unsubscribe,
    },
];

fn subscribe(stage: &mut Stage, filter: &str, qos: QoS) -> Step<(u32, u16)> {
    let number = stage.number();
    let line = Line::new("subscribe").with("id", number).with("filter", filter).with("qos", qos.bits());
    stage.command(&line)?;
    let frame = stage.expect(PacketKind::Subscribe)?;
    let Packet::Subscribe(subscribe) = frame.packet() else { return Err(Stop::Broke(format!("{frame}"))) };
    let mut filters = subscribe.filters.iter();
    let is_right = filters.next().is_some_and(|one| one.filter.as_str() == filter && one.options.qos == qos)
        && filters.next().is_none();
    ensure(is_right, || format!("the driver was to subscribe to `{filter}`, and {frame} comes"))?;
    Ok((number, frame.id()))
}

fn fields(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    subscribe(stage, "kit/+/für/#", QoS::ExactlyOnce).map(drop)
}

fn answered(stage: &mut Stage, code: ReasonCode) -> Step {
    stage.online(&[])?;
    let (number, id) = subscribe(stage, "kit/in", QoS::AtLeastOnce)?;
    let suback = suback(stage.version, id, code);
    stage.send(&suback);
    let line = stage.wait("end of the subscription", |item| {
        let named = |name| line_named(item, name);
        named("subscribed").or_else(|| named("failed")).filter(|line| line.number("id") == Some(number))
    })?;
    let is_told = line.number("reason") == Some(u32::from(code.byte()))
        || (code.is_error()
            && (line.name == "failed" || line.number("reason").is_some_and(|reason| reason >= 0x80)));
    ensure(is_told, || format!("the program learns `{line}` where the server says {:#04x}", code.byte()))?;
    stage.still_open("the client closes the connection over an answer to SUBSCRIBE")
}

fn out_of_order(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    let first = subscribe(stage, "kit/a", QoS::AtMostOnce)?;
    let second = subscribe(stage, "kit/b", QoS::AtLeastOnce)?;
    for ((number, id), code) in [(second, ReasonCode::GrantedQoS1), (first, ReasonCode::Success)] {
        let suback = suback(stage.version, id, code);
        stage.send(&suback);
        stage.report_of("subscribed", number)?;
    }
    Ok(())
}

fn unsubscribe(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    stage.subscribe("kit/in", QoS::AtLeastOnce)?;
    let number = stage.number();
    stage.command(&Line::new("unsubscribe").with("id", number).with("filter", "kit/in"))?;
    let frame = stage.expect(PacketKind::Unsubscribe)?;
    let Packet::Unsubscribe(unsubscribe) = frame.packet() else {
        return Err(Stop::Broke(format!("{frame}")));
    };
    let filters: Vec<&str> = unsubscribe.filters.iter().map(TopicFilter::as_str).collect();
    ensure(filters == ["kit/in"], || format!("{frame} comes"))?;
    let unsuback = unsuback(stage.version, frame.id());
    stage.send(&unsuback);
    stage.report_of("unsubscribed", number).map(drop)
}
