//! TLS with a root and a client certificate of one's own, on tokio:
//! `cargo run -p mqtt-tokio --features ring --example secure -- mqtts://broker roots.pem chain.pem key.pem`.

use std::error::Error;

use mqtt_tokio::transport::Tls;
use mqtt_tokio::{Options, Publish, QoS};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, roots, chain, key] = arguments.as_slice() else {
        return Err("usage: secure URL ROOTS CHAIN KEY".into());
    };
    let tls = Tls::builder().roots_file(roots)?.client_certificate_files(chain, key)?.build()?;
    let client = mqtt_tokio::connect(Options::from_url(url)?.tls(tls)).await?;
    let reason = client.publish(Publish::new("hello", "over TLS").qos(QoS::AtLeastOnce))?.await?;
    println!("published: {reason}");
    client.disconnect()?.await;
    Ok(())
}
