//! Prints what a message costs through a whole client on loopback: CPU time of the client, messages in a second and
//! round trips, beside rumqttc and a hand-written floor, interleaved, against a mosquitto of one's own.
//!
//! Without mosquitto there is nothing to measure. An argument chooses the rows whose name holds it.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use benches::server::Server;
use cpu_time::ThreadTime;
use futures_lite::future::or;
use mqtt_smol::{Options, Publish, QoS, Subscribe};

/// Rounds of each contestant; the best one of each counts, since what disturbs only adds.
const ROUNDS: usize = 5;

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let Some(server) = Server::start() else {
        println!("mosquitto is not installed: nothing is measured");
        return;
    };
    println!("| case | ours µs CPU (k/s) | floor | rumqttc | ours ÷ floor | ours ÷ rumqttc |");
    println!("|---|---|---|---|---|---|");
    for size in [64, 1024] {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let name = format!("publish, QoS {qos}, {size} B");
            let count = if qos == QoS::AtMostOnce { 100_000 } else { 20_000 };
            if name.contains(&wanted) {
                let runs: [&dyn Fn() -> Figure; 3] = [
                    &|| ours(server.port, qos, size, count),
                    &|| floor(server.port, qos, size, count),
                    &|| rumqttc_run(server.port, qos, size, count),
                ];
                print_row(&name, runs);
            }
        }
    }
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let name = format!("round trip, QoS {qos}, 64 B");
        if name.contains(&wanted) {
            let mut best = [f64::MAX; 2];
            for _round in 0..ROUNDS {
                let runs = [round_trip(server.port, qos), floor_round_trip(server.port, qos)];
                for (best, run) in best.iter_mut().zip(runs) {
                    *best = best.min(run.as_secs_f64() * 1e6);
                }
            }
            let [ours, floor] = best;
            println!("{name}: p50 {ours:.0} µs, floor {floor:.0} µs, {:.2}", ours / floor);
        }
    }
}

#[derive(Clone, Copy)]
struct Figure {
    /// CPU time of the client's thread for a message, in microseconds.
    cpu: f64,
    /// Thousand messages in a second.
    rate: f64,
}

fn figure(count: usize, cpu: Duration, time: Duration) -> Figure {
    let count = count as f64;
    Figure { cpu: cpu.as_secs_f64() * 1e6 / count, rate: count / time.as_secs_f64() / 1e3 }
}

fn print_row(name: &str, runs: [&dyn Fn() -> Figure; 3]) {
    let mut best = [Figure { cpu: f64::MAX, rate: 0.0 }; 3];
    for _round in 0..ROUNDS {
        for (best, run) in best.iter_mut().zip(runs) {
            let figure = run();
            best.cpu = best.cpu.min(figure.cpu);
            best.rate = best.rate.max(figure.rate);
        }
    }
    let [ours, floor, rumqttc] = best;
    let shown = |figure: Figure| format!("{:.2} ({:.0})", figure.cpu, figure.rate);
    println!(
        "| {name} | {} | {} | {} | {:.2} | {:.2} |",
        shown(ours),
        shown(floor),
        shown(rumqttc),
        ours.cpu / floor.cpu,
        ours.cpu / rumqttc.cpu,
    );
}

/// Messages whose end is awaited at the same time.
const OUTSTANDING: usize = 1000;

fn ours(port: u16, qos: QoS, size: usize, count: usize) -> Figure {
    let options = Options::new("127.0.0.1").port(port).client_id("ours");
    let (client, drive) = mqtt_smol::client(options).expect("good options");
    let work = async move {
        client.connect().expect("accepted").await.expect("mosquitto accepts");
        let payload = bytes::Bytes::from(vec![7; size]);
        let (cpu, time) = (ThreadTime::now(), Instant::now());
        let mut tokens = VecDeque::new();
        for _message in 0..count {
            let publish = Publish::new("bench/topic", payload.clone()).qos(qos);
            tokens.push_back(client.publish(publish).expect("accepted"));
            if tokens.len() >= OUTSTANDING {
                // The oldest first: acknowledgements come in order.
                for token in tokens.drain(..OUTSTANDING / 2) {
                    token.await.expect("published");
                }
            }
        }
        for token in tokens {
            token.await.expect("published");
        }
        let figure = figure(count, cpu.elapsed(), time.elapsed());
        client.disconnect().expect("online").await;
        figure
    };
    run(work, drive)
}

fn rumqttc_run(port: u16, qos: QoS, size: usize, count: usize) -> Figure {
    use rumqttc::v5::mqttbytes::QoS as Level;
    use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
    let level = [Level::AtMostOnce, Level::AtLeastOnce, Level::ExactlyOnce][usize::from(qos.bits())];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let options = MqttOptions::new("rumqttc", "127.0.0.1", port);
        let (client, mut events) = AsyncClient::new(options, OUTSTANDING);
        while !matches!(events.poll().await, Ok(Event::Incoming(Incoming::ConnAck(_)))) {}
        let payload = bytes::Bytes::from(vec![7; size]);
        let (cpu, time) = (ThreadTime::now(), Instant::now());
        let sender = client.clone();
        tokio::task::spawn_local(async move {
            for _message in 0..count {
                sender
                    .publish_bytes("bench/topic", level, false, payload.clone())
                    .await
                    .expect("it takes it");
            }
        });
        let mut ended = 0;
        while ended < count {
            let event = events.poll().await.expect("mosquitto stays");
            ended += usize::from(matches!(
                (qos, event),
                (QoS::AtMostOnce, Event::Outgoing(rumqttc::Outgoing::Publish(_)))
                    | (QoS::AtLeastOnce, Event::Incoming(Incoming::PubAck(_)))
                    | (QoS::ExactlyOnce, Event::Incoming(Incoming::PubComp(_)))
            ));
        }
        figure(count, cpu.elapsed(), time.elapsed())
    })
}

/// Writes batches and reads what has come: packets are made beforehand, and only counted when they come. In 3.1.1
/// all acknowledgements have four bytes; 20 messages are what mosquitto lets be under way.
fn floor(port: u16, qos: QoS, size: usize, count: usize) -> Figure {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("mosquitto listens");
    stream.set_nodelay(true).expect("an open socket");
    stream.write_all(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05floor").expect("it listens");
    let mut buf = vec![0; 65_536];
    stream.read_exact(&mut buf[..4]).expect("it answers");
    let window = if qos == QoS::AtMostOnce { 500 } else { 20 };
    let mut publish = publish_packet(qos, size);
    let (cpu, time) = (ThreadTime::now(), Instant::now());
    let (mut sent, mut ended, mut next_id) = (0, 0, 0u16);
    let mut out = Vec::new();
    while ended < count {
        while sent < count && sent - ended < window {
            next_id = next_id % 60_000 + 1;
            if qos != QoS::AtMostOnce {
                publish.set_id(next_id);
            }
            out.extend_from_slice(&publish.bytes);
            sent += 1;
        }
        if !out.is_empty() {
            stream.write_all(&out).expect("it listens");
            out.clear();
        }
        if qos == QoS::AtMostOnce {
            ended = sent;
            continue;
        }
        // Under load some more comes while this sleeps, and is read at once.
        std::thread::sleep(Duration::from_micros(50));
        let len = stream.read(&mut buf).expect("it answers");
        for packet in buf[..len].chunks_exact(4) {
            match packet[0] >> 4 {
                5 => out.extend_from_slice(&[0x62, 2, packet[2], packet[3]]),
                _ => ended += 1,
            }
        }
    }
    figure(count, cpu.elapsed(), time.elapsed())
}

struct PublishPacket {
    bytes: Vec<u8>,
    id_at: usize,
}

impl PublishPacket {
    fn set_id(&mut self, id: u16) {
        self.bytes[self.id_at..self.id_at + 2].copy_from_slice(&id.to_be_bytes());
    }
}

fn publish_packet(qos: QoS, size: usize) -> PublishPacket {
    let payload = vec![7; size];
    let packet = mqtt_proto::Packet::Publish(mqtt_proto::Publish {
        dup: false,
        qos,
        retain: false,
        topic: mqtt_proto::TopicName::new("bench/topic").expect("a topic name"),
        packet_id: (qos != QoS::AtMostOnce).then_some(mqtt_proto::PacketId::MIN),
        properties: mqtt_proto::Properties::EMPTY,
        payload: &payload,
    });
    let mut bytes = Vec::new();
    packet.encode(mqtt_proto::Version::V3_1_1, &mut bytes).expect("it has an encoding");
    let id_at = bytes.len() - size - 2;
    PublishPacket { bytes, id_at }
}

/// Time from publishing to oneself until the message is there; the median of many, one after the other.
fn round_trip(port: u16, qos: QoS) -> Duration {
    let options = Options::new("127.0.0.1").port(port).client_id("trip");
    let (client, drive) = mqtt_smol::client(options).expect("good options");
    let work = async move {
        client.connect().expect("accepted").await.expect("mosquitto accepts");
        let mut messages = client.subscribe(Subscribe::new("trip").qos(qos)).expect("accepted");
        messages.granted().await.expect("granted");
        let mut times = Vec::new();
        for _message in 0..2000 {
            let start = Instant::now();
            let token = client.publish(Publish::new("trip", vec![7; 64]).qos(qos)).expect("accepted");
            messages.next().await.expect("it comes");
            times.push(start.elapsed());
            // Its exchange ends before the next one begins.
            token.await.expect("published");
        }
        times.sort_unstable();
        times[times.len() / 2]
    };
    run(work, drive)
}

/// The same by hand, with a socket that blocks and packets made beforehand, in 3.1.1.
fn floor_round_trip(port: u16, qos: QoS) -> Duration {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("mosquitto listens");
    stream.set_nodelay(true).expect("an open socket");
    stream.write_all(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05float").expect("it listens");
    let mut buf = vec![0; 65_536];
    stream.read_exact(&mut buf[..4]).expect("it answers");
    let mut subscribe = *b"\x82\x10\x00\x01\x00\x0bbench/topic\x00";
    subscribe[17] = qos.bits();
    stream.write_all(&subscribe).expect("it listens");
    stream.read_exact(&mut buf[..5]).expect("it answers");
    let mut publish = publish_packet(qos, 64);
    let mut times = Vec::new();
    let (mut said, mut out) = (Vec::new(), Vec::new());
    for number in 1..=2000 {
        if qos != QoS::AtMostOnce {
            publish.set_id(number);
        }
        let start = Instant::now();
        stream.write_all(&publish.bytes).expect("it listens");
        let mut has_come = false;
        let mut is_ended = qos == QoS::AtMostOnce;
        while !(has_come && is_ended) {
            let len = stream.read(&mut buf).expect("it answers");
            said.extend_from_slice(&buf[..len]);
            while let Ok(Some(len)) = mqtt_proto::frame_len(&said, u32::MAX) {
                if said.len() < len {
                    break;
                }
                match said[0] >> 4 {
                    3 => {
                        if qos == QoS::AtLeastOnce {
                            out.extend_from_slice(&[0x40, 2, said[15], said[16]]);
                        } else if qos == QoS::ExactlyOnce {
                            out.extend_from_slice(&[0x50, 2, said[15], said[16]]);
                        }
                        times.push(start.elapsed());
                        has_come = true;
                    }
                    5 => out.extend_from_slice(&[0x62, 2, said[2], said[3]]),
                    6 => out.extend_from_slice(&[0x70, 2, said[2], said[3]]),
                    _ => is_ended = true,
                }
                said.drain(..len);
            }
            if !out.is_empty() {
                stream.write_all(&out).expect("it listens");
                out.clear();
            }
        }
    }
    times.sort_unstable();
    times[times.len() / 2]
}

/// Runs a client's work and its driver in this thread.
fn run<T>(work: impl Future<Output = T>, drive: mqtt_smol::Drive) -> T {
    let drive = async {
        drive.await;
        None
    };
    async_io::block_on(or(async { Some(work.await) }, drive)).expect("the work ends first")
}
