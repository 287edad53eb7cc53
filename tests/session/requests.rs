//! Requests and responses: where responses come, what they answer, and how a request ends that gets none.

use mqtt_proto::{
    EncodeError, Packet, PacketId, Properties, Property, PropertyId, PropertyOwner, QoS, TopicName, Version,
    Version::V5_0, decode,
};
use mqtt_session::{Command, Config, Publish, SessionRefusal, Waits};

use crate::harness::{Talk, clean, message, persistent, secs};

/// A session that is online and has subscribed to its responses by a first request, ticket 2, which is answered.
fn asked() -> (Talk, Vec<u8>) {
    let mut talk = Talk::online(V5_0);
    talk.request("ask", QoS::AtMostOnce, "1");
    let correlation = take_correlation(&mut talk).pop().expect("a request was sent");
    talk.server_says("SUBACK id1 0x02");
    answer(&mut talk, &correlation, "QoS 0", None);
    talk.events(["ended 4 done 0x02", "response 2 responses/c qos0 for=2 \"QoS 0\"", "ended 2 done 0x00"]);
    (talk, correlation)
}

/// Sends what is due, and returns the Correlation Data of the requests in it.
fn take_correlation(talk: &mut Talk) -> Vec<Vec<u8>> {
    let bytes = talk.take_bytes();
    let mut rest = bytes.as_slice();
    let mut found = Vec::new();
    while let Ok(Some(len)) = mqtt_proto::frame_len(rest, u32::MAX) {
        let context = mqtt_proto::Context { version: V5_0, sender: Some(mqtt_proto::Sender::Client) };
        if let Ok(Packet::Publish(publish)) = decode(&rest[..len], context) {
            found.extend(publish.properties.correlation_data().map(<[u8]>::to_vec));
        }
        rest = &rest[len..];
    }
    found
}

/// The responder answers; with QoS 1 under that identifier.
fn answer(talk: &mut Talk, correlation: &[u8], payload: &str, id: Option<u16>) {
    let properties = [Property::CorrelationData(correlation)];
    let publish = mqtt_proto::Publish {
        dup: false,
        qos: if id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce },
        retain: false,
        topic: TopicName::new("responses/c").expect("a topic name"),
        packet_id: id.and_then(PacketId::new),
        properties: Properties::new(&properties),
        payload: payload.as_bytes(),
    };
    let mut bytes = Vec::new();
    publish.encode(V5_0, &mut bytes).expect("it has an encoding");
    talk.server_sends(&bytes);
}

#[test]
fn the_first_request_subscribes_before_it_asks() {
    let mut talk = Talk::online(V5_0);
    let ticket = talk.request("ask", QoS::AtLeastOnce, "what?");
    talk.sends([
        "SUBSCRIBE id1 responses/c:2",
        "PUBLISH ask qos1 id2 ResponseTopic(\"responses/c\") for=2 \"what?\"",
    ]);
    assert_eq!(ticket, 2);
    talk.server_says("SUBACK id1 0x02");
    talk.server_says("PUBACK id2");
    talk.events(["ended 4 done 0x02"]);
    assert_eq!(talk.explain(2).waits, Waits::Response);
    let second = talk.request("ask", QoS::AtMostOnce, "and?");
    talk.sends([&format!("PUBLISH ask qos0 ResponseTopic(\"responses/c\") for={second} \"and?\"")]);
}

#[test]
fn many_requests_are_answered_in_any_order() {
    let (mut talk, _) = asked();
    let tickets = ["a", "b", "c"].map(|text| talk.request("ask", QoS::AtMostOnce, text));
    let asked = take_correlation(&mut talk);
    for index in [1, 2, 0] {
        answer(&mut talk, &asked[index], "yes", None);
        talk.events([
            &format!("response {0} responses/c qos0 for={0} \"yes\"", tickets[index]),
            &format!("ended {} done 0x00", tickets[index]),
        ]);
    }
}

#[test]
fn a_response_with_qos_1_waits_for_its_acknowledgement() {
    let (mut talk, _) = asked();
    let ticket = talk.request("ask", QoS::AtMostOnce, "x");
    let asked = take_correlation(&mut talk);
    answer(&mut talk, &asked[0], "yes", Some(9));
    talk.sends_nothing();
    let events = talk.take_events();
    assert_eq!(events[0], format!("response {ticket} responses/c qos1 for={ticket} \"yes\""));
    talk.acknowledge(0);
    talk.sends(["PUBACK id9"]);
}

#[test]
fn a_response_may_come_before_the_request_is_acknowledged() {
    let (mut talk, _) = asked();
    let ticket = talk.request("ask", QoS::ExactlyOnce, "x");
    let asked = take_correlation(&mut talk);
    answer(&mut talk, &asked[0], "early", None);
    talk.events([
        &format!("response {ticket} responses/c qos0 for={ticket} \"early\""),
        &format!("ended {ticket} done 0x00"),
    ]);
    talk.server_says("PUBREC id2");
    talk.server_says("PUBCOMP id2");
    talk.no_events();
}

#[test]
fn a_response_that_nobody_waits_for_is_counted_and_acknowledged() {
    let (mut talk, correlation) = asked();
    answer(&mut talk, &correlation, "again", Some(9));
    answer(&mut talk, b"", "whose?", None);
    answer(&mut talk, b"of an earlier program", "whose?", None);
    talk.no_events();
    talk.sends(["PUBACK id9"]);
    assert_eq!(talk.stats().responses_dropped, 3);
}

#[test]
fn other_messages_are_messages() {
    let (mut talk, _) = asked();
    talk.server_says("PUBLISH responses/other qos0 \"x\"");
    talk.events(["message responses/other qos0 \"x\""]);
}

#[test]
fn a_request_survives_a_reconnect() {
    let (mut talk, _) = asked();
    let waiting = talk.request("ask", QoS::AtLeastOnce, "waiting");
    let on_the_way = talk.request("ask", QoS::AtLeastOnce, "on the way");
    let asked = take_correlation(&mut talk);
    talk.server_says("PUBACK id2");
    talk.cut_and_reconnect("CONNACK present");
    talk.sends([&format!(
        "PUBLISH ask qos1 id3 dup ResponseTopic(\"responses/c\") for={on_the_way} \"on the way\""
    )]);
    answer(&mut talk, &asked[0], "1", None);
    answer(&mut talk, &asked[1], "2", None);
    let events = talk.take_events();
    assert!(events[0].starts_with(&format!("response {waiting} ")), "{events:?}");
    assert!(events[2].starts_with(&format!("response {on_the_way} ")), "{events:?}");
}

#[test]
fn responses_are_subscribed_to_anew_before_requests_are_repeated() {
    let (mut talk, _) = asked();
    let ticket = talk.request("ask", QoS::AtLeastOnce, "x");
    talk.take_bytes();
    talk.cut_and_reconnect("CONNACK");
    talk.sends([
        "SUBSCRIBE id3 responses/c:2",
        &format!("PUBLISH ask qos1 id4 ResponseTopic(\"responses/c\") for={ticket} \"x\""),
    ]);
}

#[test]
fn a_request_ends_as_its_message_does() {
    let (mut talk, _) = asked();
    let ticket = talk.request("ask", QoS::AtLeastOnce, "x");
    talk.take_bytes();
    talk.server_says("PUBACK id2 0x10");
    talk.events([&format!("ended {ticket} rejected NoResponder")]);
    let ticket = talk.request("ask", QoS::AtLeastOnce, "x");
    talk.take_bytes();
    talk.server_says("PUBACK id3 0x87");
    talk.events([&format!("ended {ticket} rejected ByServer(NotAuthorized)")]);
}

#[test]
fn a_timeout_says_whether_the_request_can_have_arrived() {
    let (mut talk, _) = asked();
    let within = |qos| Command::Request(Publish { timeout: Some(secs(2)), ..message("ask", qos, "x") });
    let answered_late = talk.submit(within(QoS::AtMostOnce)).expect("accepted");
    let sent = talk.submit(within(QoS::AtLeastOnce)).expect("accepted");
    let asked = take_correlation(&mut talk);
    talk.cut();
    let withdrawn = talk.submit(within(QoS::AtMostOnce)).expect("accepted");
    assert!(matches!(talk.explain(withdrawn).waits, Waits::Turn { .. }));
    talk.wait(secs(2));
    let events = talk.take_events();
    for expected in [
        format!("ended {answered_late} indeterminate TimedOut"),
        format!("ended {sent} indeterminate TimedOut"),
        format!("ended {withdrawn} rejected TimedOut"),
    ] {
        assert_eq!(events.iter().filter(|event| **event == expected).count(), 1, "{expected}: {events:?}");
    }
    talk.wait_for_dial();
    talk.accept("CONNACK present");
    // The exchange of the one with QoS 1 goes on, and nobody is told of it any more.
    assert_eq!(talk.take_sent().len(), 1);
    talk.server_says("PUBACK id2");
    answer(&mut talk, &asked[0], "late", None);
    talk.events(["online present"]);
    assert_eq!(talk.stats().responses_dropped, 1);
}

#[test]
fn a_timeout_can_be_set_later() {
    let (mut talk, _) = asked();
    let ticket = talk.request("ask", QoS::AtMostOnce, "x");
    talk.take_bytes();
    talk.set_timeout(ticket, secs(1));
    talk.wait(secs(1));
    talk.events([&format!("ended {ticket} indeterminate TimedOut")]);
}

#[test]
fn a_server_that_refuses_the_subscription_ends_the_requests_and_a_later_one_tries_again() {
    let mut talk = Talk::online(V5_0);
    talk.request("ask", QoS::AtMostOnce, "x");
    talk.take_bytes();
    talk.server_says("SUBACK id1 0x87");
    talk.events(["ended 4 rejected ByServer(NotAuthorized)", "ended 2 indeterminate NoResponses"]);
    talk.request("ask", QoS::AtMostOnce, "y");
    let sent = talk.take_sent();
    assert_eq!(sent[0], "SUBSCRIBE id2 responses/c:2");
}

#[test]
fn a_client_that_stops_waits_for_no_response() {
    let (mut talk, _) = asked();
    let ticket = talk.request("ask", QoS::AtMostOnce, "x");
    talk.take_bytes();
    let last = talk.disconnect(secs(5));
    talk.sends(["DISCONNECT"]);
    talk.cut();
    talk.events([
        "offline: disconnected as asked; stop",
        &format!("ended {ticket} indeterminate Disconnected"),
        &format!("ended {last} done 0x00"),
    ]);
}

#[test]
fn where_responses_come_is_configured_told_by_the_server_or_follows_from_the_name() {
    let topic_of = |config: Config, connack: &str| {
        let mut talk = Talk::new(config);
        talk.connect();
        talk.opened();
        talk.take_bytes();
        talk.server_says(connack);
        talk.request("ask", QoS::AtMostOnce, "x");
        talk.take_sent()[0].clone()
    };
    let configured = persistent(V5_0).response_topic(Some("my/answers".into()));
    assert_eq!(topic_of(configured, "CONNACK response_base=base"), "SUBSCRIBE id1 my/answers:2");
    let told = persistent(V5_0).asks_response_information(true);
    assert_eq!(topic_of(told, "CONNACK response_base=base/7"), "SUBSCRIBE id1 base/7/responses:2");
    let nameless = clean(V5_0).client_id(String::new());
    assert_eq!(topic_of(nameless, "CONNACK client_id=given"), "SUBSCRIBE id1 responses/given:2");
}

/// [5.0 MQTT-3.1.2-28]
#[test]
fn the_server_is_asked_for_its_topic_only_if_that_is_wanted() {
    for asks_response_information in [false, true] {
        let mut talk = Talk::new(persistent(V5_0).asks_response_information(asks_response_information));
        talk.connect();
        talk.opened();
        let sent = talk.take_sent();
        assert_eq!(sent[0].contains("RequestResponseInformation(1)"), asks_response_information, "{sent:?}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused_and_leaves_nothing_behind() {
    let mut talk = Talk::online(Version::V3_1_1);
    let refused = talk.submit(Command::Request(message("ask", QoS::AtMostOnce, "x")));
    assert!(matches!(refused, Err(SessionRefusal::Encode(EncodeError::NeedsVersion5(_)))));

    let mut talk = Talk::new(clean(V5_0).client_id(String::new()));
    talk.connect();
    let refused = talk.submit(Command::Request(message("ask", QoS::AtMostOnce, "x")));
    assert_eq!(refused, Err(SessionRefusal::NoResponseTopic));

    let mut talk = Talk::new(persistent(V5_0).client_id("a/#".into()));
    talk.connect();
    let refused = talk.submit(Command::Request(message("ask", QoS::AtMostOnce, "x")));
    assert!(matches!(refused, Err(SessionRefusal::ResponseTopic(_))), "{refused:?}");

    let mut talk = Talk::online(V5_0);
    let own = [Property::CorrelationData(b"mine")];
    let publish = Publish { properties: Properties::new(&own), ..message("ask", QoS::AtMostOnce, "x") };
    let not_allowed =
        EncodeError::PropertyNotAllowed { id: PropertyId::CorrelationData, owner: PropertyOwner::Publish };
    assert_eq!(talk.submit(Command::Request(publish)), Err(SessionRefusal::Encode(not_allowed)));
    talk.sends_nothing();
    let config = persistent(V5_0).subscriptions_max(0);
    let mut talk = Talk::online_with(config, "CONNACK");
    let refused = talk.submit(Command::Request(message("ask", QoS::AtMostOnce, "x")));
    assert!(matches!(refused, Err(SessionRefusal::TooManySubscriptions { .. })));
    talk.sends_nothing();
    talk.no_events();
}

#[test]
fn properties_of_the_application_go_with_the_request() {
    let (mut talk, _) = asked();
    let own = [Property::ContentType("text"), Property::MessageExpiryInterval(9)];
    let publish = Publish { properties: Properties::new(&own), ..message("ask", QoS::AtMostOnce, "x") };
    talk.submit(Command::Request(publish)).expect("accepted");
    let sent = talk.take_sent();
    assert!(sent[0].contains("MessageExpiryInterval(9) ContentType(\"text\") ResponseTopic"), "{sent:?}");
}
