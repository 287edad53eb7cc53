//! How connections end: DISCONNECT from either side, and an end without one.

use std::time::Duration;

use mqtt_proto::{Packet, PacketKind, QoS, ReasonCode};

use crate::case::Case;
use crate::line::Line;
use crate::outcome::{Step, Stop, ensure};
use crate::packets;
use crate::stage::{Item, Stage};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "end/disconnect",
        does: "The program disconnects: DISCONNECT with reason 0, nothing behind it, and the client closes.",
        cites: &[
            "[5.0 MQTT-3.14.4-1]",
            "[5.0 MQTT-3.14.4-2]",
            "[5.0 MQTT-3.14.1-1]",
            "[3.1.1 MQTT-3.14.4-1]",
            "[3.1.1 MQTT-3.14.4-2]",
        ],
        is_slow: false,
        play: disconnect,
    },
    Case {
        id: "end/with-will",
        does: "The program disconnects and wants its will published: DISCONNECT has reason 4.",
        cites: &["[5.0 MQTT-3.14.2-1]"],
        is_slow: false,
        play: with_will,
    },
    Case {
        id: "end/stays-away",
        does: "After the program has disconnected, the client does not connect again.",
        cites: &["5.0 section 3.14.4", "3.1.1 section 3.14.4"],
        is_slow: true,
        play: stays_away,
    },
    Case {
        id: "end/server-disconnects",
        does: "The server sends DISCONNECT with \"server shutting down\": the client closes, the program learns the reason.",
        cites: &["5.0 section 3.14.4"],
        is_slow: false,
        play: server_disconnects,
    },
    Case {
        id: "end/cut",
        does: "The connection ends without a word: the program learns it.",
        cites: &["5.0 section 4.13", "3.1.1 section 4.8"],
        is_slow: false,
        play: cut,
    },
    Case {
        id: "end/under-way",
        does: "The program disconnects behind a message of QoS 1: it is sent before DISCONNECT, or reported as failed.",
        cites: &["5.0 section 4.3.2", "3.1.1 section 4.3.2"],
        is_slow: false,
        play: under_way,
    },
];

fn disconnect(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    stage.command(&Line::new("disconnect"))?;
    let frame = stage.expect(PacketKind::Disconnect)?;
    ensure(frame.reason() == Some(ReasonCode::Success), || format!("{frame} comes"))?;
    // A packet behind it would end the case when it comes.
    stage.closed("it has sent DISCONNECT").map(drop)
}

fn with_will(stage: &mut Stage) -> Step {
    stage.online(&[
        ("will_topic", "kit/will"),
        ("will_payload", "gone"),
        ("will_qos", "0"),
        ("will_retain", "0"),
    ])?;
    stage.command(&Line::new("disconnect").with("reason", 4))?;
    let frame = stage.expect(PacketKind::Disconnect)?;
    ensure(frame.reason() == Some(ReasonCode::DisconnectWithWillMessage), || format!("{frame} comes"))?;
    stage.closed("it has sent DISCONNECT").map(drop)
}

fn stays_away(stage: &mut Stage) -> Step {
    disconnect(stage)?;
    stage.none(Duration::from_millis(2_500), "the program has disconnected", |item| {
        matches!(item, Item::Opened(_))
    })
}

fn server_disconnects(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    let bytes = packets::disconnect(ReasonCode::ServerShuttingDown);
    stage.send(&bytes);
    stage.closed("the server has sent DISCONNECT")?;
    let line = stage.report("disconnected")?;
    let reason = line.number("reason");
    ensure(reason == Some(0x8b), || format!("the program learns `{line}` where the server says 0x8b"))
}

fn cut(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    stage.cut();
    stage.report("disconnected").map(drop)
}

fn under_way(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    let number = stage.publish("kit/out", "last", QoS::AtLeastOnce)?;
    stage.command(&Line::new("disconnect"))?;
    let mut is_sent = false;
    let is_due = |kind| matches!(kind, PacketKind::Publish | PacketKind::Disconnect);
    loop {
        let frame = stage.expect_that("PUBLISH or DISCONNECT", |frame| is_due(frame.packet().kind()));
        match frame {
            Ok(frame) if frame.publish().is_some() => {
                is_sent = true;
                stage.acknowledge(Packet::Puback, frame.id());
            }
            Ok(_disconnect) => break,
            Err(stop) if !is_sent => {
                return Err(stop);
            }
            Err(_closed) => break,
        }
    }
    if is_sent {
        return Ok(());
    }
    let failed = stage.report_of("failed", number);
    failed.map(drop).map_err(|_| Stop::Broke("the message is neither sent nor reported as failed".into()))
}
