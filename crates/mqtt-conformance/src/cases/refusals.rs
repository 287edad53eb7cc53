//! What a program must not be able to send: the library refuses it, or sends something that keeps the rules.

use std::time::Duration;

use mqtt_proto::QoS;

use crate::case::Case;
use crate::line::Line;
use crate::outcome::{Step, ensure};
use crate::stage::{Reply, Stage};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "refuse/topic-wildcard",
        does: "The program publishes to `kit/+` and to `kit/#`: nothing is sent.",
        cites: &["[5.0 MQTT-3.3.2-2]", "[5.0 MQTT-4.7.0-1]", "[3.1.1 MQTT-3.3.2-2]", "[3.1.1 MQTT-4.7.1-1]"],
        is_slow: false,
        play: |stage| publishes(stage, &["kit/+", "kit/#"]),
    },
    Case {
        id: "refuse/topic-empty",
        does: "The program publishes to an empty topic: nothing is sent.",
        cites: &["[5.0 MQTT-4.7.3-1]", "[3.1.1 MQTT-4.7.3-1]"],
        is_slow: false,
        play: |stage| publishes(stage, &[""]),
    },
    Case {
        id: "refuse/topic-nul",
        does: "The program publishes to a topic with U+0000: nothing is sent.",
        cites: &["[5.0 MQTT-4.7.3-2]", "[5.0 MQTT-1.5.4-2]", "[3.1.1 MQTT-4.7.3-2]", "[3.1.1 MQTT-1.5.3-2]"],
        is_slow: false,
        play: |stage| publishes(stage, &["kit/\0"]),
    },
    Case {
        id: "refuse/topic-long",
        does: "The program publishes to a topic of 65,536 bytes: nothing is sent.",
        cites: &["[5.0 MQTT-4.7.3-3]", "[3.1.1 MQTT-4.7.3-3]"],
        is_slow: false,
        play: |stage| publishes(stage, &[&"x".repeat(65_536)]),
    },
    Case {
        id: "refuse/filter-wildcard",
        does: "The program subscribes to `kit/a#`, `kit/#/a` and `kit/a+`: nothing is sent.",
        cites: &["[5.0 MQTT-4.7.1-1]", "[5.0 MQTT-4.7.1-2]", "[3.1.1 MQTT-4.7.1-2]", "[3.1.1 MQTT-4.7.1-3]"],
        is_slow: false,
        play: |stage| subscribes(stage, &["kit/a#", "kit/#/a", "kit/a+"]),
    },
    Case {
        id: "refuse/filter-empty",
        does: "The program subscribes to an empty filter: nothing is sent.",
        cites: &["[5.0 MQTT-4.7.3-1]", "[3.1.1 MQTT-4.7.3-1]"],
        is_slow: false,
        play: |stage| subscribes(stage, &[""]),
    },
    Case {
        id: "refuse/filter-nul",
        does: "The program subscribes to a filter with U+0000: nothing is sent.",
        cites: &["[5.0 MQTT-4.7.3-2]", "[3.1.1 MQTT-4.7.3-2]"],
        is_slow: false,
        play: |stage| subscribes(stage, &["kit/\0"]),
    },
    Case {
        id: "refuse/filter-shared",
        does: "The program subscribes to `$share/a`, `$share//kit` and `$share/a+/kit`: nothing is sent.",
        cites: &["[5.0 MQTT-4.8.2-1]", "[5.0 MQTT-4.8.2-2]"],
        is_slow: false,
        play: |stage| subscribes(stage, &["$share/a", "$share//kit", "$share/a+/kit"]),
    },
    Case {
        id: "refuse/shared-no-local",
        does: "The program asks for No Local on a shared subscription: nothing is sent, or not with the option.",
        cites: &["[5.0 MQTT-3.8.3-4]"],
        is_slow: false,
        play: shared_no_local,
    },
    Case {
        id: "refuse/lives-on",
        does: "A wrong topic and a wrong filter are refused; what the program publishes next is sent.",
        cites: &["5.0 section 4.7", "3.1.1 section 4.7"],
        is_slow: false,
        play: lives_on,
    },
];

/// Asks for each; what is sent all the same is decoded as it comes, and ends the case if it breaks a rule.
fn publishes(stage: &mut Stage, topics: &[&str]) -> Step {
    stage.online(&[])?;
    for topic in topics {
        let (_id, line) = stage.publish_line(topic, "wrong", QoS::AtLeastOnce);
        stage.ask(&line)?;
        let what = "the program has published to no topic name";
        stage.no_packet(QUIET, what, |frame| {
            frame.publish().is_some_and(|publish| publish.topic.as_bytes() == topic.as_bytes())
        })?;
    }
    Ok(())
}

fn subscribes(stage: &mut Stage, filters: &[&str]) -> Step {
    stage.online(&[])?;
    for filter in filters {
        let line = Line::new("subscribe").with("id", stage.number()).with("filter", filter).with("qos", 1);
        stage.ask(&line)?;
        let what = "the program has subscribed to no topic filter";
        stage.no_packet(QUIET, what, |frame| frame.id() != 0)?;
    }
    Ok(())
}

fn shared_no_local(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    let line =
        Line::new("subscribe").with("id", stage.number()).with("filter", "$share/a/kit").with("qos", 1);
    stage.ask(&line.with("no_local", 1))?;
    // The decoder refuses the combination.
    stage.no_packet(QUIET, "", |_frame| false)?;
    Ok(())
}

fn lives_on(stage: &mut Stage) -> Step {
    stage.online(&[])?;
    let (_id, publish) = stage.publish_line("kit/#", "wrong", QoS::AtLeastOnce);
    let subscribe =
        Line::new("subscribe").with("id", stage.number()).with("filter", "kit/#/a").with("qos", 1);
    for line in [publish, subscribe] {
        let reply = stage.ask(&line)?;
        ensure(reply != Reply::Ok || !stage.has_ended(), || format!("the program ends over `{line}`"))?;
    }
    stage.publish("kit/out", "right", QoS::AtLeastOnce)?;
    stage.expect_publish("right").map(drop)
}

/// How long nothing must come; what would come is on its way within milliseconds.
const QUIET: Duration = Duration::from_millis(200);
