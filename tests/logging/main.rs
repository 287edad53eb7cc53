//! What the log says, and what it must never say. A process of its own, since a log belongs to the whole process.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use futures_lite::future::or;
use mqtt_smol::{Options, Publish, QoS, broker};
use tracing::Level;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics").write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_log_has_connections_and_packets_but_no_secrets() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("this is the only test here");
    let options = Options::from_url(&broker.url()).expect("a good URL").credentials("someone", "password-1");
    let (client, drive) = mqtt_smol::client(options).expect("good options");
    let work = async move {
        client.connect().expect("accepted").await.expect("the broker accepts");
        let publish = Publish::new("topic-1", "payload-1").qos(QoS::ExactlyOnce);
        client.publish(publish).expect("accepted").await.expect("published");
        client.disconnect().expect("online").await;
    };
    smol::block_on(or(work, drive));
    let log = String::from_utf8(lines.0.lock().expect("nobody panics").clone()).expect("the log is text");
    let logged = [
        "opening a link",
        "the link is open",
        "accepted the connection",
        "kind=PUBREC",
        "disconnected as asked",
    ];
    for logged in logged {
        assert!(log.contains(logged), "{logged} is not in the log:\n{log}");
    }
    for secret in ["password-1", "someone", "payload-1"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}
