//! MQTT 3.1.1 of rumqttc.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use mqtt_conformance::Line;
use rumqttc::{
    Client, Connection, ConnectionError, Event, LastWill, MqttOptions, Outgoing, Packet, Publish, QoS,
    SubscribeReasonCode,
};

use crate::book::{Book, message, say};
use crate::{Peer, Refusal};

struct Dialect {
    client: Client,
    book: Book,
    taken: Arc<Mutex<Vec<Publish>>>,
}

pub(crate) fn connect(line: &Line) -> Box<dyn Peer> {
    let port = line.number("port").and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
    let mut options = MqttOptions::new(line.get("client_id").unwrap_or_default(), "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(line.number("keep_alive").unwrap_or(0).into()));
    options.set_clean_session(line.is_set("clean"));
    options.set_manual_acks(line.is_set("manual"));
    options.set_max_packet_size(1 << 20, 1 << 20);
    if let (Some(name), Some(password)) = (line.get("username"), line.get("password")) {
        options.set_credentials(name, password);
    }
    if let Some(topic) = line.get("will_topic") {
        let payload = line.get("will_payload").unwrap_or_default();
        options.set_last_will(LastWill::new(
            topic,
            payload,
            qos(line, "will_qos"),
            line.is_set("will_retain"),
        ));
    }
    let (client, connection) = Client::new(options, REQUESTS);
    let (book, taken) = (Book::default(), Arc::new(Mutex::new(Vec::new())));
    let (own_book, own_taken, is_manual) = (book.clone(), Arc::clone(&taken), line.is_set("manual"));
    thread::spawn(move || poll(connection, &own_book, &own_taken, is_manual));
    Box::new(Dialect { client, book, taken })
}

impl Peer for Dialect {
    fn obey(&mut self, line: &Line) -> Result<(), Refusal> {
        let id = line.number("id").unwrap_or(0);
        let filter = line.get("filter").unwrap_or_default();
        let refused = |error: rumqttc::ClientError| Refusal::Error(error.to_string());
        match line.name.as_str() {
            "subscribe" => {
                self.book.request(id);
                let subscribed = self.client.try_subscribe(filter, qos(line, "qos"));
                subscribed.inspect_err(|_error| self.book.unrequest()).map_err(refused)
            }
            "unsubscribe" => {
                self.book.request(id);
                self.client.try_unsubscribe(filter).map_err(refused)
            }
            "publish" => {
                self.book.publish(id);
                let (topic, payload) =
                    (line.get("topic").unwrap_or_default(), line.get("payload").unwrap_or_default());
                let published =
                    self.client.try_publish(topic, qos(line, "qos"), line.is_set("retain"), payload);
                published.inspect_err(|_error| self.book.unpublish()).map_err(refused)
            }
            "ack" => {
                let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
                let index = usize::try_from(line.number("message").unwrap_or(0)).unwrap_or(0);
                let publish = taken.get(index).ok_or_else(|| Refusal::Error("no such message".into()))?;
                self.client.try_ack(publish).map_err(refused)
            }
            "disconnect" => {
                self.book.end();
                self.client.try_disconnect().map_err(refused)
            }
            _ => Err(Refusal::Unsupported("an unknown command")),
        }
    }
}

fn poll(mut connection: Connection, book: &Book, taken: &Mutex<Vec<Publish>>, is_manual: bool) {
    for event in connection.iter() {
        match event {
            Ok(Event::Incoming(packet)) => report(packet, book, taken, is_manual),
            Ok(Event::Outgoing(Outgoing::Publish(id))) => book.publish_sent(id),
            Ok(Event::Outgoing(Outgoing::Subscribe(id) | Outgoing::Unsubscribe(id))) => book.request_sent(id),
            // Dropping the connection is what closes it.
            Ok(Event::Outgoing(Outgoing::Disconnect)) if book.is_over() => return,
            Ok(Event::Outgoing(_)) => {}
            Err(error) => {
                match error {
                    ConnectionError::ConnectionRefused(code) => {
                        say(&Line::new("refused").with("reason", code as u8));
                    }
                    error => say(&Line::new("disconnected").with("why", error)),
                }
                if book.is_over() {
                    return;
                }
            }
        }
    }
}

fn report(packet: Packet, book: &Book, taken: &Mutex<Vec<Publish>>, is_manual: bool) {
    match packet {
        Packet::ConnAck(connack) => {
            say(&Line::new("connected").with("session_present", u8::from(connack.session_present)));
        }
        Packet::Publish(publish) => {
            let line = message(&publish.topic, &publish.payload, publish.qos as u8, publish.retain);
            let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
            say(&line.with("message", taken.len()));
            if is_manual {
                taken.push(publish);
            }
        }
        Packet::PubAck(ack) => book.published(ack.pkid, 0),
        Packet::PubComp(ack) => book.published(ack.pkid, 0),
        Packet::SubAck(ack) => {
            let reason = ack.return_codes.first().map_or(0x80, |code| match code {
                SubscribeReasonCode::Success(qos) => *qos as u8,
                SubscribeReasonCode::Failure => 0x80,
            });
            book.answered("subscribed", ack.pkid, reason);
        }
        Packet::UnsubAck(ack) => book.answered("unsubscribed", ack.pkid, 0),
        _ => {}
    }
}

fn qos(line: &Line, key: &str) -> QoS {
    match line.number(key) {
        Some(1) => QoS::AtLeastOnce,
        Some(2) => QoS::ExactlyOnce,
        _ => QoS::AtMostOnce,
    }
}

/// Commands that may wait for the event loop.
const REQUESTS: usize = 400;
