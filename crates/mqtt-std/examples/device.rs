//! A device in the way of the interface that this library grew from: callbacks, publish with a timeout, a loop.
//! `cargo run -p mqtt-std --example device -- mqtt://localhost`.

use std::error::Error;
use std::thread;
use std::time::Duration;

use mqtt_std::{Options, Publish, PublishError, QoS};

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".into());
    let client = mqtt_std::connect(Options::from_url(&url)?.client_id("device-1"))?;
    drop(client.on("device-1/echo", |client, message| {
        let echo = Publish::new("device-1/echoed", message.payload_bytes()).qos(QoS::AtLeastOnce);
        if let Err(error) = client.publish(echo) {
            eprintln!("not echoed: {error}");
        }
    })?);
    let sensor = client.clone();
    thread::spawn(move || -> Result<(), PublishError> {
        loop {
            let reading = Publish::new("device-1/temperature", "21.5").qos(QoS::AtLeastOnce);
            match sensor.publish(reading.timeout(Duration::from_secs(5)))?.wait() {
                Ok(_) => {}
                Err(error) if error.is_timeout() => eprintln!("the server does not answer: {error}"),
                Err(error) => return Err(error),
            }
            thread::sleep(Duration::from_secs(10));
        }
    });
    client.wait_run()?;
    Ok(())
}
