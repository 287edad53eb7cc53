//! A relay between client and server that notes what the client says, and cuts connections on request.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use mqtt_proto::{Context, Packet, Sender, Version, decode, frame_len};

use crate::scenario::{TOO_LONG, Wire};

/// A relay that listens on a port of its own.
pub(crate) struct Tap {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// A client has said its last word.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// What clients said, packet by packet.
    said: Vec<String>,
    open: Vec<TcpStream>,
    /// Connections whose client may still say something.
    talking: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap {
    /// Relays to that server until the test ends.
    pub(crate) fn start(server: SocketAddr) -> Tap {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let shared = Arc::new(Shared::default());
        let relays = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let Ok(server) = TcpStream::connect(server) else { continue };
                relay(client, server, &relays);
            }
        });
        Tap { port, shared }
    }

    /// What all clients have said, once each has closed its connection: until then the last packets may be under way.
    pub(crate) fn said(&self) -> Vec<String> {
        let state = self.shared.lock();
        let (state, wait) = self
            .shared
            .ended
            .wait_timeout_while(state, TOO_LONG, |state| state.talking > 0)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!wait.timed_out(), "a client that has disconnected closes its connection");
        state.said.clone()
    }
}

impl Wire for Tap {
    fn cut(&self) {
        for stream in self.shared.lock().open.drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn relay(client: TcpStream, server: TcpStream, shared: &Arc<Shared>) {
    let copy = |stream: &TcpStream| stream.try_clone().expect("the system has room for a socket");
    let mut state = shared.lock();
    state.open.extend([copy(&client), copy(&server)]);
    state.talking += 1;
    drop(state);
    let (from_server, to_client) = (copy(&server), copy(&client));
    thread::spawn(move || pump(from_server, to_client, |_| {}));
    let shared = Arc::clone(shared);
    let mut heard = Vec::new();
    let mut version = Version::V5_0;
    thread::spawn(move || {
        pump(client, server, |bytes| {
            heard.extend_from_slice(bytes);
            while let Ok(Some(len)) = frame_len(&heard, u32::MAX) {
                if heard.len() < len {
                    break;
                }
                let frame: Vec<u8> = heard.drain(..len).collect();
                let packet = decode(&frame, Context { version, sender: Some(Sender::Client) });
                if let Ok(Packet::Connect(connect)) = &packet {
                    version = connect.version();
                }
                let text = packet.map_or_else(|error| error.to_string(), |packet| packet.to_string());
                shared.lock().said.push(text);
            }
        });
        shared.lock().talking -= 1;
        shared.ended.notify_all();
    });
}

fn pump(mut from: TcpStream, mut to: TcpStream, mut note: impl FnMut(&[u8])) {
    let mut buf = vec![0; 65_536];
    while let Ok(len) = from.read(&mut buf) {
        note(&buf[..len]);
        if len == 0 || to.write_all(&buf[..len]).is_err() {
            break;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown(Shutdown::Write);
}
