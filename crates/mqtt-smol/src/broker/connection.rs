//! One connection of a served broker: the counterpart of a client's driver turn.

use std::io::{self, ErrorKind, IoSlice};
use std::net::TcpStream;
use std::sync::Arc;

use async_io::Async;
use bytes::BytesMut;
use futures_lite::future::yield_now;
use mqtt_broker::ConnectionId;
use mqtt_client::Link;
use mqtt_parts::TransmitBuf;

use super::shared::Shared;
use crate::dial::Socket;
use crate::wait::{Alarm, Ready, wait};

/// Serves a connection until either side closes it.
pub(crate) async fn serve_connection(shared: Arc<Shared>, stream: Async<TcpStream>) {
    if stream.get_ref().set_nodelay(true).is_err() {
        return;
    }
    let link = Socket::Tcp(Arc::new(stream));
    let id = shared.open();
    let mut connection =
        Connection { guard: Guard { shared, id }, link, input: BytesMut::new(), output: TransmitBuf::new() };
    // An error says only that the connection is gone, which the guard tells the broker.
    let _ = connection.serve().await;
}

struct Connection {
    guard: Guard,
    link: Socket,
    /// The beginning of a packet whose rest has not arrived.
    input: BytesMut,
    output: TransmitBuf,
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

/// Bytes that are read at once.
const READ_SIZE: usize = 16 * 1024;

/// While more bytes than this wait to be written, nothing is read.
const OUTPUT_HIGH: usize = 256 * 1024;

impl Connection {
    async fn serve(&mut self) -> io::Result<()> {
        let Guard { shared, id } = &self.guard;
        let (shared, id) = (Arc::clone(shared), *id);
        let mut alarm = Alarm::new();
        let mut scratch = vec![0; READ_SIZE];
        let mut is_shut_down = false;
        loop {
            let is_more = self.read(&mut scratch)?;
            self.write()?;
            if shared.is_cut(id) {
                return Ok(());
            }
            if self.output.is_empty() && shared.lock().broker.is_closing(id) && !is_shut_down {
                is_shut_down = true;
                self.link.shutdown()?;
            }
            if is_more {
                yield_now().await;
                continue;
            }
            let wants_read = self.output.len() <= OUTPUT_HIGH;
            let ready = Ready { socket: &self.link, wants_read, wants_write: !self.output.is_empty() };
            wait(Some(ready), &mut alarm, None, |context| shared.poll_connection(id, context)).await;
        }
    }

    /// Whether there may be more to read.
    fn read(&mut self, scratch: &mut [u8]) -> io::Result<bool> {
        if self.output.len() > OUTPUT_HIGH {
            return Ok(false);
        }
        match self.link.try_read(scratch) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => {
                let Connection { guard, input, .. } = self;
                input.extend_from_slice(&scratch[..len]);
                guard.shared.change(|broker, now| broker.handle_input(now, guard.id, input));
                Ok(len == scratch.len())
            }
            Err(error) if is_passing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        loop {
            let Connection { guard, output, .. } = self;
            guard.shared.change(|broker, now| broker.poll_transmit(now, guard.id, output));
            if self.output.is_empty() {
                return Ok(());
            }
            let chunks: Vec<IoSlice<'_>> = self.output.chunks().take(CHUNKS_MAX).map(IoSlice::new).collect();
            match self.link.try_write(&chunks) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(len) => self.output.advance(len),
                Err(error) if is_passing(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Chunks of one vectored write.
const CHUNKS_MAX: usize = 64;

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
