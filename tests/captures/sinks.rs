//! Where a client's log goes, and what becomes of it if that fails.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Write};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use mqtt_memory::{Capture, ConnectionEvent, Options, Publish, QoS, World};
use tests::recording::{Recording, replay_equal};

/// Takes so many bytes and then no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn publish_ten(world: &World, options: Options) -> Vec<ConnectionEvent> {
    let client = world.client(options);
    let mut events = client.events();
    client.connect().expect("it may").await.expect("the broker accepts");
    for _ in 0..10 {
        let publish = Publish::new("topic", vec![0; 100]).qos(QoS::AtLeastOnce);
        client.publish(publish).expect("it is accepted").await.expect("it arrives");
    }
    client.disconnect().expect("it is online").await;
    let mut seen = Vec::new();
    loop {
        let next = poll_fn(|context| Poll::Ready(pin!(events.next()).poll(context))).await;
        let Poll::Ready(Some(event)) = next else { return seen };
        seen.push(event);
    }
}

#[test]
fn a_sink_that_fails_ends_the_capture_and_not_the_client() {
    let world = World::calm(1);
    let options = Options::new("broker").client_id("c").capture(Capture::to(Full(300)));
    let events = world.run_until(publish_ten(&world, options)).expect("it ends");
    let failures = |event: &&ConnectionEvent| matches!(event, ConnectionEvent::CaptureFailed { .. });
    assert_eq!(events.iter().filter(failures).count(), 1, "{events:?}");
    assert!(events.contains(&ConnectionEvent::CaptureFailed { kind: ErrorKind::StorageFull }), "{events:?}");
}

#[test]
fn of_two_clients_with_the_same_options_the_first_is_recorded() {
    let world = World::calm(1);
    let (capture, recording) = Recording::start();
    let options = Options::new("broker").client_id("c").capture(capture);
    for _ in 0..2 {
        world.run_until(publish_ten(&world, options.clone())).expect("it ends");
    }
    drop(world);
    let log = recording.wait(Duration::ZERO).expect("the world has let its clients go");
    let replayed = replay_equal(&log, "the first client");
    assert_eq!(replayed.packets_out, 12, "CONNECT, ten messages, DISCONNECT");
}
