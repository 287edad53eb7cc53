//! Takes jobs from a shared subscription and acknowledges each when its work is done, on tokio:
//! `cargo run -p mqtt-tokio --example worker -- mqtt://localhost`.

use std::error::Error;
use std::time::Duration;

use mqtt_tokio::{Options, QoS, ReasonCode, Subscribe};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".into());
    let options = Options::from_url(&url)?
        .client_id(format!("worker-{}", std::process::id()))
        .clean_session(false)
        .session_expiry(Duration::from_secs(3600));
    let client = mqtt_tokio::connect(options).await?;
    let mut jobs = client.subscribe(Subscribe::new("$share/workers/jobs/#").qos(QoS::AtLeastOnce))?;
    jobs.granted().await?;
    while let Some(mut job) = jobs.next_held().await {
        let Ok(millis) = String::from_utf8_lossy(job.payload()).trim().parse() else {
            job.refuse(ReasonCode::PayloadFormatInvalid)?;
            continue;
        };
        tokio::time::sleep(Duration::from_millis(millis)).await;
        println!("{} took {millis} ms", job.topic());
        // Dropping the job acknowledges it; a worker that dies before leaves it to the next one.
    }
    Ok(())
}
