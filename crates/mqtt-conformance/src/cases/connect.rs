//! CONNECT and what follows it: its fields, refusals, keep alive, identifiers.

use std::time::{Duration, Instant};

use mqtt_proto::{Packet, PacketKind, Property, QoS, Version};

use crate::case::Case;
use crate::outcome::{Step, Stop, ensure};
use crate::packets::{Message, connack, raw};
use crate::stage::{Item, Reply, Stage};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "connect/fields",
        does: "Connects with a client identifier, a clean session and a keep alive of 60 s: CONNECT says so, and no more.",
        cites: &[
            "[5.0 MQTT-3.1.0-1]",
            "[5.0 MQTT-3.1.2-1]",
            "[5.0 MQTT-3.1.2-11]",
            "[5.0 MQTT-3.1.2-16]",
            "[5.0 MQTT-3.1.2-18]",
            "[5.0 MQTT-3.1.3-3]",
            "[3.1.1 MQTT-3.1.0-1]",
            "[3.1.1 MQTT-3.1.2-11]",
            "[3.1.1 MQTT-3.1.2-18]",
            "[3.1.1 MQTT-3.1.2-20]",
            "[3.1.1 MQTT-3.1.3-3]",
        ],
        is_slow: false,
        play: fields,
    },
    Case {
        id: "connect/persistent",
        does: "Asks for a session that outlives the connection: CONNECT asks for it, too.",
        cites: &["[5.0 MQTT-3.1.2-23]", "[3.1.1 MQTT-3.1.2-4]"],
        is_slow: false,
        play: persistent,
    },
    Case {
        id: "connect/will",
        does: "Connects with a retained will of QoS 1: CONNECT has its topic, payload, QoS and flag.",
        cites: &[
            "[5.0 MQTT-3.1.2-9]",
            "[5.0 MQTT-3.1.3-11]",
            "[3.1.1 MQTT-3.1.2-9]",
            "[3.1.1 MQTT-3.1.3-10]",
        ],
        is_slow: false,
        play: will,
    },
    Case {
        id: "connect/credentials",
        does: "Connects with a user name and a password: CONNECT has both.",
        cites: &[
            "[5.0 MQTT-3.1.2-17]",
            "[5.0 MQTT-3.1.2-19]",
            "[5.0 MQTT-3.1.3-12]",
            "[3.1.1 MQTT-3.1.2-19]",
            "[3.1.1 MQTT-3.1.2-21]",
            "[3.1.1 MQTT-3.1.3-11]",
        ],
        is_slow: false,
        play: credentials,
    },
    Case {
        id: "connect/no-identifier",
        does: "3.1.1: Asks for a persistent session without a client identifier: the client refuses, makes one up, or \
               asks for a clean session.",
        cites: &["[3.1.1 MQTT-3.1.3-7]"],
        is_slow: false,
        play: no_identifier,
    },
    Case {
        id: "connect/refused",
        does: "The server refuses with \"not authorized\" and closes: the program learns the reason.",
        cites: &["5.0 section 3.2.2.2", "3.1.1 section 3.2.2.3"],
        is_slow: false,
        play: refused,
    },
    Case {
        id: "connect/session-unknown",
        does: "The server says Session Present to a client that asked for a clean start and has no state: the client \
               closes the connection.",
        cites: &["[5.0 MQTT-3.2.2-4]", "3.1.1 section 3.2.2.2"],
        is_slow: false,
        play: session_unknown,
    },
    Case {
        id: "connect/connack-in-pieces",
        does: "CONNACK comes byte by byte, and the first message directly behind it.",
        cites: &["[5.0 MQTT-4.2-1]", "[3.1.1 MQTT-7.1.2-1]"],
        is_slow: false,
        play: connack_in_pieces,
    },
    Case {
        id: "connect/assigned-identifier",
        does: "The server assigns an identifier; after an outage the client asks for its session under that name.",
        cites: &["5.0 section 3.2.2.3.7"],
        is_slow: false,
        play: assigned_identifier,
    },
    Case {
        id: "connect/keep-alive",
        does: "With a keep alive of 5 s and nothing to send, PINGREQ comes within 5 s, and again.",
        cites: &["[5.0 MQTT-3.1.2-20]", "[3.1.1 MQTT-3.1.2-23]"],
        is_slow: true,
        play: keep_alive,
    },
    Case {
        id: "connect/server-keep-alive",
        does: "The client asks for 60 s, the server's CONNACK says 5 s: PINGREQ comes within 5 s.",
        cites: &["[5.0 MQTT-3.1.2-21]", "[5.0 MQTT-3.2.2-21]"],
        is_slow: true,
        play: server_keep_alive,
    },
    Case {
        id: "connect/ping-unanswered",
        does: "No PINGRESP comes: the client closes the connection within another two keep alives.",
        cites: &["5.0 section 3.1.2.10", "3.1.1 section 3.1.2.10"],
        is_slow: true,
        play: ping_unanswered,
    },
];

fn fields(stage: &mut Stage) -> Step {
    let frame = stage.connect(&[])?;
    let Packet::Connect(connect) = frame.packet() else { return Err(Stop::Broke(format!("{frame}"))) };
    let connect = connect.fields();
    ensure(connect.version == stage.version, || format!("CONNECT is of {}", connect.version))?;
    ensure(connect.client_id == "kit", || format!("the client identifier is `{}`", connect.client_id))?;
    ensure(connect.clean_start, || "the flag for a clean session is not set".into())?;
    ensure(connect.keep_alive_secs == 60, || format!("the keep alive is {} s", connect.keep_alive_secs))?;
    ensure(connect.will.is_none(), || "there is a will that nobody asked for".into())?;
    let has_credentials = connect.user_name.is_some() || connect.password.is_some();
    ensure(!has_credentials, || "there are credentials that nobody gave".into())?;
    stage.accept(false, &[])
}

fn persistent(stage: &mut Stage) -> Step {
    let frame = stage.connect(&[("clean", "0"), ("session_expiry", "3600")])?;
    let Packet::Connect(connect) = frame.packet() else { return Err(Stop::Broke(format!("{frame}"))) };
    ensure(!connect.clean_start(), || "the flag for a clean session is set".into())?;
    if stage.version == Version::V5_0 {
        let expiry = connect.properties().iter().find_map(|property| match property {
            Property::SessionExpiryInterval(secs) => Some(secs),
            _ => None,
        });
        ensure(expiry == Some(3600), || format!("the session expires after {expiry:?} s"))?;
    }
    stage.accept(false, &[])
}

fn will(stage: &mut Stage) -> Step {
    let will =
        [("will_topic", "kit/will"), ("will_payload", "gone"), ("will_qos", "1"), ("will_retain", "1")];
    let frame = stage.connect(&will)?;
    let Packet::Connect(connect) = frame.packet() else { return Err(Stop::Broke(format!("{frame}"))) };
    let Some(will) = connect.will() else { return Err(Stop::Broke("CONNECT has no will".into())) };
    let is_right = will.topic.as_str() == "kit/will"
        && will.payload == b"gone"
        && will.qos == QoS::AtLeastOnce
        && will.retain;
    ensure(is_right, || format!("the will is {will}"))?;
    stage.accept(false, &[])
}

fn credentials(stage: &mut Stage) -> Step {
    let frame = stage.connect(&[("username", "ada"), ("password", "se cret")])?;
    let Packet::Connect(connect) = frame.packet() else { return Err(Stop::Broke(format!("{frame}"))) };
    let is_right = connect.user_name() == Some("ada") && connect.password() == Some(b"se cret");
    ensure(is_right, || "the user name or the password is missing or wrong".into())?;
    stage.accept(false, &[])
}

fn no_identifier(stage: &mut Stage) -> Step {
    let line = stage.connect_line(&[("client_id", ""), ("clean", "0")]);
    if let Reply::Error(_why) = stage.ask(&line)? {
        return Ok(());
    }
    let frame = stage.reopened()?;
    let Packet::Connect(connect) = frame.packet() else { return Err(Stop::Broke(format!("{frame}"))) };
    let is_right = !connect.client_id().is_empty() || connect.clean_start();
    ensure(is_right, || "CONNECT has an empty identifier and asks for a persistent session".into())
}

fn refused(stage: &mut Stage) -> Step {
    stage.connect(&[])?;
    let (connack, code) = match stage.version {
        Version::V5_0 => (raw(0x20, &[0, 0x87, 0]), 0x87),
        _ => (raw(0x20, &[0, 5]), 5),
    };
    stage.send(&connack);
    stage.cut();
    let line = stage.report("refused")?;
    // Some libraries translate the return codes of 3.1.1 into the reason codes of 5.0.
    let is_told = line.number("reason").is_some_and(|reason| reason == code || reason == 0x87);
    ensure(is_told, || format!("the driver reports `{line}` for reason {code}"))
}

fn session_unknown(stage: &mut Stage) -> Step {
    stage.connect(&[])?;
    let connack = connack(stage.version, true, &[]);
    stage.send(&connack);
    stage.closed("it has no session").map(drop)
}

fn connack_in_pieces(stage: &mut Stage) -> Step {
    stage.online_persistent()?;
    stage.subscribe("kit/#", QoS::AtLeastOnce)?;
    stage.cut();
    stage.reopened()?;
    let mut bytes = connack(stage.version, true, &[]);
    bytes.extend(Message::new("kit/first", "one", QoS::AtLeastOnce, 1).bytes(stage.version));
    bytes.extend(Message::new("kit/first", "two", QoS::AtLeastOnce, 2).bytes(stage.version));
    for byte in bytes {
        stage.send(&[byte]);
    }
    stage.report("connected")?;
    for payload in ["one", "two"] {
        stage.expect(PacketKind::Puback)?;
        stage.message(payload)?;
    }
    Ok(())
}

fn assigned_identifier(stage: &mut Stage) -> Step {
    let fields = [("client_id", ""), ("clean", "0"), ("session_expiry", "3600")];
    let line = stage.connect_line(&fields);
    if let Reply::Error(why) = stage.ask(&line)? {
        return Err(Stop::NotOffered(why));
    }
    let first = stage.reopened()?;
    let Packet::Connect(connect) = first.packet() else { return Err(Stop::Broke(format!("{first}"))) };
    if !connect.client_id().is_empty() {
        return Err(Stop::NotOffered(format!(
            "the client makes up the identifier `{}`",
            connect.client_id()
        )));
    }
    stage.accept(false, &[Property::AssignedClientIdentifier("assigned-7")])?;
    stage.cut();
    let again = stage.reopened()?;
    let Packet::Connect(connect) = again.packet() else { return Err(Stop::Broke(format!("{again}"))) };
    let is_right = connect.client_id() == "assigned-7";
    ensure(is_right, || {
        format!("the client connects again as `{}`, not as `assigned-7`", connect.client_id())
    })
}

fn keep_alive(stage: &mut Stage) -> Step {
    stage.online(&[("keep_alive", "5")])?;
    pings_within(stage)?;
    pings_within(stage)
}

fn server_keep_alive(stage: &mut Stage) -> Step {
    stage.online_with(&[], &[Property::ServerKeepAlive(5)])?;
    pings_within(stage)
}

/// A PINGREQ comes not later than the keep alive of 5 s after the packet before it.
fn pings_within(stage: &mut Stage) -> Step {
    let before = stage.last_packet_at();
    stage.wait_for(PING_MAX, "PINGREQ", |item| match item {
        Item::Packet(_, frame) => (frame.packet().kind() == PacketKind::Pingreq).then_some(()),
        _ => None,
    })?;
    let waited = stage.last_packet_at().duration_since(before);
    ensure(waited <= PING_MAX, || {
        format!("PINGREQ came {} s after the packet before it", waited.as_secs_f32())
    })
}

fn ping_unanswered(stage: &mut Stage) -> Step {
    stage.answers_pings = false;
    stage.online(&[("keep_alive", "5")])?;
    let start = Instant::now();
    stage.closed_within(Duration::from_secs(16), "PINGRESP is missing")?;
    ensure(start.elapsed() > Duration::from_secs(2), || "it was closed before PINGRESP was due".into())
}

/// The keep alive, and what a packet may need on a busy machine.
const PING_MAX: Duration = Duration::from_millis(5_700);
