//! Prints what a store costs: durable QoS 1 publishing with group commit, beside one commit for each message and beside
//! the same client without a store, interleaved, on the same disk, against a mosquitto of one's own; then a restart with
//! 100,000 stored messages.
//!
//! With a number it publishes so many messages with a bounded queue instead, and plots the size of the file and the
//! memory of the process over time into `target/store.svg`.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use benches::server::Server;
use cpu_time::ProcessTime;
use futures_lite::future::{block_on, or};
use mqtt_smol::{Client, Options, Publish, PublishToken, QoS};

/// Rounds of each contestant; the best of each counts, since what disturbs only adds.
const ROUNDS: usize = 3;

/// Messages whose end is awaited at the same time.
const OUTSTANDING: usize = 1000;

/// How a message is published.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    NoStore,
    Group,
    /// Each message is stored before the next one is published.
    Single,
}

fn main() {
    let Some(server) =
        Server::start_with("allow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\n")
    else {
        println!("mosquitto is not installed: nothing is measured");
        return;
    };
    let folder = std::env::temp_dir().join(format!("store-table-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("it can be made");
    match std::env::args().nth(1) {
        Some(count) => plot(server.port, &folder, count.parse().expect("a number of messages")),
        None => table(server.port, &folder),
    }
    fs::remove_dir_all(&folder).expect("it is there");
}

#[derive(Clone, Copy)]
struct Figure {
    /// CPU time of the whole process for a message, in microseconds.
    cpu: f64,
    /// Messages in a second.
    rate: f64,
}

fn table(port: u16, folder: &Path) {
    let cases = [(Mode::NoStore, 50_000), (Mode::Group, 50_000), (Mode::Single, 2_000)];
    let mut best = [Figure { cpu: f64::MAX, rate: 0.0 }; 3];
    for round in 0..ROUNDS {
        for (best, (mode, count)) in best.iter_mut().zip(cases) {
            let file = folder.join(format!("{}-{round}.store", mode as usize));
            let figure = publish(port, mode, &file, count);
            best.cpu = best.cpu.min(figure.cpu);
            best.rate = best.rate.max(figure.rate);
        }
    }
    println!("| QoS 1, 64 B | messages a second | ÷ one commit each | µs CPU | ÷ without a store |");
    println!("|---|---|---|---|---|");
    let names = ["without a store", "with a store", "with a store, one commit for each message"];
    for (name, figure) in names.iter().zip(best) {
        println!(
            "| {name} | {:.0} | {:.1} | {:.2} | {:.2} |",
            figure.rate,
            figure.rate / best[2].rate,
            figure.cpu,
            figure.cpu / best[0].cpu
        );
    }
    restart(folder);
}

fn options(port: u16) -> Options {
    Options::new("127.0.0.1").port(port).client_id("durable").clean_session(false).retry_first(true)
}

fn payload() -> bytes::Bytes {
    bytes::Bytes::from_static(&[7; 64])
}

fn publish(port: u16, mode: Mode, file: &Path, count: usize) -> Figure {
    let mut options = options(port);
    if mode != Mode::NoStore {
        options = options.store(mqtt_store_redb::open(file).expect("it is new"));
    }
    let (client, drive) = mqtt_smol::client(options).expect("good options");
    let work = async {
        client.connect().expect("accepted").await.expect("mosquitto accepts");
        let (cpu, time) = (ProcessTime::now(), Instant::now());
        publish_all(&client, count, mode == Mode::Single, |_| ()).await;
        let (cpu, time) = (cpu.elapsed(), time.elapsed());
        client.disconnect().expect("online").await;
        Figure { cpu: cpu.as_secs_f64() * 1e6 / count as f64, rate: count as f64 / time.as_secs_f64() }
    };
    run(work, drive)
}

async fn publish_all(client: &Client, count: usize, is_single: bool, mut look: impl FnMut(usize)) {
    let mut tokens: VecDeque<PublishToken> = VecDeque::new();
    for number in 0..count {
        let publish = Publish::new("bench/topic", payload()).qos(QoS::AtLeastOnce);
        let token = client.publish(publish).expect("accepted");
        if is_single {
            token.stored().await.expect("the disk is good");
        }
        tokens.push_back(token);
        if tokens.len() >= OUTSTANDING {
            for token in tokens.drain(..OUTSTANDING / 2) {
                token.await.expect("published");
            }
        }
        look(number);
    }
    for token in tokens {
        token.await.expect("published");
    }
}

fn run<T>(work: impl Future<Output = T>, drive: impl Future<Output = ()>) -> T {
    block_on(or(work, async {
        drive.await;
        panic!("the driver ends after the work");
    }))
}

/// A program that has stored 100,000 messages ends; how long the next one takes until it may connect.
fn restart(folder: &Path) {
    let file = folder.join("restart.store");
    let store = mqtt_store_redb::open(&file).expect("it is new");
    // Nobody listens on port 1.
    let options = |store| options(1).queue_messages_max(200_000).store(store);
    let (client, drive) = mqtt_smol::client(options(store.clone())).expect("good options");
    drop(client.connect().expect("accepted"));
    let storing = async {
        let mut last = None;
        for _message in 0..100_000 {
            let publish = Publish::new("bench/topic", payload()).qos(QoS::AtLeastOnce);
            last = Some(client.publish(publish).expect("accepted"));
        }
        last.expect("there is one").stored().await.expect("the disk is good");
    };
    run(storing, drive);
    drop(client);
    store.close().expect("the disk is good");
    let size = fs::metadata(&file).expect("it is there").len();
    let mut best = [Duration::MAX; 2];
    for _round in 0..ROUNDS {
        let began = Instant::now();
        let store = mqtt_store_redb::open(&file).expect("it is good");
        let opened = began.elapsed();
        let (client, drive) = mqtt_smol::client(options(store.clone())).expect("good options");
        assert_eq!(client.messages_queued(), 100_000);
        best = [best[0].min(opened), best[1].min(began.elapsed())];
        drop((client, drive));
        store.close().expect("the disk is good");
    }
    println!(
        "restart with 100,000 stored messages, a file of {} KiB: {:.0} ms, of them {:.0} ms to open the file",
        size / 1024,
        best[1].as_secs_f64() * 1e3,
        best[0].as_secs_f64() * 1e3,
    );
}

/// What was looked at on the way: messages, bytes of the file, bytes of memory.
type Sample = (usize, u64, u64);

fn plot(port: u16, folder: &Path, count: usize) {
    let file = folder.join("long.store");
    let store = mqtt_store_redb::open(&file).expect("it is new");
    let options = options(port).queue_messages_max(OUTSTANDING).store(store.clone());
    let (client, drive) = mqtt_smol::client(options).expect("good options");
    let mut samples: Vec<Sample> = Vec::new();
    let began = Instant::now();
    let work = async {
        client.connect().expect("accepted").await.expect("mosquitto accepts");
        publish_all(&client, count, false, |number| {
            if number % (count / 200).max(1) == 0 {
                samples.push((number, fs::metadata(&file).expect("it is there").len(), memory()));
            }
        })
        .await;
        client.disconnect().expect("online").await;
    };
    run(work, drive);
    drop(client);
    store.close().expect("the disk is good");
    let path = PathBuf::from("target/store.svg");
    fs::create_dir_all("target").and_then(|()| fs::write(&path, svg(&samples))).expect("it can be written");
    let largest = |of: fn(&Sample) -> u64| samples.iter().map(of).max().unwrap_or(0) / 1024;
    let half = samples.len() / 2;
    let later = |of: fn(&Sample) -> u64| samples[half..].iter().map(of).max().unwrap_or(0) / 1024;
    println!(
        "{count} messages in {:.0} s; file at most {} KiB, in the second half {} KiB; memory at most {} KiB, in the second \
         half {} KiB; {}",
        began.elapsed().as_secs_f64(),
        largest(|sample| sample.1),
        later(|sample| sample.1),
        largest(|sample| sample.2),
        later(|sample| sample.2),
        path.display(),
    );
}

/// Resident memory of this process in bytes; 0 where the system does not say.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Two lines over the number of messages, each with its largest value as a label.
fn svg(samples: &[Sample]) -> String {
    let (width, height) = (800.0, 400.0);
    let last = samples.last().map_or(1, |sample| sample.0.max(1)) as f64;
    let largest = samples.iter().map(|sample| sample.1.max(sample.2)).max().unwrap_or(1).max(1) as f64;
    let line = |of: fn(&Sample) -> u64, colour: &str, name: &str, y: u32| {
        let points = samples.iter().map(|sample| {
            let (x, y) = (sample.0 as f64 / last * width, height - of(sample) as f64 / largest * height);
            format!("{x:.1},{y:.1}")
        });
        let points: Vec<String> = points.collect();
        let most = samples.iter().map(of).max().unwrap_or(0) / 1024;
        format!(
            "<polyline fill=\"none\" stroke=\"{colour}\" points=\"{}\"/>\n<text x=\"10\" y=\"{y}\" fill=\"{colour}\">{name}, \
             at most {most} KiB</text>\n",
            points.join(" ")
        )
    };
    let lines = line(|sample| sample.1, "steelblue", "file", 20)
        + &line(|sample| sample.2, "darkorange", "memory", 40);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {}\" font-family=\"sans-serif\">\n{lines}<text \
         x=\"10\" y=\"{}\">messages published, up to {last}</text>\n</svg>\n",
        height + 30.0,
        height + 20.0
    )
}
