//! A counter that survives `kill -9`: `cargo run --example counter`.
//!
//! It counts messages of QoS 2. Its number is stored in one step with the acknowledgement of each, so that whenever it
//! is killed, each message is counted once. The demonstration starts it as a process of its own, kills it again and
//! again, and looks at the number in the end; everything happens on the loopback interface and in one temporary file.

use std::error::Error;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};

use mqtt_smol::{Client, Options, Publish, QoS, Subscribe, broker};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Messages that are published.
const MESSAGES: u64 = 200;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [url, file] => smol::block_on(count(url, file)),
        _ => smol::block_on(demonstrate()),
    }
}

/// The program that is killed: counts, and prints each number once it is stored.
async fn count(url: &str, file: &str) -> Result<()> {
    let store = mqtt_store_redb::open(file)?;
    let options = Options::from_url(url)?.client_id("counter").clean_session(false).store(store);
    let client = mqtt_smol::connect(options, |drive| smol::spawn(drive).detach()).await?;
    let mut ticks = client.subscribe(Subscribe::new("ticks").qos(QoS::ExactlyOnce))?;
    ticks.granted().await?;
    println!("{}", counted(&client));
    while let Some(mut tick) = ticks.next_held().await {
        let count = counted(&client) + 1;
        tick.acknowledge_with("count", count.to_be_bytes())?;
        client.stored().await?;
        println!("{count}");
    }
    Ok(())
}

fn counted(client: &Client) -> u64 {
    client.stored_value("count").and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
}

/// Starts a counter, waits until it has counted that far, kills it, and says how far it has come by then.
async fn kill_at(wanted: u64, url: &str, file: &str) -> io::Result<u64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([url, file]).stdout(Stdio::piped());
    smol::unblock(move || {
        let mut process = command.spawn()?;
        let output = BufReader::new(process.stdout.take().expect("it was asked for"));
        let mut numbers = output.lines().map_while(|line| line.ok()?.parse().ok());
        let reached = numbers.find(|number| *number >= wanted);
        process.kill()?;
        process.wait()?;
        let reached = numbers.last().or(reached);
        reached.ok_or_else(|| io::Error::other("the counter has ended by itself"))
    })
    .await
}

async fn demonstrate() -> Result<()> {
    let broker = broker::start("127.0.0.1:0")?;
    let url = broker.url();
    let file = std::env::temp_dir().join(format!("counter-{}.store", std::process::id()));
    let path = file.to_str().ok_or("the temporary folder is not UTF-8")?.to_string();

    // There is a subscription before the first message.
    println!("counter  started, and killed at {}", kill_at(0, &url, &path).await?);

    let client = mqtt_smol::connect(Options::from_url(&url)?, |drive| smol::spawn(drive).detach()).await?;
    for number in 0..MESSAGES {
        let tick = Publish::new("ticks", number.to_string()).qos(QoS::ExactlyOnce);
        client.publish(tick)?.await?;
    }
    println!("ticks    {MESSAGES} are published while the counter is dead");

    for wanted in [10, 60, 61, 150, MESSAGES] {
        println!("counter  killed at {}", kill_at(wanted, &url, &path).await?);
    }
    let count = kill_at(0, &url, &path).await?;
    std::fs::remove_file(&file)?;
    println!("counter  says {count} of {MESSAGES}");
    if count == MESSAGES { Ok(()) } else { Err("a message was lost or counted twice".into()) }
}
