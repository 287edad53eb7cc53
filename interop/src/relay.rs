//! A relay between a client and a broker, for outages of the network: all connections through it can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A relay that listens on a port of its own until the program ends.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) port: u16,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    /// Relays to that port.
    pub(crate) fn start(server: u16) -> Result<Relay, String> {
        let listener = TcpListener::bind("127.0.0.1:0");
        let listener = listener.map_err(|error| format!("there is no free port: {error}"))?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let open = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&open);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)) {
                    // A connection that cannot be relayed is closed, which the client takes for an outage.
                    let _ = relay(&client, &server, &shared);
                }
            }
        });
        Ok(Relay { port, open })
    }

    /// Cuts all connections without a packet.
    pub(crate) fn cut(&self) {
        for stream in lock(&self.open).drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn lock(open: &Mutex<Vec<TcpStream>>) -> MutexGuard<'_, Vec<TcpStream>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

fn relay(client: &TcpStream, server: &TcpStream, open: &Mutex<Vec<TcpStream>>) -> std::io::Result<()> {
    lock(open).extend([client.try_clone()?, server.try_clone()?]);
    for (from, to) in [(client, server), (server, client)] {
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || pump(from, to));
    }
    Ok(())
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let mut buf = vec![0; 65_536];
    while let Ok(len) = from.read(&mut buf) {
        if len == 0 || to.write_all(&buf[..len]).is_err() {
            break;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown(Shutdown::Write);
}
