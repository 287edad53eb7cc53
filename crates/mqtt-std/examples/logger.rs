//! Prints every message of a filter, with blocking calls only:
//! `cargo run -p mqtt-std --example logger -- mqtt://localhost '#'`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or("mqtt://localhost".into());
    let filter = arguments.next().unwrap_or("#".into());
    let client = mqtt_std::connect(&url)?;
    let mut messages = client.subscribe(filter.as_str())?;
    messages.wait_granted()?;
    for message in messages.wait_all() {
        println!("{}: {}", message.topic(), String::from_utf8_lossy(message.payload()));
    }
    Ok(())
}
