//! The session: what an exchange costs through it, beside its packets alone and beside mqtt-protocol-core.
//!
//! "alone" encodes and decodes the same packets and does nothing else. A batch of messages is submitted, written,
//! answered and ended, as a driver under load does it.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use bytes::{Bytes, BytesMut};
use mqtt_proto::{
    Ack, Context, Packet, PacketId, Properties, Publish, QoS, ReasonCode, Sender, SubscribeOptions,
    TopicFilter, TopicName, Version, decode,
};
use mqtt_session::{Command, Config, Event, Input, Instant, Session, Subscribe, TransmitBuf};

use crate::contest::{Case, Contestant, FLOOR, OURS, Run};

/// Messages of a batch.
pub const BATCH: usize = 64;
/// Batches of a run.
pub const BATCHES: usize = 32;
const VERSION: Version = Version::V5_0;
/// Where messages go.
pub const TOPIC: &str = "plant/7/line/3/temperature/celsius";
const NOW: Instant = Instant::from_millis(1);

/// What crosses the wire for one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Out(QoS),
    /// From the server to the client.
    In(QoS),
}

/// All cases.
pub fn session_cases() -> Vec<Case> {
    let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
    let ways = qos.map(Way::Out).into_iter().chain(qos.map(Way::In));
    ways.map(|way| {
        let contestants = vec![alone(way), ours(way, 0), crate::peer_session::contestant(way)];
        let bytes_per_packet = packets(way, 1).iter().map(|(_, packet)| packet.len()).sum();
        Case { name: format!("session, {}", name(way)), bytes_per_packet, contestants }
    })
    .collect()
}

fn name(way: Way) -> String {
    match way {
        Way::Out(qos) => format!("QoS {qos} out"),
        Way::In(qos) => format!("QoS {qos} in"),
    }
}

/// The packets of one exchange in their order, and whether the client sends them.
pub fn packets(way: Way, id: u16) -> Vec<(bool, Vec<u8>)> {
    let (is_out, qos) = match way {
        Way::Out(qos) => (true, qos),
        Way::In(qos) => (false, qos),
    };
    let packet_id = PacketId::new(id).expect("not 0");
    let publish = Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        topic: TopicName::new(TOPIC).expect("a topic name"),
        packet_id: (qos != QoS::AtMostOnce).then_some(packet_id),
        properties: Properties::EMPTY,
        payload: &[7; 64],
    });
    let ack = Ack::success(packet_id);
    let answers = match qos {
        QoS::AtMostOnce => vec![],
        QoS::AtLeastOnce => vec![Packet::Puback(ack)],
        QoS::ExactlyOnce => vec![Packet::Pubrec(ack), Packet::Pubrel(ack), Packet::Pubcomp(ack)],
    };
    let mut is_client = is_out;
    let mut encoded = Vec::new();
    for packet in std::iter::once(publish).chain(answers) {
        let mut bytes = Vec::new();
        packet.encode(VERSION, &mut bytes).expect("it has an encoding");
        encoded.push((is_client, bytes));
        is_client = !is_client;
    }
    encoded
}

/// Encodes what the client sends, decodes what it gets, and nothing else.
fn alone(way: Way) -> Contestant {
    let exchange = packets(way, 1);
    let mut out = Vec::with_capacity(64 * 1024);
    let run = move || {
        let start = Clock::now();
        for _batch in 0..BATCHES {
            out.clear();
            for (is_client, bytes) in &exchange {
                let context = Context {
                    version: VERSION,
                    sender: Some(if *is_client { Sender::Client } else { Sender::Server }),
                };
                for _message in 0..BATCH {
                    if *is_client {
                        put_again(way, bytes, &mut out);
                    } else {
                        let packet = decode(std::hint::black_box(bytes), context);
                        let _ = std::hint::black_box(&packet);
                    }
                }
            }
        }
        std::hint::black_box(&out);
        Run::unchecked(start.elapsed())
    };
    Contestant { name: FLOOR, packets: BATCH * BATCHES, run: Box::new(run) }
}

/// Encodes the packet that these bytes are.
fn put_again(way: Way, bytes: &[u8], out: &mut Vec<u8>) {
    let id = PacketId::MIN;
    let len = match bytes[0] >> 4 {
        3 => {
            let Way::Out(qos) = way else { unreachable!("a client publishes only outwards") };
            let publish = Publish {
                dup: false,
                qos,
                retain: false,
                topic: TopicName::new(TOPIC).expect("a topic name"),
                packet_id: (qos != QoS::AtMostOnce).then_some(id),
                properties: Properties::EMPTY,
                payload: &[7; 64],
            };
            publish.encode(VERSION, out)
        }
        4 => Packet::Puback(Ack::success(id)).encode(VERSION, out),
        5 => Packet::Pubrec(Ack::success(id)).encode(VERSION, out),
        6 => Packet::Pubrel(Ack::success(id)).encode(VERSION, out),
        _ => Packet::Pubcomp(Ack::success(id)).encode(VERSION, out),
    };
    len.expect("it has an encoding");
}

/// A session that is online, with a window for `in_flight` messages and a batch.
pub fn online(in_flight: u16) -> Session {
    let window = NonZeroU16::new(in_flight.saturating_add(BATCH as u16)).expect("not 0");
    let config = Config::new("bench").in_flight_max(Some(window)).acknowledgement_timeout(None);
    online_with(&Arc::new(config))
}

/// The same with a configuration that sessions share.
fn online_with(config: &Arc<Config>) -> Session {
    let mut session = Session::new(Arc::clone(config), 1);
    let mut out = TransmitBuf::new();
    session.submit(NOW, &Command::Connect).expect("accepted");
    session.apply(NOW, Input::Opened).expect("it only happens");
    session.poll_transmit(NOW, &mut out);
    session
        .apply(NOW, Input::Bytes(&mut BytesMut::from(&b"\x20\x03\x00\x00\x00"[..])))
        .expect("it only happens");
    while session.poll_event().is_some() {}
    session
}

/// Runs exchanges through a session that has `in_flight` other messages under way.
fn ours(way: Way, in_flight: u16) -> Contestant {
    let mut driver = Driver::new(online(in_flight), way, in_flight);
    let run = move || Run::unchecked((0..BATCHES).map(|_| driver.batch()).sum());
    Contestant { name: OURS, packets: BATCH * BATCHES, run: Box::new(run) }
}

/// A batch of messages from their submission to their end.
struct Driver {
    session: Session,
    way: Way,
    input: BytesMut,
    out: TransmitBuf,
    payload: Bytes,
    /// Bytes from the server, each kind of packet for the whole batch.
    answers: Vec<Vec<u8>>,
}

impl Driver {
    fn new(session: Session, way: Way, in_flight: u16) -> Driver {
        let mut driver = Driver {
            session,
            way: Way::Out(QoS::AtLeastOnce),
            input: BytesMut::with_capacity(64 * 1024),
            out: TransmitBuf::new(),
            payload: Bytes::from_static(&[7; 64]),
            answers: Vec::new(),
        };
        for _message in 0..in_flight {
            driver.submit(QoS::AtLeastOnce);
        }
        while driver.session.poll_transmit(NOW, &mut driver.out) {
            driver.out.clear();
        }
        driver.way = way;
        driver
    }

    fn submit(&mut self, qos: QoS) {
        let topic = TopicName::new(TOPIC).expect("a topic name");
        let publish =
            mqtt_session::Publish { qos, ..mqtt_session::Publish::new(topic, self.payload.clone()) };
        self.session.submit(NOW, &Command::Publish(publish)).expect("accepted");
    }

    /// How long the session took; what the server does is not counted.
    fn batch(&mut self) -> Duration {
        match self.way {
            Way::Out(qos) => self.batch_out(qos),
            Way::In(_) => self.batch_in(),
        }
    }

    fn batch_out(&mut self, qos: QoS) -> Duration {
        let start = Clock::now();
        for _message in 0..BATCH {
            self.submit(qos);
        }
        self.session.poll_transmit(NOW, &mut self.out);
        let mut taken = start.elapsed();
        if qos != QoS::AtMostOnce {
            taken += self.answer(qos);
        }
        self.out.clear();
        let start = Clock::now();
        while let Some(event) = self.session.poll_event() {
            std::hint::black_box(&event);
        }
        taken + start.elapsed()
    }

    /// The server answers each PUBLISH, and each PUBREL, with the identifier that it has.
    fn answer(&mut self, qos: QoS) -> Duration {
        let id_at = 2 + 2 + TOPIC.len();
        let publish_len = id_at + 2 + 1 + self.payload.len();
        let first = if qos == QoS::AtLeastOnce { 0x40 } else { 0x50 };
        for publish in self.out.chunks().flat_map(|chunk| chunk.chunks(publish_len)) {
            // The alias that the session may set is not there: this server takes none.
            self.input.extend_from_slice(&[first, 2, publish[id_at], publish[id_at + 1]]);
        }
        self.out.clear();
        let start = Clock::now();
        self.session.apply(NOW, Input::Bytes(&mut self.input)).expect("it only happens");
        let mut taken = start.elapsed();
        if qos == QoS::ExactlyOnce {
            let start = Clock::now();
            self.session.poll_transmit(NOW, &mut self.out);
            taken += start.elapsed();
            for pubrel in self.out.chunks().flat_map(|chunk| chunk.chunks(4)) {
                self.input.extend_from_slice(&[0x70, 2, pubrel[2], pubrel[3]]);
            }
            let start = Clock::now();
            self.session.apply(NOW, Input::Bytes(&mut self.input)).expect("it only happens");
            taken += start.elapsed();
        }
        taken
    }

    fn batch_in(&mut self) -> Duration {
        if self.answers.is_empty() {
            self.answers = crate::peer_session::batches(self.way);
        }
        let mut taken = Duration::ZERO;
        for step in 0..self.answers.len() {
            self.input.extend_from_slice(&self.answers[step]);
            let start = Clock::now();
            self.session.apply(NOW, Input::Bytes(&mut self.input)).expect("it only happens");
            while let Some(event) = self.session.poll_event() {
                if let Event::Message(message) = &event {
                    std::hint::black_box(message.payload());
                    if let Some(receipt) = message.receipt() {
                        self.session
                            .apply(NOW, Input::Acknowledge { receipt, reason: ReasonCode::Success })
                            .expect("it only happens");
                    }
                }
            }
            self.session.poll_transmit(NOW, &mut self.out);
            self.out.clear();
            taken += start.elapsed();
        }
        taken
    }
}

/// Nanoseconds for a message with QoS 1 and its PUBACK, for each number of messages in flight.
pub fn by_in_flight(counts: &[u16]) -> Vec<(usize, f64)> {
    let mut contestants: Vec<(usize, Contestant)> =
        counts.iter().map(|count| (usize::from(*count), ours(Way::Out(QoS::AtLeastOnce), *count))).collect();
    interleaved(&mut contestants)
}

/// Nanoseconds for a subscription that comes and goes again, for each number of others.
pub fn by_subscriptions(counts: &[usize]) -> Vec<(usize, f64)> {
    let mut contestants: Vec<(usize, Contestant)> =
        counts.iter().map(|count| (*count, subscribing(*count))).collect();
    interleaved(&mut contestants)
}

fn interleaved(contestants: &mut [(usize, Contestant)]) -> Vec<(usize, f64)> {
    let mut best = vec![Duration::MAX; contestants.len()];
    for _round in 0..21 {
        for ((_, contestant), best) in contestants.iter_mut().zip(&mut best) {
            *best = (*best).min((contestant.run)().elapsed);
        }
    }
    let figures = contestants.iter().zip(best);
    figures
        .map(|((count, contestant), best)| (*count, best.as_nanos() as f64 / contestant.packets as f64))
        .collect()
}

fn subscribing(count: usize) -> Contestant {
    let mut session = online(0);
    let mut out = TransmitBuf::new();
    let mut input = BytesMut::new();
    let mut exchange = move |range: std::ops::Range<usize>, is_wanted: bool| {
        for number in range.clone() {
            let text = format!("plant/{number}/+/temperature");
            let filter = TopicFilter::new(&text).expect("a filter");
            let options = SubscribeOptions::with_qos(QoS::AtLeastOnce);
            let command = if is_wanted {
                Command::Subscribe(Subscribe { filter, options })
            } else {
                Command::Unsubscribe(filter)
            };
            session.submit(NOW, &command).expect("accepted");
        }
        while session.poll_transmit(NOW, &mut out) {
            let sent: Vec<u8> = out.chunks().flatten().copied().collect();
            out.clear();
            answer_requests(&sent, &mut input);
            session.apply(NOW, Input::Bytes(&mut input)).expect("it only happens");
            while session.poll_event().is_some() {}
        }
    };
    exchange(0..count, true);
    let run = move || {
        let start = Clock::now();
        exchange(count..count + BATCH, true);
        exchange(count..count + BATCH, false);
        Run::unchecked(start.elapsed())
    };
    Contestant { name: OURS, packets: BATCH, run: Box::new(run) }
}

fn answer_requests(mut sent: &[u8], input: &mut BytesMut) {
    let context = Context { version: VERSION, sender: Some(Sender::Client) };
    while !sent.is_empty() {
        let len = mqtt_proto::frame_len(sent, u32::MAX).expect("legal").expect("whole");
        let (kind, id, count) = match decode(&sent[..len], context) {
            Ok(Packet::Subscribe(packet)) => (0x90, packet.packet_id, packet.filters.iter().count()),
            Ok(Packet::Unsubscribe(packet)) => (0xb0, packet.packet_id, packet.filters.iter().count()),
            other => panic!("{other:?}"),
        };
        let [high, low] = id.get().to_be_bytes();
        input.extend_from_slice(&[kind, 3 + count as u8, high, low, 0]);
        input.extend_from_slice(&vec![0; count]);
        sent = &sent[len..];
    }
}

/// Bytes that an idle session takes: itself, and what it has allocated beside its configuration.
pub fn idle_bytes() -> usize {
    let mut session = None;
    let config = Arc::new(Config::new("bench"));
    let counted = allocation_counter::measure(|| session = Some(online_with(&config)));
    drop(session);
    size_of::<Session>() + usize::try_from(counted.bytes_current).unwrap_or(usize::MAX)
}
