//! The same exchanges through mqtt-protocol-core, which has a session without I/O too.

use std::time::Instant as Clock;

use mqtt_proto::QoS;
use mqtt_protocol_core::mqtt;
use mqtt_protocol_core::mqtt::prelude::*;

use crate::contest::{Contestant, Run};
use crate::session::{BATCH, BATCHES, TOPIC, Way, packets};

type Connection = mqtt::Connection<mqtt::role::Client>;
type Events = Vec<Event>;

/// Runs exchanges through a connection that answers by itself.
pub fn contestant(way: Way) -> Contestant {
    let mut peer = Peer::online(way);
    let run = move || {
        let start = Clock::now();
        for _batch in 0..BATCHES {
            peer.batch();
        }
        Run::unchecked(start.elapsed())
    };
    Contestant { name: "mqtt-protocol-core", packets: BATCH * BATCHES, run: Box::new(run) }
}

struct Peer {
    connection: Connection,
    way: Way,
    out: Vec<u8>,
    /// Identifiers that went out in this batch.
    ids: Vec<u16>,
    /// Bytes from the server, each kind of packet for the whole batch.
    answers: Vec<Vec<u8>>,
}

impl Peer {
    fn online(way: Way) -> Peer {
        let mut connection = Connection::new(mqtt::Version::V5_0);
        connection.set_auto_pub_response(true);
        let connect =
            mqtt::packet::v5_0::Connect::builder().client_id("bench").expect("short enough").build();
        let mut peer = Peer { connection, way, out: Vec::new(), ids: Vec::new(), answers: Vec::new() };
        let events = peer.connection.checked_send(connect.expect("it is whole"));
        peer.handle(events);
        peer.receive(b"\x20\x03\x00\x00\x00");
        if let Way::In(_) = way {
            peer.answers = batches(way);
        }
        peer
    }

    fn handle(&mut self, events: Events) {
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => {
                    self.out.extend_from_slice(&packet.to_continuous_buffer());
                }
                Event::NotifyPacketReceived(packet) => {
                    std::hint::black_box(&packet);
                }
                Event::NotifyError(error) => panic!("{error:?}"),
                _ => {}
            }
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        let mut cursor = mqtt::common::Cursor::new(bytes);
        while cursor.position() < bytes.len() as u64 {
            let events = self.connection.recv(&mut cursor);
            self.handle(events);
        }
    }

    fn batch(&mut self) {
        self.out.clear();
        match self.way {
            Way::Out(qos) => self.batch_out(qos),
            Way::In(_) => {
                for step in 0..self.answers.len() {
                    let answers = std::mem::take(&mut self.answers[step]);
                    self.receive(&answers);
                    self.answers[step] = answers;
                }
            }
        }
    }

    fn batch_out(&mut self, qos: QoS) {
        self.ids.clear();
        for _message in 0..BATCH {
            let mut publish = mqtt::packet::v5_0::Publish::builder()
                .topic_name(TOPIC)
                .expect("a topic name")
                .qos(mqtt::packet::Qos::try_from(qos.bits()).expect("a QoS"))
                .payload(&[7; 64][..]);
            if qos != QoS::AtMostOnce {
                let id = self.connection.acquire_packet_id().expect("one is free");
                self.ids.push(id);
                publish = publish.packet_id(id);
            }
            let events = self.connection.checked_send(publish.build().expect("it is whole"));
            self.handle(events);
        }
        let kinds: &[u8] = match qos {
            QoS::AtMostOnce => &[],
            QoS::AtLeastOnce => &[0x40],
            QoS::ExactlyOnce => &[0x50, 0x70],
        };
        for kind in kinds {
            let answers: Vec<u8> =
                self.ids.iter().flat_map(|id| [*kind, 2, (id >> 8) as u8, *id as u8]).collect();
            self.receive(&answers);
        }
    }
}

/// What the server sends for a batch of messages, kind by kind.
pub fn batches(way: Way) -> Vec<Vec<u8>> {
    let kinds = packets(way, 1).into_iter().filter(|(is_client, _)| !is_client);
    kinds
        .map(|(_, bytes)| {
            let id_at = if bytes[0] >> 4 == 3 { 4 + TOPIC.len() } else { 2 };
            let batch = (1..=BATCH as u16).flat_map(|id| {
                let mut bytes = bytes.clone();
                if way != Way::In(QoS::AtMostOnce) {
                    bytes[id_at..id_at + 2].copy_from_slice(&id.to_be_bytes());
                }
                bytes
            });
            batch.collect()
        })
        .collect()
}
