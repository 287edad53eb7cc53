//! Prints how much memory an idle connection takes, resident, and that many live connections of one process publish
//! and receive, against a mosquitto of one's own.
//!
//! `idle-table smol COUNT` and `idle-table std COUNT` measure one adapter in a process of their own; without an
//! argument both are run. Fails above the bound.

use std::fs;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use benches::server::Server;
use mqtt_client::{Client, Options, Publish, QoS};

/// What an idle connection may take.
const BOUND: usize = 8 * 1024;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run_all(),
        [adapter, count, port] => {
            let (Ok(count), Ok(port)) = (count.parse(), port.parse()) else { return ExitCode::FAILURE };
            let bytes = if adapter == "smol" { smol(port, count) } else { threads(port, count) };
            println!("mqtt-{adapter}, {count} idle connections: {bytes} bytes resident each");
            if bytes <= BOUND { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        _ => ExitCode::FAILURE,
    }
}

fn run_all() -> ExitCode {
    let Some(server) = Server::start() else {
        println!("mosquitto is not installed: nothing is measured");
        return ExitCode::SUCCESS;
    };
    let program = std::env::current_exe().expect("it runs");
    let mut all_fit = true;
    for (adapter, count) in [("smol", "10000"), ("std", "1000")] {
        let mut command = Command::new(&program);
        let status = command.args([adapter, count, &server.port.to_string()]).status().expect("it starts");
        all_fit &= status.success();
    }
    if all_fit { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options(port: u16, number: usize) -> Options {
    Options::new("127.0.0.1")
        .port(port)
        .client_id(format!("idle-{number}"))
        .keep_alive(Duration::ZERO)
        .network_timeout(Duration::from_secs(60))
}

/// Bytes that are resident.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    pages * 4096
}

/// The difference between a process with `count` connections and one with few.
fn smol(port: u16, count: usize) -> usize {
    let executor = async_executor::Executor::new();
    let work = async {
        let mut clients = Vec::with_capacity(count);
        let connect = async |number: usize| {
            let (client, drive) = mqtt_smol::client(options(port, number)).expect("good options");
            executor.spawn(drive).detach();
            let token = client.connect().expect("it is idle");
            (client, token)
        };
        // What is needed once is there before it counts.
        for number in 0..100 {
            let (client, token) = connect(number).await;
            token.await.expect("mosquitto accepts");
            clients.push(client);
        }
        let before = resident();
        let mut number = clients.len();
        while number < count {
            let mut tokens = Vec::new();
            for _connection in 0..100.min(count - number) {
                let (client, token) = connect(number).await;
                clients.push(client);
                tokens.push(token);
                number += 1;
            }
            for token in tokens {
                token.await.expect("mosquitto accepts");
            }
        }
        let bytes = (resident() - before) / (count - 100);
        live(&clients).await;
        bytes
    };
    async_io::block_on(executor.run(work))
}

/// Every connection publishes to its neighbour, and receives.
async fn live(clients: &[Client]) {
    let start = Instant::now();
    for batch in clients.chunks(200) {
        let tokens: Vec<_> = batch
            .iter()
            .enumerate()
            .map(|(index, client)| client.listen(topic(batch, index).as_str()).expect("accepted"))
            .collect();
        for token in tokens {
            token.await.expect("granted");
        }
        for (index, client) in batch.iter().enumerate() {
            let neighbour = topic(batch, (index + 1) % batch.len());
            drop(client.publish(Publish::new(&neighbour, "x").qos(QoS::AtLeastOnce)).expect("accepted"));
        }
        for client in batch {
            client.receive().await.expect("it goes on");
        }
    }
    println!(
        "{} live connections each published and received, in {:.1} s",
        clients.len(),
        start.elapsed().as_secs_f64()
    );
}

fn topic(batch: &[Client], index: usize) -> String {
    format!("live/{}", batch[index].client_id())
}

fn threads(port: u16, count: usize) -> usize {
    let mut clients = Vec::with_capacity(count);
    let connect = |number| mqtt_std::connect(options(port, number)).expect("mosquitto accepts");
    clients.extend((0..50).map(connect));
    let before = resident();
    clients.extend((50..count).map(connect));
    let bytes = (resident() - before) / (count - 50);
    drop(clients);
    bytes
}
