//! Two clients, one broker, three qualities of service and one outage: `cargo run --example quickstart`.
//!
//! Everything happens in this process, on a free port of the loopback interface.

use std::error::Error;
use std::time::Duration;

use mqtt_smol::{Client, Options, Publish, QoS, Subscribe, Subscription, broker};

fn main() -> Result<(), Box<dyn Error>> {
    smol::block_on(async {
        let broker = broker::start("127.0.0.1:0")?;
        println!("broker      listening on {}", broker.url());

        let reader = connect(&broker, "reader").await?;
        let writer = connect(&broker, "writer").await?;
        println!("clients     reader and writer are connected");

        let mut inbox = reader.subscribe(Subscribe::new("home/+/temperature").qos(QoS::ExactlyOnce))?;
        let granted = inbox.granted().await?;
        println!("reader      subscribed to home/+/temperature, granted QoS {granted}");

        println!("\n-- one message at each QoS");
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let outcome = publish(&writer, "home/kitchen/temperature", qos, "21.5")?.await?;
            println!("writer      QoS {qos} published: {outcome}");
            print_next(&mut inbox).await?;
        }

        println!("\n-- the reader's connection is cut; QoS 1 and 2 are published meanwhile");
        // Acknowledgements travel in order: once this is done, the broker has those of the messages above.
        publish(&reader, "home/reader/status", QoS::AtLeastOnce, "all read")?.await?;
        let mut events = reader.events();
        broker.cut("reader");
        println!("reader      {:?}", events.next().await.ok_or("the reader has ended")?);
        for (qos, payload) in [(QoS::AtLeastOnce, "18.0"), (QoS::ExactlyOnce, "17.5")] {
            let outcome = publish(&writer, "home/cellar/temperature", qos, payload)?.await?;
            println!("writer      QoS {qos} published: {outcome}");
        }
        println!("reader      {:?}", events.next().await.ok_or("the reader has ended")?);
        for _ in 0..2 {
            print_next(&mut inbox).await?;
        }

        println!("\n-- the writer's connection is cut; what it publishes waits for the next one");
        broker.cut("writer");
        let first = publish(&writer, "home/attic/temperature", QoS::AtLeastOnce, "25.0")?;
        let second = publish(&writer, "home/attic/temperature", QoS::ExactlyOnce, "25.5")?;
        println!("writer      QoS 1 published: {}", first.await?);
        println!("writer      QoS 2 published: {}", second.await?);
        for _ in 0..2 {
            print_next(&mut inbox).await?;
        }

        println!("\n-- counters");
        for (name, client) in [("reader", &reader), ("writer", &writer)] {
            println!("{name}      {:?}", client.stats().as_tuple());
        }
        for client in [reader, writer] {
            client.disconnect()?.await;
        }
        Ok(())
    })
}

/// A client whose session the broker keeps while it is away.
async fn connect(broker: &broker::Handle, name: &str) -> Result<Client, Box<dyn Error>> {
    let options = Options::from_url(&broker.url())?
        .client_id(name)
        .clean_session(false)
        .reconnect_after(Duration::from_millis(200));
    Ok(mqtt_smol::connect(options, |drive| smol::spawn(drive).detach()).await?)
}

fn publish(
    writer: &Client,
    topic: &str,
    qos: QoS,
    payload: &'static str,
) -> Result<mqtt_smol::PublishToken, mqtt_smol::PublishError> {
    writer.publish(Publish::new(topic, payload).qos(qos))
}

async fn print_next(inbox: &mut Subscription) -> Result<(), Box<dyn Error>> {
    let message = inbox.next().await.ok_or("the reader has ended")?;
    let payload = String::from_utf8_lossy(message.payload());
    println!("reader      QoS {} arrived:   {} = {payload}", message.qos(), message.topic());
    Ok(())
}
