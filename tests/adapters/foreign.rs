//! No code of the application runs, is woken or is dropped while a lock of the client is held: each piece of it calls the
//! client from inside, which would wait for itself.

use std::future::Future;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use mqtt_smol::adapter::{BoxedLink, Layer};
use mqtt_smol::{Bytes, Client, Credentials, Options, Publish, QoS, Server, Subscribe, broker};

use crate::adapter::{ALL, Adapter};
use crate::scenario::TOO_LONG;

/// The client that everything below calls, and how often it did.
#[derive(Debug, Default)]
struct Nosy {
    client: OnceLock<Mutex<Option<Client>>>,
    calls: AtomicU32,
}

impl Nosy {
    fn set(&self, client: Option<Client>) {
        let slot = self.client.get_or_init(Mutex::default);
        let old = std::mem::replace(&mut *slot.lock().unwrap_or_else(PoisonError::into_inner), client);
        drop(old);
    }

    /// Calls methods that take each lock of the client.
    fn call(&self) {
        let slot = self.client.get_or_init(Mutex::default);
        let client = slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(client) = client {
            let _ = (client.is_connected(), client.stats(), client.messages_waiting());
            let _ = client.subscription_status("a");
            drop(client.events());
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A waker that calls the client when it is woken and when it is dropped.
struct NosyWaker(Arc<Nosy>);

impl Wake for NosyWaker {
    fn wake(self: Arc<Self>) {
        self.0.call();
    }
}

impl Drop for NosyWaker {
    fn drop(&mut self) {
        self.0.call();
    }
}

/// A payload, or an error, whose owner calls the client when it is dropped.
#[derive(Debug)]
struct NosyOwner(Arc<Nosy>, usize);

impl AsRef<[u8]> for NosyOwner {
    fn as_ref(&self) -> &[u8] {
        &[7; 100_000][..self.1]
    }
}

impl Drop for NosyOwner {
    fn drop(&mut self) {
        self.0.call();
    }
}

impl std::fmt::Display for NosyOwner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an error with an owner")
    }
}

impl std::error::Error for NosyOwner {}

/// A layer that fails the first time, with an error that has an owner.
#[derive(Debug)]
struct NosyLayer(Arc<Nosy>, AtomicU32);

impl Layer for NosyLayer {
    fn wrap(&self, link: BoxedLink, _: &Server) -> io::Result<BoxedLink> {
        self.0.call();
        match self.1.fetch_add(1, Ordering::Relaxed) {
            0..3 => Err(io::Error::other(NosyOwner(Arc::clone(&self.0), 1))),
            _ => Ok(link),
        }
    }
}

/// Where a capture goes, as an example of a sink.
struct NosySink(Arc<Nosy>);

impl Write for NosySink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.call();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.call();
        Ok(())
    }
}

/// Runs a test on a thread; one that waits for itself never ends.
fn in_time(adapter: Adapter, test: impl FnOnce() + Send + 'static) {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || {
        test();
        let _ = sender.send(());
    });
    done.recv_timeout(TOO_LONG)
        .unwrap_or_else(|_| panic!("{adapter:?}: code of the application waits for the client"));
}

fn poll_with<F: Future>(nosy: &Arc<Nosy>, future: F) -> Poll<F::Output> {
    let waker = Waker::from(Arc::new(NosyWaker(Arc::clone(nosy))));
    pin!(future).poll(&mut Context::from_waker(&waker))
}

fn connect(adapter: Adapter, broker: &broker::Running, nosy: &Arc<Nosy>) -> Client {
    let for_credentials = Arc::clone(nosy);
    let options = Options::from_url(&broker.url())
        .expect("a good URL")
        .proxy("127.0.0.1", broker.address().port(), NosyLayer(Arc::clone(nosy), AtomicU32::new(0)))
        .client_id("nosy")
        .clean_session(false)
        .retry_first(true)
        .reconnect_after(std::time::Duration::from_millis(10))
        .credentials_from(move || {
            for_credentials.call();
            None::<Credentials>
        })
        .capture(mqtt_smol::Capture::to(NosySink(Arc::clone(nosy))));
    let client = adapter.client(options).expect("good options");
    nosy.set(Some(client.clone()));
    client.connect().expect("it is idle").wait_for(TOO_LONG).expect("in time").expect("accepted");
    client
}

#[test]
fn no_lock_is_held_while_code_of_the_application_runs() {
    for adapter in ALL {
        in_time(adapter, move || {
            let broker = broker::start("127.0.0.1:0").expect("there is a free port");
            let nosy = Arc::new(Nosy::default());
            let client = connect(adapter, &broker, &nosy);
            // Wakers: replaced, forgotten, woken, of every kind of wait.
            let mut stream = client.subscribe(Subscribe::new("a").qos(QoS::ExactlyOnce)).expect("accepted");
            for _time in 0..2 {
                let _ = poll_with(&nosy, stream.granted());
                let _ = poll_with(&nosy, stream.next());
                let _ = poll_with(&nosy, stream.next_held());
                let _ = poll_with(&nosy, client.receive());
                let _ = poll_with(&nosy, client.receive_held());
                let _ = poll_with(&nosy, client.run());
                let _ = poll_with(&nosy, client.events().next());
                let token = client.publish(Publish::new("a", "x").qos(QoS::ExactlyOnce)).expect("accepted");
                let _ = poll_with(&nosy, token);
            }
            stream.wait_granted().expect("granted");
            // Payloads with an owner, small and large, accepted and refused.
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                for size in [10, 100_000] {
                    let payload = Bytes::from_owner(NosyOwner(Arc::clone(&nosy), size));
                    let token = client.publish(Publish::new("a", payload).qos(qos)).expect("accepted");
                    token.wait_for(TOO_LONG).expect("in time").expect("published");
                    let payload = Bytes::from_owner(NosyOwner(Arc::clone(&nosy), size));
                    assert!(client.publish(Publish::new("a/#", payload)).is_err(), "that is no topic");
                }
            }
            // Callbacks: called, replaced, unsubscribed, with what they own.
            for _time in 0..2 {
                let owned = NosyOwner(Arc::clone(&nosy), 1);
                let on = client.on("b", move |client, _| {
                    let _ = &owned;
                    // Refused if the client disconnects before the callback is called.
                    drop(client.unsubscribe("b"));
                });
                drop(on.expect("accepted"));
            }
            let runner = client.clone();
            let run = thread::spawn(move || runner.wait_run());
            drop(client.publish(Publish::new("b", "x").qos(QoS::AtLeastOnce)).expect("accepted"));
            // Connections that break, with errors of a layer, and what waits at the end.
            broker.cut_all();
            let token = client.publish(Publish::new("a", "end").qos(QoS::ExactlyOnce)).expect("accepted");
            token.wait_for(TOO_LONG).expect("in time").expect("published");
            drop(stream);
            client.disconnect().expect("online").wait_for(TOO_LONG).expect("in time");
            run.join().expect("no panic").expect("it was asked to disconnect");
            let payload = Bytes::from_owner(NosyOwner(Arc::clone(&nosy), 100_000));
            assert!(client.publish(Publish::new("a", payload)).is_err(), "it is disconnected");
            nosy.set(None);
            assert!(nosy.calls.load(Ordering::Relaxed) > 30, "{adapter:?}: {nosy:?}");
        });
    }
}
