//! The floor: two sockets and one thread by hand, in 3.1.1. Packets are made beforehand and copied one by one; what comes
//! is walked over packet by packet and acknowledged with one write.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mqtt_smol::QoS;
use rustix::event::{PollFd, PollFlags, poll};

use crate::shape::{Figure, Shape, Stopwatch, TOPIC, UNACKNOWLEDGED_MAX, UNDER_WAY_MAX};

/// Writes a batch, and sleeps until something comes.
pub(crate) fn batches(shape: &Shape) -> Figure {
    run(shape, false)
}

/// Sleeps 50 µs after each look, so that much comes at once.
pub(crate) fn coalescing(shape: &Shape) -> Figure {
    run(shape, true)
}

/// How long the coalescing floor sleeps, as the system counts it.
const DELAY: Duration = Duration::from_micros(50);

/// A connection, with what was read and is not whole, and what is to be written.
pub(crate) struct Connection {
    stream: TcpStream,
    buf: Vec<u8>,
    len: usize,
    pub(crate) out: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(client_id: &str, port: u16) -> Connection {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("mosquitto listens");
        stream.set_nodelay(true).expect("an open socket");
        let mut connect = b"\x10\x00\x00\x04MQTT\x04\x02\x00\x00\x00".to_vec();
        connect.push(client_id.len() as u8);
        connect.extend_from_slice(client_id.as_bytes());
        connect[1] = connect.len() as u8 - 2;
        stream.write_all(&connect).expect("it listens");
        stream.read_exact(&mut [0; 4]).expect("it answers");
        Connection { stream, buf: vec![0; 256 * 1024], len: 0, out: Vec::new() }
    }

    pub(crate) fn subscribe(&mut self, qos: QoS) {
        let mut subscribe = vec![0x82, 0, 0, 1, 0, TOPIC.len() as u8];
        subscribe.extend_from_slice(TOPIC.as_bytes());
        subscribe.push(qos.bits());
        subscribe[1] = subscribe.len() as u8 - 2;
        self.stream.write_all(&subscribe).expect("it listens");
        self.stream.read_exact(&mut [0; 5]).expect("it answers");
    }

    pub(crate) fn set_nonblocking(&self) {
        self.stream.set_nonblocking(true).expect("an open socket");
    }

    /// Writes what the system takes.
    pub(crate) fn flush(&mut self) {
        if self.out.is_empty() {
            return;
        }
        match self.stream.write(&self.out) {
            Ok(len) => drop(self.out.drain(..len)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "mosquitto stays"),
        }
    }

    /// Reads once, acknowledges what wants it, and says how many messages and how many ends of exchanges there were.
    pub(crate) fn read(&mut self) -> (usize, usize) {
        match self.stream.read(&mut self.buf[self.len..]) {
            Ok(0) => panic!("mosquitto closed the connection"),
            Ok(len) => self.len += len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return (0, 0),
            Err(error) => panic!("mosquitto stays: {error}"),
        }
        let (mut messages, mut ends, mut at) = (0, 0, 0);
        while let Ok(Some(len)) = mqtt_proto::frame_len(&self.buf[at..self.len], u32::MAX) {
            let Some(packet) = self.buf.get(at..at + len).filter(|_| at + len <= self.len) else { break };
            let id = |at: usize| [packet[at], packet[at + 1]];
            // Behind the topic, which begins where the length ends.
            let header = if len < 130 { 2 } else { 3 };
            let mut answer =
                |kind: u8, [high, low]: [u8; 2]| self.out.extend_from_slice(&[kind, 2, high, low]);
            match packet[0] >> 4 {
                3 => {
                    messages += 1;
                    match packet[0] >> 1 & 3 {
                        0 => {}
                        1 => answer(0x40, id(header + 2 + TOPIC.len())),
                        _ => answer(0x50, id(header + 2 + TOPIC.len())),
                    }
                }
                5 => answer(0x62, id(2)),
                6 => answer(0x70, id(2)),
                _ => ends += 1,
            }
            at += len;
        }
        self.buf.copy_within(at..self.len, 0);
        self.len -= at;
        (messages, ends)
    }
}

fn run(shape: &Shape, is_coalescing: bool) -> Figure {
    let mut publisher = Connection::open("floor-publisher", shape.port);
    let mut subscriber = Connection::open("floor-subscriber", shape.port);
    subscriber.subscribe(shape.qos);
    publisher.set_nonblocking();
    subscriber.set_nonblocking();
    let mut publish = PublishPacket::new(shape.qos, shape.size);
    let watch = Stopwatch::start();
    let (mut sent, mut come, mut ended, mut next_id) = (0, 0, 0, 0u16);
    let mut seen_at = Instant::now();
    let is_qos0 = shape.qos == QoS::AtMostOnce;
    while come < shape.count || !is_qos0 && ended < shape.count {
        while sent < shape.count
            && sent - come < UNDER_WAY_MAX
            && (is_qos0 || sent - ended < UNACKNOWLEDGED_MAX)
        {
            next_id = next_id % 60_000 + 1;
            publish.append(next_id, &mut publisher.out);
            sent += 1;
        }
        publisher.flush();
        let (messages, _) = subscriber.read();
        come += messages;
        subscriber.flush();
        let (_, ends) = if is_qos0 { (0, 0) } else { publisher.read() };
        ended += ends;
        publisher.flush();
        if messages + ends > 0 {
            seen_at = Instant::now();
        } else if seen_at.elapsed() > Duration::from_secs(3) {
            break;
        }
        if is_coalescing {
            std::thread::sleep(DELAY);
        } else if messages + ends == 0 {
            let wanted = |connection: &Connection| {
                if connection.out.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT }
            };
            let mut waits = [
                PollFd::new(&publisher.stream, wanted(&publisher)),
                PollFd::new(&subscriber.stream, wanted(&subscriber)),
            ];
            let second = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
            poll(&mut waits, Some(&second)).expect("open sockets");
        }
    }
    watch.stop(shape, shape.count - come)
}

/// A PUBLISH whose packet identifier is filled in.
pub(crate) struct PublishPacket {
    bytes: Vec<u8>,
    id_at: Option<usize>,
}

impl PublishPacket {
    pub(crate) fn new(qos: QoS, size: usize) -> PublishPacket {
        let payload = vec![7; size];
        let packet = mqtt_proto::Packet::Publish(mqtt_proto::Publish {
            dup: false,
            qos,
            retain: false,
            topic: mqtt_proto::TopicName::new(TOPIC).expect("a topic name"),
            packet_id: (qos != QoS::AtMostOnce).then_some(mqtt_proto::PacketId::MIN),
            properties: mqtt_proto::Properties::EMPTY,
            payload: &payload,
        });
        let mut bytes = Vec::new();
        packet.encode(mqtt_proto::Version::V3_1_1, &mut bytes).expect("it has an encoding");
        let id_at = (qos != QoS::AtMostOnce).then(|| bytes.len() - size - 2);
        PublishPacket { bytes, id_at }
    }

    pub(crate) fn append(&mut self, id: u16, out: &mut Vec<u8>) {
        if let Some(at) = self.id_at {
            self.bytes[at..at + 2].copy_from_slice(&id.to_be_bytes());
        }
        out.extend_from_slice(&self.bytes);
    }
}
