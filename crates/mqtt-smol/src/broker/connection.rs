//! One connection of a served broker: the counterpart of a client's driver turn.
//!
//! It never stops reading, and it takes from the broker only what it is about to write. A connection that the broker has
//! ended is gone after [`LINGER`], whatever the other side does.

use std::io::{self, ErrorKind, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use bytes::BytesMut;
use futures_lite::future::yield_now;
use mqtt_broker::ConnectionId;
use mqtt_client::{Clock, Instant, SystemClock};
use mqtt_parts::TransmitBuf;
use mqtt_transport::{Interest, Socket as _, Waiter};

use super::shared::Shared;
use crate::runtime::{Socket, Timer};

/// Serves a connection until either side closes it.
pub(crate) async fn serve_connection(shared: Arc<Shared>, stream: TcpStream) {
    let Ok(socket) = stream.set_nodelay(true).and_then(|()| Socket::accepted(stream)) else { return };
    let id = shared.open();
    let mut connection = Connection {
        guard: Guard { shared, id },
        socket,
        input: BytesMut::new(),
        output: TransmitBuf::new(),
        sent: 0,
        closes_at: None,
        is_shut_down: false,
    };
    // An error says only that the connection is gone, which the guard tells the broker.
    let _ = connection.serve().await;
}

struct Connection {
    guard: Guard,
    socket: Socket,
    /// The beginning of a packet whose rest has not arrived.
    input: BytesMut,
    output: TransmitBuf,
    /// Bytes that went through `output` since it was new.
    sent: usize,
    /// When a connection that the broker ends is let go, whatever the other side does.
    closes_at: Option<Instant>,
    is_shut_down: bool,
}

/// Tells the broker that the connection is gone, however its task ends.
struct Guard {
    shared: Arc<Shared>,
    id: ConnectionId,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.close(self.id);
    }
}

/// Whether a connection can go on without waiting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Again,
    Wait,
}

/// Bytes that are read at once.
const READ_SIZE: usize = 16 * 1024;

/// While more bytes than this wait to be written, what the broker has for the client stays there, where it is bounded.
const OUTPUT_LOW: usize = 64 * 1024;

/// Writes of one turn at the most, so that others get their share.
const WRITES_PER_TURN: usize = 16;

/// The buffer of an idle connection that sent more than this is not kept.
const OUTPUT_KEPT: usize = 16 * 1024;

/// How long the other side may take to read the last bytes, and to close a connection that the broker has ended.
const LINGER: Duration = Duration::from_secs(1);

impl Connection {
    async fn serve(&mut self) -> io::Result<()> {
        let Guard { shared, id } = &self.guard;
        let (shared, id) = (Arc::clone(shared), *id);
        if shared.lock().broker.is_closing(id) {
            // One too many, to whom nothing is said.
            return Ok(());
        }
        let mut waiter = Waiter::new(Timer::new());
        loop {
            let read = self.read()?;
            let written = self.write()?;
            if shared.is_cut(id) {
                return Ok(());
            }
            if shared.lock().broker.is_closing(id) {
                let now = SystemClock.now();
                if *self.closes_at.get_or_insert(now + LINGER) <= now {
                    return Ok(());
                }
                if written == Turn::Wait && self.output.is_empty() && !self.is_shut_down {
                    self.is_shut_down = true;
                    self.socket.as_sock_ref().shutdown(Shutdown::Write)?;
                }
            }
            if read == Turn::Again || written == Turn::Again {
                yield_now().await;
                continue;
            }
            if self.output.is_empty() && self.sent > OUTPUT_KEPT {
                (self.output, self.sent) = (TransmitBuf::new(), 0);
            }
            // It reads on although the other side does not, so that the two never wait for one another.
            let interest = Interest { read: true, write: !self.output.is_empty() };
            let is_called = |context: &mut Context<'_>| shared.poll_connection(id, context).is_ready();
            waiter.wait_for(&self.socket, interest, self.closes_at, is_called).await;
        }
    }

    fn read(&mut self) -> io::Result<Turn> {
        let mut scratch = [0; READ_SIZE];
        match self.socket.try_read(&mut scratch) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => {
                let Connection { guard, input, .. } = self;
                let bytes = &scratch[..len];
                guard.shared.change(|broker, now| broker.handle_bytes(now, guard.id, input, bytes));
                Ok(if len == READ_SIZE { Turn::Again } else { Turn::Wait })
            }
            Err(error) if is_passing(&error) => Ok(Turn::Wait),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self) -> io::Result<Turn> {
        for _write in 0..WRITES_PER_TURN {
            let Connection { guard, output, .. } = self;
            if output.len() < OUTPUT_LOW {
                guard.shared.change(|broker, now| broker.poll_transmit(now, guard.id, output));
            }
            if self.output.is_empty() {
                return Ok(Turn::Wait);
            }
            let mut chunks = [IoSlice::new(&[]); CHUNKS_MAX];
            let mut count = 0;
            for (slot, chunk) in chunks.iter_mut().zip(self.output.chunks()) {
                *slot = IoSlice::new(chunk);
                count += 1;
            }
            match self.socket.try_write(&chunks[..count]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(len) => {
                    self.output.advance(len);
                    self.sent = self.sent.saturating_add(len);
                }
                Err(error) if is_passing(&error) => return Ok(Turn::Wait),
                Err(error) => return Err(error),
            }
        }
        Ok(Turn::Again)
    }
}

/// Chunks of one vectored write.
const CHUNKS_MAX: usize = 64;

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
