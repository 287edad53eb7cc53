//! Message Expiry Interval: it counts from the submission, and goes on while the message waits.

use mqtt_proto::{Properties, Property, QoS, Version::V5_0};

use crate::harness::{Talk, secs};

#[test]
fn the_interval_shrinks_while_the_message_waits() {
    let mut talk = Talk::online_with(crate::harness::persistent(V5_0), "CONNACK receive_max=1");
    let properties = [Property::MessageExpiryInterval(100), Property::ContentType("t")];
    talk.publish("a", QoS::AtLeastOnce, "first");
    talk.publish_saying(QoS::AtLeastOnce, "x", Properties::new(&properties));
    talk.take_bytes();
    talk.wait(std::time::Duration::from_millis(30_500));
    talk.server_says("PUBACK id1");
    let sent = talk.take_sent();
    assert_eq!(sent, ["PUBLISH a qos1 id2 MessageExpiryInterval(70) ContentType(\"t\") \"x\""]);
}

#[test]
fn the_interval_goes_out_as_it_came_in_if_nothing_holds_the_message_up() {
    let mut talk = Talk::online(V5_0);
    let properties = [Property::MessageExpiryInterval(100)];
    talk.publish_saying(QoS::AtMostOnce, "x", Properties::new(&properties));
    talk.sends(["PUBLISH a qos0 MessageExpiryInterval(100) \"x\""]);
}

#[test]
fn a_message_that_expires_while_it_waits_is_rejected() {
    let mut talk = Talk::online(V5_0);
    talk.cut();
    let properties = [Property::MessageExpiryInterval(3)];
    talk.publish_saying(QoS::AtMostOnce, "x", Properties::new(&properties));
    talk.publish_saying(QoS::ExactlyOnce, "y", Properties::new(&properties));
    talk.publish("a", QoS::AtLeastOnce, "z");
    talk.offline_for(secs(10), "CONNACK present");
    talk.sends(["PUBLISH a qos1 id1 \"z\""]);
    talk.events(["online present", "ended 2 rejected Expired", "ended 3 rejected Expired"]);
    assert_eq!(talk.stats().messages_sent, 1);
}
