//! Prints what a message costs through a whole `Client` and its driver, over a pipe in memory: no system call, no
//! runtime, one thread. The other end takes CONNECT and acknowledges.
//!
//! Fails if a message allocates once warm.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use mqtt_client::adapter::{self, Driver, Goal, Link, SystemClock};
use mqtt_client::{Client, Options, Publish, QoS, Subscribe};

/// Messages that are accepted before the driver takes a turn, as under load.
const BATCH: usize = 64;
const BATCHES: usize = 2_000;
const ROUNDS: usize = 9;

/// One end of the pipe, and whoever answers at the other.
#[derive(Default)]
struct Pipe {
    from_client: Vec<u8>,
    to_client: Vec<u8>,
    /// How much of it was read.
    read: usize,
    /// Sent to the client at each read, as often as is left.
    message: Vec<u8>,
    messages: usize,
}

impl Link for Pipe {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.messages > 0 && self.to_client.len() - self.read < buf.len() / 2 {
            self.to_client.extend_from_slice(&self.message);
            self.messages -= 1;
        }
        let left = &self.to_client[self.read..];
        if left.is_empty() {
            self.to_client.clear();
            self.read = 0;
            return Err(ErrorKind::WouldBlock.into());
        }
        let len = left.len().min(buf.len());
        buf[..len].copy_from_slice(&left[..len]);
        self.read += len;
        Ok(len)
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        let before = self.from_client.len();
        chunks.iter().for_each(|chunk| self.from_client.extend_from_slice(chunk));
        let written = self.from_client.len() - before;
        self.answer();
        Ok(written)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Pipe {
    /// Answers all whole packets: CONNECT, SUBSCRIBE, and PUBLISH and PUBREL by their identifier.
    fn answer(&mut self) {
        let mut at = 0;
        while let Ok(Some(len)) = mqtt_proto::frame_len(&self.from_client[at..], u32::MAX) {
            let Some(packet) = self.from_client.get(at..at + len) else { break };
            let qos = packet[0] >> 1 & 3;
            match packet[0] >> 4 {
                1 => self.to_client.extend_from_slice(b"\x20\x03\x00\x00\x00"),
                3 if qos > 0 => {
                    // The fixed header of these packets has two bytes, and the topic nine.
                    let id = [packet[4 + TOPIC.len()], packet[5 + TOPIC.len()]];
                    self.to_client.extend_from_slice(&[if qos == 1 { 0x40 } else { 0x50 }, 2, id[0], id[1]]);
                }
                6 => self.to_client.extend_from_slice(&[0x70, 2, packet[2], packet[3]]),
                8 => self.to_client.extend_from_slice(&[0x90, 4, packet[2], packet[3], 0, 0]),
                _ => {}
            }
            at += len;
        }
        self.from_client.drain(..at);
    }
}

const TOPIC: &str = "bench/pip";

struct Bench {
    client: Client,
    driver: Driver,
    pipe: Pipe,
}

impl Bench {
    fn online() -> Bench {
        let (client, mut driver) = adapter::client(Options::new("nowhere").client_id("pipe"), SystemClock, 1)
            .expect("the options are valid");
        let connecting = client.connect().expect("it is idle");
        let Goal::Link { attempt, .. } = driver.goal() else { panic!("it wants a link") };
        driver.on_opened(attempt);
        let mut pipe = Pipe::default();
        for _turn in 0..3 {
            driver.turn(&mut pipe);
        }
        ready(connecting).expect("it is accepted");
        Bench { client, driver, pipe }
    }

    fn turn(&mut self) {
        self.driver.turn(&mut self.pipe);
    }

    /// Messages of that QoS, each awaited.
    fn publish(&mut self, qos: QoS, tokens: &mut VecDeque<mqtt_client::PublishToken>) {
        for _message in 0..BATCH {
            let payload = bytes::Bytes::from_static(&[7; 64]);
            let token = self.client.publish(Publish::new(TOPIC, payload).qos(qos)).expect("accepted");
            tokens.push_back(token);
        }
        // What is sent is answered at once, and what is answered is read in the next turn.
        for _turn in 0..=usize::from(qos.bits()) {
            self.turn();
        }
        for token in tokens.drain(..) {
            ready(token).expect("it is published");
        }
    }
}

/// What a future that is ready is worth.
fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is not ready"),
    }
}

fn publishing(qos: QoS) -> (f64, f64) {
    let mut bench = Bench::online();
    let mut tokens = VecDeque::new();
    measure(move || bench.publish(qos, &mut tokens))
}

fn receiving(qos: QoS) -> (f64, f64) {
    let mut bench = Bench::online();
    let mut messages = bench.client.subscribe(Subscribe::new(TOPIC).qos(QoS::AtMostOnce)).expect("accepted");
    for _turn in 0..3 {
        bench.turn();
    }
    ready(messages.granted()).expect("granted");
    let mut packet = vec![0x30 | qos.bits() << 1, 0, 0, TOPIC.len() as u8];
    packet.extend_from_slice(TOPIC.as_bytes());
    if qos != QoS::AtMostOnce {
        packet.extend_from_slice(&[0, 1]);
    }
    packet.push(0);
    packet.extend_from_slice(&[7; 64]);
    packet[1] = packet.len() as u8 - 2;
    bench.pipe.message = packet;
    measure(move || {
        bench.pipe.messages = BATCH;
        bench.turn();
        for _message in 0..BATCH {
            std::hint::black_box(ready(messages.next()).expect("it comes").payload());
        }
        // Acknowledgements, if there are any.
        bench.turn();
    })
}

/// Nanoseconds and allocations for one message.
fn measure(mut batch: impl FnMut()) -> (f64, f64) {
    for _warm in 0..200 {
        batch();
    }
    let counted = allocation_counter::measure(|| (0..100).for_each(|_| batch()));
    let mut best = f64::MAX;
    for _round in 0..ROUNDS {
        let start = Instant::now();
        (0..BATCHES).for_each(|_| batch());
        best = best.min(start.elapsed().as_nanos() as f64 / (BATCH * BATCHES) as f64);
    }
    (best, counted.count_total as f64 / (100 * BATCH) as f64)
}

fn main() {
    println!("| through the whole client, 64 B | ns | million messages a second | allocations |");
    println!("|---|---|---|---|");
    let mut allocating = Vec::new();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        row(&format!("publish, QoS {qos}"), publishing(qos), &mut allocating);
    }
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        row(&format!("receive, QoS {qos}"), receiving(qos), &mut allocating);
    }
    assert!(allocating.is_empty(), "these allocate once warm: {allocating:?}");
}

fn row(name: &str, (nanos, allocations): (f64, f64), allocating: &mut Vec<String>) {
    println!("| {name} | {nanos:.0} | {:.1} | {allocations} |", 1e3 / nanos);
    // A buffer that is read into is given up now and then, with all the messages in it.
    if allocations > 0.05 {
        allocating.push(name.to_owned());
    }
}
