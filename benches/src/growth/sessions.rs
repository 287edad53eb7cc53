//! Many exchanges of one session, whose server is played.

use std::time::{Duration, Instant as Clock};

use bytes::BytesMut;
use mqtt_client::QoS;
use mqtt_proto::{
    Context, Packet, PacketId, Sender, SubscribeOptions, TopicFilter, TopicName, Version, decode,
};
use mqtt_session::{
    Command, Config, Input, Instant, OfflineCause, Publish, Session, Subscribe, TransmitBuf, Transport,
};

use crate::fleet::each;

/// The server takes as much as the client sends.
const CONNACK: &[u8] = b"\x20\x03\x00\x00\x00";

/// The session is present, and the server takes 20 messages at once.
const CONNACK_WINDOW: &[u8] = b"\x20\x06\x01\x00\x03\x21\x00\x14";

/// A session and the bytes between it and its server.
struct Talk {
    session: Session,
    now: Instant,
    out: TransmitBuf,
}

impl Talk {
    fn new() -> Talk {
        let config =
            Config::new("bench").clean_session(false).acknowledgement_timeout(None).topic_aliases_max(0);
        let mut session = Session::new(config, 1);
        let now = Instant::from_millis(1);
        session.submit(now, &Command::Connect).expect("accepted");
        let mut talk = Talk { session, now, out: TransmitBuf::new() };
        talk.accept(CONNACK);
        talk
    }

    fn apply(&mut self, input: Input<'_>) {
        self.session.apply(self.now, input).expect("it only happens");
    }

    fn accept(&mut self, connack: &[u8]) {
        self.apply(Input::Opened);
        self.sent();
        self.say(connack);
    }

    fn reconnect(&mut self, connack: &[u8]) {
        self.apply(Input::Closed(OfflineCause::TransportClosed));
        while self.session.poll_event().is_some() {}
        while self.session.poll_transport() == Transport::Closed {
            self.now = self.session.poll_timeout().expect("it tries again");
            self.apply(Input::Timeout);
        }
        self.accept(connack);
    }

    fn say(&mut self, bytes: &[u8]) {
        self.apply(Input::Bytes(&mut BytesMut::from(bytes)));
        while self.session.poll_event().is_some() {}
    }

    /// The next bytes to the server.
    fn sent(&mut self) -> Vec<u8> {
        self.out.clear();
        self.session.poll_transmit(self.now, &mut self.out);
        self.out.chunks().flatten().copied().collect()
    }

    /// The answer to each packet that the session sends, until it sends none; how long that takes, the server included.
    fn answer_all(&mut self) -> (usize, Duration) {
        let (mut ended, start) = (0, Clock::now());
        loop {
            let mut answers = Vec::new();
            for_each_packet(&self.sent(), |packet| match packet {
                Packet::Publish(publish) => {
                    let first = if publish.qos == QoS::AtLeastOnce { 0x40 } else { 0x50 };
                    ended += usize::from(publish.qos == QoS::AtLeastOnce);
                    put_answer(first, publish.packet_id.expect("above QoS 0"), &mut answers);
                }
                Packet::Pubrel(pubrel) => {
                    ended += 1;
                    put_answer(0x70, pubrel.packet_id, &mut answers);
                }
                other => panic!("{other:?}"),
            });
            if answers.is_empty() {
                return (ended, start.elapsed());
            }
            self.say(&answers);
        }
    }
}

fn put_answer(first: u8, id: PacketId, answers: &mut Vec<u8>) {
    let [high, low] = id.get().to_be_bytes();
    answers.extend_from_slice(&[first, 2, high, low]);
}

fn for_each_packet(mut sent: &[u8], mut look: impl FnMut(&Packet<'_>)) {
    let context = Context { version: Version::V5_0, sender: Some(Sender::Client) };
    while !sent.is_empty() {
        let len = mqtt_proto::frame_len(sent, u32::MAX).expect("legal").expect("whole");
        look(&decode(&sent[..len], context).expect("legal"));
        sent = &sent[len..];
    }
}

/// Messages that were sent, and go out again through a small window.
pub(crate) fn repeat(count: usize, qos: QoS) -> f64 {
    let mut talk = Talk::new();
    let topic = TopicName::new("t").expect("a topic name");
    for _message in 0..count {
        let publish = Publish { qos, ..Publish::new(topic, &b"x"[..]) };
        talk.session.submit(talk.now, &Command::Publish(publish)).expect("accepted");
    }
    while !talk.sent().is_empty() {}
    talk.reconnect(CONNACK_WINDOW);
    let (ended, time) = talk.answer_all();
    assert_eq!(ended, count, "all are repeated");
    time.as_secs_f64() * 1e9 / count as f64
}

/// Answers to requests, each of one filter.
pub(crate) fn answer_subscribes(count: usize, is_reversed: bool) -> f64 {
    let mut talk = Talk::new();
    for number in 0..count {
        let text = format!("t/{number}");
        let filter = TopicFilter::new(&text).expect("a filter");
        let subscribe = Subscribe { filter, options: SubscribeOptions::with_qos(QoS::AtLeastOnce) };
        talk.session.submit(talk.now, &Command::Subscribe(subscribe)).expect("accepted");
    }
    let mut ids = Vec::new();
    loop {
        let sent = talk.sent();
        if sent.is_empty() {
            break;
        }
        for_each_packet(&sent, |packet| match packet {
            Packet::Subscribe(subscribe) => ids.push(subscribe.packet_id),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(ids.len(), count, "each request has a filter");
    if is_reversed {
        ids.reverse();
    }
    let mut answers = Vec::new();
    for id in ids {
        let [high, low] = id.get().to_be_bytes();
        answers.extend_from_slice(&[0x90, 4, high, low, 0, 1]);
    }
    let start = Clock::now();
    talk.say(&answers);
    let cost = each(start, count);
    assert_eq!(talk.session.pending_subscriptions(), 0, "all are answered");
    cost
}
