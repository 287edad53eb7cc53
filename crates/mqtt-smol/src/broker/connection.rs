//! One connection of a served broker: takes turns, and waits for its socket.

use std::io::{self, ErrorKind, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use futures_lite::future::yield_now;
use mqtt_broker::ConnectionId;
use mqtt_broker::host::{Access, Host, Peer, Served, Turn};
use mqtt_parts::TransmitBuf;
use mqtt_transport::{Interest, Socket as _, Waiter};

use super::shared::Shared;
use crate::runtime::{Socket, Timer};

/// Serves a connection until either side closes it.
pub(crate) async fn serve_connection(shared: Arc<Shared>, stream: TcpStream) {
    let accepted = stream.set_nodelay(true).and_then(|()| Socket::accepted(stream));
    let Ok(mut socket) = accepted else { return };
    let id = shared.access(Host::handle_opened);
    let guard = Guard { shared, id };
    let shared = &*guard.shared;
    if shared.access(|host, _| host.broker().is_closing(id)) {
        // One too many, to whom nothing is said.
        return;
    }
    let mut served = Served::new(id, LINGER);
    let mut waiter = Waiter::new(Timer::new());
    loop {
        let turn = served.turn(shared, &mut socket, &mut [0; READ_SIZE]);
        match turn {
            Ok(Turn::Again) => yield_now().await,
            Ok(Turn::Wait { wants_write, deadline }) => {
                let interest = Interest { read: true, write: wants_write };
                let is_due = |context: &mut Context<'_>| {
                    shared.access(|host, _| host.poll_due(id, context)).is_ready()
                };
                waiter.wait_for(&socket, interest, deadline, is_due).await;
            }
            // An error says only that the connection is gone, which the guard reports to the broker.
            Ok(Turn::Closed | Turn::Cut) | Err(_) => return,
        }
    }
}

/// Reports to the broker that the connection is gone, however its task ends.
struct Guard {
    shared: Arc<Shared>,
    id: ConnectionId,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.access(|host, now| host.handle_closed(now, self.id));
    }
}

/// Bytes that are read at once.
const READ_SIZE: usize = 16 * 1024;

/// How long the other side may take to read the last bytes, and to close a connection that the broker has ended.
const LINGER: Duration = Duration::from_secs(1);

/// Chunks of one vectored write.
const CHUNKS_MAX: usize = 64;

impl Peer for Socket {
    type Error = io::Error;

    fn read(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        unless_blocked(self.try_read(buf))
    }

    fn write(&mut self, output: &TransmitBuf) -> io::Result<Option<usize>> {
        let mut chunks = [IoSlice::new(&[]); CHUNKS_MAX];
        let mut count = 0;
        for (slot, chunk) in chunks.iter_mut().zip(output.chunks()) {
            *slot = IoSlice::new(chunk);
            count += 1;
        }
        match unless_blocked(self.try_write(&chunks[..count]))? {
            Some(0) => Err(ErrorKind::WriteZero.into()),
            written => Ok(written),
        }
    }

    fn shut_down(&mut self) -> io::Result<()> {
        self.as_sock_ref().shutdown(Shutdown::Write)
    }
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(len) => Ok(Some(len)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}
