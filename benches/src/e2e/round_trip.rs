//! Time from publishing to oneself until the message is there, one message after the other.

use std::time::{Duration, Instant};

use mqtt_client::{Client, Options, Publish, QoS, Subscribe};

use crate::floor::{Connection, PublishPacket};
use crate::shape::TOPIC;

/// Messages of one run.
const MESSAGES: usize = 2_000;

/// The times of one run, sorted.
#[derive(Debug)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// In microseconds; half of all trips took no longer than `at(0.5)`.
    pub(crate) fn at(&self, part: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e6
    }
}

async fn trips(client: Client, qos: QoS) -> Times {
    client.connect().expect("accepted").await.expect("mosquitto accepts");
    let mut messages = client.subscribe(Subscribe::new(TOPIC).qos(qos)).expect("accepted");
    messages.granted().await.expect("granted");
    let mut times = Vec::with_capacity(MESSAGES);
    for _message in 0..MESSAGES {
        let start = Instant::now();
        let token = client.publish(Publish::new(TOPIC, vec![7; 64]).qos(qos)).expect("accepted");
        messages.next().await.expect("it comes");
        times.push(start.elapsed());
        // Its exchange ends before the next one begins.
        token.await.expect("published");
    }
    times.sort_unstable();
    Times(times)
}

fn options(port: u16) -> Options {
    Options::new("127.0.0.1").port(port)
}

pub(crate) fn tokio_one_thread(port: u16, qos: QoS) -> Times {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (client, drive) = mqtt_tokio::client(options(port)).expect("good options");
        tokio::spawn(drive);
        trips(client, qos).await
    })
}

pub(crate) fn tokio_default(port: u16, qos: QoS) -> Times {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (client, drive) = mqtt_tokio::client(options(port)).expect("good options");
        tokio::spawn(drive);
        trips(client, qos).await
    })
}

pub(crate) fn smol_global(port: u16, qos: QoS) -> Times {
    smol::block_on(async {
        let (client, drive) = mqtt_smol::client(options(port)).expect("good options");
        smol::spawn(drive).detach();
        trips(client, qos).await
    })
}

pub(crate) fn std_threads(port: u16, qos: QoS) -> Times {
    let client = mqtt_std::client(options(port)).expect("good options");
    futures_lite::future::block_on(trips(client, qos))
}

pub(crate) fn std_this_thread(port: u16, qos: QoS) -> Times {
    let mut thread = mqtt_std::ThisThread::new().expect("descriptors");
    let client = thread.clients().client(options(port)).expect("good options");
    thread.block_on(trips(client, qos))
}

/// By hand, with a socket that blocks.
pub(crate) fn floor(port: u16, qos: QoS) -> Times {
    let mut connection = Connection::open("floor-trip", port);
    connection.subscribe(qos);
    let mut publish = PublishPacket::new(qos, 64);
    let mut times = Vec::with_capacity(MESSAGES);
    for number in 1..=MESSAGES {
        let start = Instant::now();
        publish.append(number as u16, &mut connection.out);
        connection.flush();
        let (mut has_come, mut is_ended) = (false, qos == QoS::AtMostOnce);
        while !(has_come && is_ended) {
            let (messages, ends) = connection.read();
            if messages > 0 {
                times.push(start.elapsed());
                has_come = true;
            }
            is_ended |= ends > 0;
            connection.flush();
        }
    }
    times.sort_unstable();
    Times(times)
}
