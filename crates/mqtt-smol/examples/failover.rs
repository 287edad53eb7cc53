//! Publishes over a list of servers and says what the connection does:
//! `cargo run -p mqtt-smol --example failover -- localhost:1883 localhost:1884`.

use std::error::Error;
use std::time::Duration;

use mqtt_smol::{Options, Publish, QoS, ServerOrder};
use smol::Timer;

fn main() -> Result<(), Box<dyn Error>> {
    let mut servers = std::env::args().skip(1).filter_map(|argument| {
        let (host, port) = argument.rsplit_once(':')?;
        Some((host.to_owned(), port.parse::<u16>().ok()?))
    });
    let (host, port) = servers.next().ok_or("usage: failover HOST:PORT ...")?;
    let options = servers
        .fold(Options::new(host).port(port), |options, (host, port)| options.or_server(host, port))
        .server_order(ServerOrder::Shuffled)
        .retry_first(true);
    smol::block_on(async {
        let client = mqtt_smol::connect(options, |drive| smol::spawn(drive).detach()).await?;
        let mut events = client.events();
        smol::spawn(async move {
            while let Some(event) = events.next().await {
                println!("{event:?}");
            }
        })
        .detach();
        for number in 0u64.. {
            let publish = Publish::new("failover", number.to_string()).qos(QoS::AtLeastOnce);
            let token = client.publish(publish)?;
            println!("{number}: {}", token.explain());
            println!("{number}: {:?}", token.await);
            Timer::after(Duration::from_secs(1)).await;
        }
        Ok(())
    })
}
