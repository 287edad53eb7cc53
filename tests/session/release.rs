//! PUBREL: what it ends, and when it may come.

use mqtt_proto::Version::{V3_1_1, V5_0};

use crate::harness::{BOTH, Talk, secs};

/// [5.0 MQTT-4.3.3-11] [5.0 MQTT-4.3.3-12] [3.1.1 MQTT-4.3.3-2]
#[test]
fn after_pubrel_the_same_identifier_is_a_new_message() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos2 id5 \"1\"");
        talk.take_events();
        talk.acknowledge(0);
        talk.server_says("PUBREL id5");
        talk.sends(["PUBREC id5", "PUBCOMP id5"]);
        talk.server_says("PUBLISH a qos2 id5 \"2\"");
        talk.events(["message a qos2 \"2\""]);
        talk.acknowledge(0);
        talk.acknowledge(1);
        talk.sends(["PUBREC id5"]);
    }
}

/// [5.0 MQTT-4.3.3-11]
#[test]
fn a_pubrel_for_an_unknown_identifier_is_answered() {
    for (version, pubcomp) in [(V3_1_1, "PUBCOMP id5"), (V5_0, "PUBCOMP id5 0x92")] {
        let mut talk = Talk::online(version);
        talk.server_says("PUBREL id5");
        talk.sends([pubcomp]);
        talk.no_events();
    }
}

/// It would release a message whose PUBREC was never sent, and whose receipt would then meet another message.
#[test]
fn a_pubrel_before_our_pubrec_is_a_fault() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos2 id5 \"x\"");
        talk.server_says("PUBREL id5");
        talk.events([
            "message a qos2 \"x\"",
            "offline: the server broke the protocol: PUBREL may not come now; retry",
        ]);
    }
}

/// The application has taken it, and its PUBREC waits behind the acknowledgement of an earlier message.
#[test]
fn a_pubrel_for_a_pubrec_that_waits_for_its_turn_is_a_fault() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos1 id1 \"1\"");
        talk.server_says("PUBLISH a qos2 id3 \"2\"");
        talk.take_events();
        talk.acknowledge(1);
        talk.server_says("PUBREL id3");
        talk.events(["offline: the server broke the protocol: PUBREL may not come now; retry"]);
    }
}

/// The second PUBREC comes too late to be answered by the PUBREL that a disconnection would wait for.
#[test]
fn a_repetition_that_is_answered_after_its_pubrel_holds_no_disconnection_up() {
    for version in BOTH {
        let mut talk = Talk::online(version);
        talk.server_says("PUBLISH a qos2 id3 \"2\"");
        talk.take_events();
        talk.acknowledge(0);
        talk.sends(["PUBREC id3"]);
        talk.server_says("PUBLISH a qos1 id1 \"1\"");
        talk.server_says("PUBLISH a qos2 id3 dup \"2\"");
        talk.server_says("PUBREL id3");
        talk.take_events();
        talk.acknowledge(1);
        talk.disconnect(secs(10));
        talk.sends(["PUBCOMP id3", "PUBACK id1", "PUBREC id3", "DISCONNECT"]);
    }
}
