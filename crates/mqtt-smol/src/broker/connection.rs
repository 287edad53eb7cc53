//! One connection of a served broker: takes turns over its layers, and waits for its socket.

use std::io::{self, ErrorKind, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use futures_lite::future::yield_now;
use mqtt_broker::ConnectionId;
use mqtt_broker::host::{Access, Peer, Served, Turn};
use mqtt_client::adapter::{BoxedLink, Link};
use mqtt_parts::TransmitBuf;
use mqtt_transport::{Interest, Socket as _, Waiter};

use super::listen::Listen;
use super::shared::Shared;
use crate::runtime::{Socket, Timer};

/// Serves a connection until either side closes it.
pub(crate) async fn serve_connection(
    shared: Arc<Shared>,
    stream: TcpStream,
    address: SocketAddr,
    how: Listen,
) {
    let accepted = stream.set_nodelay(true).and_then(|()| Socket::accepted(stream));
    let Ok(socket) = accepted.map(Arc::new) else { return };
    let id = shared.access(|host, now| host.handle_opened_from(now, address));
    let mut guard = Guard { shared: Arc::clone(&shared), id, error: None };
    guard.error = serve(&shared, id, &socket, &how).await.err();
}

/// Fails if the link does; a link that ends or is not wanted any more is no failure.
async fn serve(shared: &Shared, id: ConnectionId, socket: &Arc<Socket>, how: &Listen) -> io::Result<()> {
    if shared.access(|host, _| host.broker().is_closing(id)) {
        // One too many, to whom nothing is said.
        return Ok(());
    }
    let link = how.accept(Box::new(SocketLink(Arc::clone(socket))))?;
    let mut link = ServedLink { link, is_interrupted: false };
    let mut served = Served::new(id, LINGER);
    let mut waiter = Waiter::new(Timer::new());
    loop {
        let turn = served.turn(shared, &mut link, &mut [0; READ_SIZE]);
        match turn {
            Ok(Turn::Again) => yield_now().await,
            // Layers may have more that the socket does not know of.
            Ok(Turn::Wait { .. }) if link.is_interrupted => yield_now().await,
            Ok(Turn::Wait { wants_write, deadline }) => {
                let interest = Interest { read: true, write: link.link.wants_write(wants_write) };
                let is_due = |context: &mut Context<'_>| {
                    shared.access(|host, _| host.poll_due(id, context)).is_ready()
                };
                waiter.wait_for(socket, interest, deadline, is_due).await;
            }
            Ok(Turn::Cut) => return Err(io::Error::other("cut by the broker's owner")),
            Ok(Turn::Closed) | Err(None) => return Ok(()),
            Err(Some(error)) => return Err(error),
        }
    }
}

/// Reports to the broker that the connection is gone, however its task ends.
struct Guard {
    shared: Arc<Shared>,
    id: ConnectionId,
    error: Option<io::Error>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.access(|host, now| match &self.error {
            Some(error) => host.handle_failed(now, self.id, error),
            None => host.handle_closed(now, self.id),
        });
    }
}

/// Bytes that are read at once.
const READ_SIZE: usize = 16 * 1024;

/// How long the other side may take to read the last bytes, and to close a connection that the broker has ended.
const LINGER: Duration = Duration::from_secs(1);

/// Chunks of one vectored write.
const CHUNKS_MAX: usize = 64;

/// The link at the bottom of all layers.
struct SocketLink(Arc<Socket>);

impl Link for SocketLink {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buf)
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write(chunks)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.0.as_sock_ref().shutdown(Shutdown::Write)
    }

    fn short_read_is_all(&self) -> bool {
        self.0.short_read_is_all()
    }
}

/// The link through all layers.
struct ServedLink {
    link: BoxedLink,
    /// Whether the last read had its share without a byte of payload, so that there may be more.
    is_interrupted: bool,
}

impl Peer for ServedLink {
    type Error = io::Error;

    fn read(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let result = self.link.try_read(buf);
        self.is_interrupted = matches!(&result, Err(error) if error.kind() == ErrorKind::Interrupted);
        unless_blocked(result)
    }

    fn write(&mut self, output: &TransmitBuf) -> io::Result<Option<usize>> {
        let mut chunks = [IoSlice::new(&[]); CHUNKS_MAX];
        let mut count = 0;
        for (slot, chunk) in chunks.iter_mut().zip(output.chunks()) {
            *slot = IoSlice::new(chunk);
            count += 1;
        }
        match unless_blocked(self.link.try_write(&chunks[..count]))? {
            Some(0) => Err(ErrorKind::WriteZero.into()),
            written => Ok(written),
        }
    }

    fn shut_down(&mut self) -> io::Result<()> {
        self.link.shutdown()
    }

    fn short_read_is_all(&self) -> bool {
        self.link.short_read_is_all()
    }
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(len) => Ok(Some(len)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}
