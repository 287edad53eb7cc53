//! Packets and events as short strings.

use mqtt_proto::{
    Ack, Connect, Context, Packet, PacketKind, Properties, Property, Publish, QoS, ReasonCode, Sender,
    TopicFilter, Version, decode, frame_len,
};
use mqtt_session::{AuthStage, Event, Message, Outcome};

/// Each packet of what the session sent.
pub(crate) fn packets(mut bytes: &[u8], version: Version) -> Vec<String> {
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        let len = frame_len(bytes, u32::MAX).expect("a legal length").expect("a whole fixed header");
        let context = Context { version, sender: Some(Sender::Client) };
        let packet = decode(&bytes[..len], context).expect("the session sends legal packets");
        packets.push(render(&packet));
        bytes = &bytes[len..];
    }
    packets
}

fn render(packet: &Packet<'_>) -> String {
    let kind = packet.kind();
    match packet {
        Packet::Connect(connect) => render_connect(&connect.fields()),
        Packet::Publish(publish) => render_publish(publish),
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            render_ack(kind, ack)
        }
        Packet::Subscribe(subscribe) => {
            let filters = subscribe.filters.iter();
            let filters: Vec<String> =
                filters.map(|item| format!("{}:{}", item.filter.as_str(), item.options.qos)).collect();
            let properties = render_properties(&subscribe.properties);
            format!("SUBSCRIBE id{} {}{properties}", subscribe.packet_id, filters.join(" "))
        }
        Packet::Unsubscribe(unsubscribe) => {
            let filters: Vec<&str> = unsubscribe.filters.iter().map(TopicFilter::as_str).collect();
            let properties = render_properties(&unsubscribe.properties);
            format!("UNSUBSCRIBE id{} {}{properties}", unsubscribe.packet_id, filters.join(" "))
        }
        Packet::Disconnect(disconnect) => {
            let properties = render_properties(&disconnect.properties);
            format!("DISCONNECT{}{properties}", render_reason(disconnect.reason))
        }
        Packet::Auth(auth) => {
            format!("AUTH{}{}", render_reason(auth.reason), render_properties(&auth.properties))
        }
        Packet::Pingreq => kind.to_string(),
        Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) | Packet::Pingresp => {
            panic!("no client sends {kind} unasked")
        }
    }
}

fn render_connect(connect: &Connect<'_>) -> String {
    let mut text = format!("CONNECT {} '{}'", connect.version, connect.client_id);
    if connect.clean_start {
        text += " clean";
    }
    text += &format!(" keep{}", connect.keep_alive_secs);
    text += &render_properties(&connect.properties);
    if let Some(will) = &connect.will {
        text += &format!(" will {} qos{}{}", will.topic.as_str(), will.qos, flag(will.retain, "retain"));
        text += &format!(" {:?}{}", lossy(will.payload), render_properties(&will.properties));
    }
    if let Some(user_name) = connect.user_name {
        text += &format!(" user {user_name}");
    }
    if let Some(password) = connect.password {
        text += &format!(" password {}", lossy(password));
    }
    text
}

fn render_publish(publish: &Publish<'_>) -> String {
    let mut text = format!("PUBLISH {} qos{}", publish.topic.as_str(), publish.qos);
    if let Some(id) = publish.packet_id {
        text += &format!(" id{id}");
    }
    text += flag(publish.dup, "dup");
    text += flag(publish.retain, "retain");
    text += &render_properties(&publish.properties);
    text + &render_payload(publish.payload)
}

/// Long payloads are told by their size.
fn render_payload(payload: &[u8]) -> String {
    if payload.len() > 40 { format!(" {} bytes", payload.len()) } else { format!(" {:?}", lossy(payload)) }
}

fn render_ack(kind: PacketKind, ack: &Ack<'_>) -> String {
    format!("{kind} id{}{}{}", ack.packet_id, render_reason(ack.reason), render_properties(&ack.properties))
}

fn render_reason(reason: ReasonCode) -> String {
    match reason {
        ReasonCode::Success => String::new(),
        reason => format!(" 0x{:02x}", reason.byte()),
    }
}

fn render_properties(properties: &Properties<'_>) -> String {
    let render = |property| match property {
        // Its `Debug` shows no data.
        Property::AuthenticationData(data) => format!(" data={}", lossy(data)),
        other => format!(" {other:?}"),
    };
    properties.iter().map(render).collect()
}

fn flag(is_set: bool, name: &'static str) -> &'static str {
    match (is_set, name) {
        (false, _) => "",
        (true, "dup") => " dup",
        (true, _) => " retain",
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An event; when the next attempt starts is left out.
pub(crate) fn render_event(event: &Event) -> String {
    match event {
        Event::Online { session_present: false } => "online".into(),
        Event::Online { session_present: true } => "online present".into(),
        Event::Offline { cause, retry_at: Some(_) } => format!("offline: {cause}; retry"),
        Event::Offline { cause, retry_at: None } => format!("offline: {cause}; stop"),
        Event::Ended { ticket, outcome } => format!("ended {} {}", ticket.get(), render_outcome(*outcome)),
        Event::Message(message) => render_message("message", message),
        Event::Quarantined { ticket, report } => {
            let alone = if report.was_alone { " alone" } else { "" };
            format!(
                "quarantined {} {} {}{alone}: {}",
                ticket.get(),
                report.packet,
                report.failures,
                report.last_cause
            )
        }
        Event::Authentication { step, stage } => {
            let (name, data) = match stage {
                AuthStage::Begin => ("begin", None),
                AuthStage::Challenge(data) => ("challenge", Some(data)),
                AuthStage::Verdict(data) => ("verdict", Some(data)),
            };
            let data = data.map(|data| format!(" {:?}", lossy(data))).unwrap_or_default();
            format!("step {} {name}{data}", step.get())
        }
        other => format!("{other:?}"),
    }
}

fn render_message(what: &str, message: &Message) -> String {
    let mut text = format!("{what} {} qos{}", message.topic(), message.qos());
    text += flag(message.dup(), "dup");
    text += flag(message.retain(), "retain");
    text += &render_properties(&message.properties());
    assert_eq!(message.receipt().is_some(), message.qos() != QoS::AtMostOnce);
    text + &render_payload(message.payload())
}

fn render_outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Done(code) => format!("done 0x{:02x}", code.byte()),
        Outcome::Rejected(why) => format!("rejected {why:?}"),
        Outcome::Indeterminate(why) => format!("indeterminate {why:?}"),
    }
}
