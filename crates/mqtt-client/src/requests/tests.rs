//! Requests and responses: where responses come, what they answer, and how a request ends that gets none.

use std::time::Duration;

use bytes::BytesMut;
use mqtt_proto::{
    Ack, Connack, Context, Packet, PacketId, PropertyId, ReasonCodes, Sender, Suback, Version, decode,
    frame_len,
};
use mqtt_session::{Config, Disconnect, Indeterminate, OfflineCause, Session, TransmitBuf, Waits};

use super::*;
use crate::routes::{Queue, Routes};
use crate::state::State;

const DONE: Outcome = Outcome::Done(ReasonCode::Success);

/// A client without a driver, and the server that the test plays.
struct Talk {
    state: State,
    now: Instant,
    input: BytesMut,
    /// The Correlation Data of all requests that were sent.
    asked: Vec<Vec<u8>>,
}

fn persistent() -> Config {
    Config::new("c").clean_session(false).topic_aliases_max(0).subscription_identifiers(false)
}

fn message<'a>(qos: QoS, payload: &'static str) -> Publish<'a> {
    Publish { qos, ..Publish::new(TopicName::new("ask").expect("a topic name"), payload) }
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).expect("not 0")
}

impl Talk {
    /// A client that waits for CONNACK.
    fn connecting(config: Config, topic: Option<&str>) -> Talk {
        let machine = Machine::new(Session::new(config, 7), None);
        let requests = Requests::new(7, topic.map(String::from));
        let state = State::new(machine, requests, Routes::new(1 << 20, Duration::from_secs(10)));
        let mut talk =
            Talk { state, now: Instant::from_millis(1), input: BytesMut::new(), asked: Vec::new() };
        talk.submit(&Command::Connect);
        talk.happen(Input::Opened);
        talk.sent();
        talk
    }

    fn online(config: Config) -> Talk {
        let mut talk = Talk::connecting(config, None);
        talk.accept(false, &[]);
        talk
    }

    /// A client whose first request was answered.
    fn asked() -> Talk {
        let mut talk = Talk::online(persistent());
        let first = talk.request(QoS::AtMostOnce, "1");
        talk.sent();
        talk.suback(1, ReasonCode::GrantedQoS2);
        let correlation = talk.asked.remove(0);
        talk.answer(&correlation, "QoS 0", None);
        assert_eq!(talk.response(first), "QoS 0");
        talk
    }

    fn happen(&mut self, input: Input<'_>) {
        self.state.session.notify(self.now, input);
        self.state.pass_events_on(self.now);
    }

    fn submit(&mut self, command: &Command<'_>) -> Ticket {
        let ticket = submit(self.now, command, &mut self.state.session).expect("accepted");
        self.state.waiters.register(ticket);
        self.state.pass_events_on(self.now);
        ticket
    }

    fn try_request(&mut self, publish: &Publish<'_>) -> Result<Ticket, PublishError> {
        let State { requests, session, waiters, .. } = &mut self.state;
        let asked = requests.ask(self.now, publish, session);
        asked.iter().for_each(|ticket| waiters.register(*ticket));
        self.state.pass_events_on(self.now);
        asked
    }

    fn request(&mut self, qos: QoS, payload: &'static str) -> Ticket {
        self.try_request(&message(qos, payload)).expect("accepted")
    }

    fn server_says(&mut self, packet: Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(Version::V5_0, &mut bytes).expect("it has an encoding");
        self.input.extend_from_slice(&bytes);
        self.state.session.notify(self.now, Input::Bytes(&mut self.input));
        self.state.pass_events_on(self.now);
    }

    fn accept(&mut self, session_present: bool, properties: &[Property<'_>]) {
        let properties = Properties::new(properties);
        self.server_says(Packet::Connack(Connack {
            session_present,
            reason: ReasonCode::Success,
            properties,
        }));
    }

    fn suback(&mut self, packet_id: u16, code: ReasonCode) {
        let (packet_id, properties, codes) = (id(packet_id), Properties::EMPTY, [code]);
        self.server_says(Packet::Suback(Suback { packet_id, properties, codes: ReasonCodes::new(&codes) }));
    }

    fn puback(&mut self, packet_id: u16, reason: ReasonCode) {
        self.server_says(Packet::Puback(Ack::with_reason(id(packet_id), reason)));
    }

    /// The responder answers; with QoS 1 under that identifier.
    fn answer(&mut self, correlation: &[u8], payload: &str, id: Option<u16>) {
        self.server_says(Packet::Publish(mqtt_proto::Publish {
            dup: false,
            qos: if id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce },
            retain: false,
            topic: TopicName::new("responses/c").expect("a topic name"),
            packet_id: id.and_then(PacketId::new),
            properties: Properties::new(&[Property::CorrelationData(correlation)]),
            payload: payload.as_bytes(),
        }));
    }

    fn reconnect(&mut self, session_present: bool) {
        self.happen(Input::Closed(OfflineCause::TransportClosed));
        while self.state.session.status() != mqtt_session::Status::Dialing {
            self.now = self.state.session.poll_timeout().expect("it waits for the next attempt");
            self.happen(Input::Timeout);
        }
        self.happen(Input::Opened);
        self.sent();
        self.accept(session_present, &[]);
    }

    /// What is due is sent: packets with their identifiers, topics and payloads.
    fn sent(&mut self) -> Vec<String> {
        let mut out = TransmitBuf::new();
        while self.state.session.poll_transmit(self.now, &mut out) {}
        self.state.pass_events_on(self.now);
        let bytes: Vec<u8> = out.chunks().flatten().copied().collect();
        let mut rest = bytes.as_slice();
        let mut sent = Vec::new();
        while let Ok(Some(len)) = frame_len(rest, u32::MAX) {
            let context = Context { version: Version::V5_0, sender: Some(Sender::Client) };
            sent.push(match decode(&rest[..len], context).expect("it is legal") {
                Packet::Publish(publish) => {
                    self.asked.extend(publish.properties.correlation_data().map(<[u8]>::to_vec));
                    let where_to = publish.properties.response_topic().unwrap_or("nowhere");
                    let dup = if publish.dup { " dup" } else { "" };
                    format!("{:?}{dup} to {where_to}", String::from_utf8_lossy(publish.payload))
                }
                Packet::Subscribe(subscribe) => {
                    let filter = subscribe.filters.iter().next().expect("there is one").filter;
                    format!("SUBSCRIBE {} {}", subscribe.packet_id, filter.as_str())
                }
                other => other.kind().to_string(),
            });
            rest = &rest[len..];
        }
        sent
    }

    fn wait(&mut self, secs: u64) {
        self.now = self.now + Duration::from_secs(secs);
        self.state.handle_timeout(self.now);
        self.state.pass_events_on(self.now);
    }

    fn outcome(&self, ticket: Ticket) -> Option<Outcome> {
        self.state.waiters.outcome(ticket)
    }

    fn response(&mut self, ticket: Ticket) -> String {
        assert_eq!(self.outcome(ticket), Some(DONE));
        let response = self.state.responses.remove(&ticket).expect("it was answered");
        String::from_utf8_lossy(response.payload()).into_owned()
    }
}

#[test]
fn the_first_request_subscribes_before_it_asks() {
    let mut talk = Talk::online(persistent());
    let ticket = talk.request(QoS::AtLeastOnce, "what?");
    assert_eq!(talk.sent(), ["SUBSCRIBE 1 responses/c", "\"what?\" to responses/c"]);
    assert!(matches!(talk.state.explain(ticket).waits, Waits::Answer(_)));
    talk.suback(1, ReasonCode::GrantedQoS2);
    talk.puback(2, ReasonCode::Success);
    assert_eq!((talk.outcome(ticket), talk.state.explain(ticket).waits), (None, Waits::Response));
    talk.request(QoS::AtMostOnce, "and?");
    assert_eq!(talk.sent(), ["\"and?\" to responses/c"]);
}

#[test]
fn many_requests_are_answered_in_any_order() {
    let mut talk = Talk::asked();
    let tickets = ["a", "b", "c"].map(|text| talk.request(QoS::AtMostOnce, text));
    talk.sent();
    for index in [1, 2, 0] {
        assert_eq!(talk.outcome(tickets[index]), None);
        let correlation = talk.asked[index].clone();
        talk.answer(&correlation, "yes", None);
        assert_eq!(talk.response(tickets[index]), "yes");
    }
}

#[test]
fn a_response_with_qos_1_is_acknowledged() {
    let mut talk = Talk::asked();
    let ticket = talk.request(QoS::AtMostOnce, "x");
    talk.sent();
    let correlation = talk.asked[0].clone();
    talk.answer(&correlation, "yes", Some(9));
    assert_eq!(talk.sent(), ["PUBACK"]);
    assert_eq!(talk.response(ticket), "yes");
}

#[test]
fn a_response_may_come_before_the_request_is_acknowledged() {
    let mut talk = Talk::asked();
    let ticket = talk.request(QoS::ExactlyOnce, "x");
    talk.sent();
    let correlation = talk.asked[0].clone();
    talk.answer(&correlation, "early", None);
    assert_eq!(talk.response(ticket), "early");
    talk.server_says(Packet::Pubrec(Ack::success(id(2))));
    talk.server_says(Packet::Pubcomp(Ack::success(id(2))));
    assert_eq!((talk.outcome(ticket), talk.state.requests.open.len()), (Some(DONE), 0));
}

#[test]
fn a_response_that_nobody_waits_for_is_counted_and_acknowledged() {
    let mut talk = Talk::asked();
    let ticket = talk.request(QoS::AtMostOnce, "x");
    talk.sent();
    let correlation = talk.asked[0].clone();
    talk.answer(&correlation, "yes", None);
    talk.answer(&correlation, "again", Some(9));
    talk.answer(b"", "whose?", None);
    talk.answer(b"of an earlier program", "whose?", None);
    assert_eq!(talk.sent(), ["PUBACK"]);
    assert_eq!(talk.response(ticket), "yes");
    assert_eq!(talk.state.stats().responses_dropped, 3);
}

#[test]
fn a_response_to_an_earlier_program_ends_no_request_of_this_one() {
    let mut talk = Talk::asked();
    let ticket = talk.request(QoS::AtMostOnce, "x");
    let earlier = Requests::new(8, None).correlation(ticket);
    talk.answer(&earlier, "late", None);
    assert_eq!((talk.outcome(ticket), talk.state.stats().responses_dropped), (None, 1));
}

#[test]
fn other_messages_are_messages() {
    let mut talk = Talk::asked();
    let (routes, mut env) = talk.state.routes(talk.now);
    let filter = TopicFilter::new("#").expect("a filter");
    let owed = |taker| crate::filters::Target { taker, acknowledge: crate::filters::Acknowledge::WhenTaken };
    routes.add_receive(filter, None, owed, &mut env);
    talk.answer(b"", "whose?", None);
    assert!(talk.state.take(Queue::Received).is_none(), "a response is nobody else's message");
    talk.server_says(Packet::Publish(mqtt_proto::Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: TopicName::new("responses/other").expect("a topic name"),
        packet_id: None,
        properties: Properties::EMPTY,
        payload: b"x",
    }));
    assert_eq!(talk.state.take(Queue::Received).expect("it came").payload(), b"x");
}

#[test]
fn a_request_survives_a_reconnect() {
    let mut talk = Talk::asked();
    let waiting = talk.request(QoS::AtLeastOnce, "waiting");
    let on_the_way = talk.request(QoS::AtLeastOnce, "on the way");
    talk.sent();
    talk.puback(2, ReasonCode::Success);
    talk.reconnect(true);
    let asked = talk.asked.clone();
    assert_eq!(talk.sent(), ["\"on the way\" dup to responses/c"]);
    talk.answer(&asked[0], "1", None);
    talk.answer(&asked[1], "2", None);
    assert_eq!((talk.response(waiting), talk.response(on_the_way)), ("1".into(), "2".into()));
}

#[test]
fn responses_are_subscribed_to_anew_before_requests_are_repeated() {
    let mut talk = Talk::asked();
    talk.request(QoS::AtLeastOnce, "x");
    talk.sent();
    talk.reconnect(false);
    assert_eq!(talk.sent(), ["SUBSCRIBE 3 responses/c", "\"x\" to responses/c"]);
}

#[test]
fn a_request_ends_as_its_message_does() {
    let mut talk = Talk::asked();
    for (packet_id, reason, rejected) in [
        (2, ReasonCode::NoMatchingSubscribers, Rejected::NoResponder),
        (3, ReasonCode::NotAuthorized, Rejected::ByServer(ReasonCode::NotAuthorized)),
    ] {
        let ticket = talk.request(QoS::AtLeastOnce, "x");
        talk.sent();
        talk.puback(packet_id, reason);
        assert_eq!(talk.outcome(ticket), Some(Outcome::Rejected(rejected)));
    }
}

#[test]
fn a_timeout_says_whether_the_request_can_have_arrived() {
    let mut talk = Talk::asked();
    let within = |qos| Publish { timeout: Some(Duration::from_secs(2)), ..message(qos, "x") };
    let unanswered = talk.try_request(&within(QoS::AtMostOnce)).expect("accepted");
    let sent = talk.try_request(&within(QoS::AtLeastOnce)).expect("accepted");
    talk.sent();
    talk.happen(Input::Closed(OfflineCause::TransportClosed));
    let withdrawn = talk.try_request(&within(QoS::AtMostOnce)).expect("accepted");
    assert!(matches!(talk.state.explain(withdrawn).waits, Waits::Turn { .. }));
    assert!(talk.state.poll_timeout().expect("there is one") <= talk.now + Duration::from_secs(2));
    talk.wait(2);
    let late = Some(Outcome::Indeterminate(Indeterminate::TimedOut));
    assert_eq!((talk.outcome(unanswered), talk.outcome(sent)), (late, late));
    assert_eq!(talk.outcome(withdrawn), Some(Outcome::Rejected(Rejected::TimedOut)));
    talk.reconnect(true);
    // The exchange of the one with QoS 1 goes on, and nobody is told of it any more.
    let asked = talk.asked.clone();
    assert_eq!(talk.sent(), ["\"x\" dup to responses/c"]);
    talk.puback(2, ReasonCode::Success);
    talk.answer(&asked[0], "late", None);
    assert_eq!((talk.state.stats().responses_dropped, talk.state.requests.open.len()), (1, 0));
}

#[test]
fn a_timeout_can_be_set_later() {
    let mut talk = Talk::asked();
    let ticket = talk.request(QoS::AtMostOnce, "x");
    talk.sent();
    talk.state.requests.set_deadline(ticket, talk.now + Duration::from_secs(1));
    talk.wait(1);
    assert_eq!(talk.outcome(ticket), Some(Outcome::Indeterminate(Indeterminate::TimedOut)));
}

#[test]
fn a_server_that_refuses_the_subscription_ends_the_requests_and_a_later_one_tries_again() {
    let mut talk = Talk::online(persistent());
    let ticket = talk.request(QoS::AtMostOnce, "x");
    talk.sent();
    talk.suback(1, ReasonCode::NotAuthorized);
    assert_eq!(talk.outcome(ticket), Some(Outcome::Indeterminate(Indeterminate::NoResponses)));
    talk.request(QoS::AtMostOnce, "y");
    assert_eq!(talk.sent()[0], "SUBSCRIBE 2 responses/c");
}

#[test]
fn a_client_that_stops_waits_for_no_response() {
    let mut talk = Talk::asked();
    let ticket = talk.request(QoS::AtMostOnce, "x");
    talk.sent();
    let last = talk.submit(&Command::Disconnect(Disconnect::within(Duration::from_secs(5))));
    assert_eq!(talk.sent(), ["DISCONNECT"]);
    talk.happen(Input::Closed(OfflineCause::TransportClosed));
    assert_eq!(talk.outcome(ticket), Some(Outcome::Indeterminate(Indeterminate::Disconnected)));
    assert_eq!(talk.outcome(last), Some(DONE));
}

#[test]
fn where_responses_come_is_configured_or_said_by_the_server_or_follows_from_the_name() {
    let topic_of = |config: Config, topic: Option<&str>, connack: &[Property<'_>]| {
        let mut talk = Talk::connecting(config, topic);
        talk.accept(false, connack);
        talk.request(QoS::AtMostOnce, "x");
        talk.sent()[0].clone()
    };
    assert_eq!(topic_of(persistent(), Some("my/answers"), &[]), "SUBSCRIBE 1 my/answers");
    let asking = persistent().asks_response_information(true);
    let base = [Property::ResponseInformation("base/7")];
    assert_eq!(topic_of(asking, None, &base), "SUBSCRIBE 1 base/7/responses");
    let nameless = Config::new("").subscription_identifiers(false);
    let given = [Property::AssignedClientIdentifier("given")];
    assert_eq!(topic_of(nameless, None, &given), "SUBSCRIBE 1 responses/given");
}

#[test]
fn what_cannot_be_asked_is_refused_and_leaves_nothing_behind() {
    let plain = message(QoS::AtMostOnce, "x");
    let mut talk = Talk::connecting(persistent().version(Version::V3_1_1), None);
    let refused = talk.try_request(&plain);
    assert!(matches!(refused, Err(PublishError::NotAccepted(SessionRefusal::Encode(_)))), "{refused:?}");

    let mut talk = Talk::connecting(Config::new(""), None);
    assert_eq!(talk.try_request(&plain), Err(PublishError::NoResponseTopic));

    let mut talk = Talk::connecting(Config::new("a/#"), None);
    let refused = talk.try_request(&plain);
    assert!(matches!(refused, Err(PublishError::ResponseTopic(_))), "{refused:?}");

    let mut talk = Talk::online(persistent());
    let own = [Property::CorrelationData(b"mine")];
    let refused = talk.try_request(&Publish { properties: Properties::new(&own), ..plain.clone() });
    let repeated = EncodeError::PropertyRepeated(PropertyId::CorrelationData);
    assert_eq!(refused, Err(PublishError::NotAccepted(SessionRefusal::Encode(repeated))));
    assert!(talk.sent().is_empty());

    let mut talk = Talk::online(persistent().subscriptions_max(0));
    let refused = talk.try_request(&plain);
    let is_meant =
        matches!(refused, Err(PublishError::NotAccepted(SessionRefusal::TooManySubscriptions { .. })));
    assert!(is_meant, "{refused:?}");
    assert!(talk.sent().is_empty());
    assert_eq!((talk.state.session.unfinished(), talk.state.requests.open.len()), (0, 0));
}

#[test]
fn properties_of_the_application_go_with_the_request() {
    let own = [Property::ContentType("text"), Property::MessageExpiryInterval(9)];
    let all = with_request(Properties::new(&own), "responses/c", b"1").expect("they are legal");
    let all: Vec<Property<'_>> = all.as_properties().iter().collect();
    assert_eq!(all[..2], own);
    assert_eq!(all[2..], [Property::ResponseTopic("responses/c"), Property::CorrelationData(b"1")]);
}
