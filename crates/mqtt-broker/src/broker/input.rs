//! What comes in on a connection, and the bounds of what that makes the broker keep for it.
//!
//! The broker never waits for a client: it takes what comes, whether or not the client takes the answers, so that no
//! two can wait for one another. What does not fit any more ends the connection.

use bytes::{Buf, BytesMut};
use mqtt_parts::Instant;
use mqtt_proto::{PacketKind, ReasonCode, frame_len};

use crate::broker::{Broker, ending};
use crate::connection::State;
use crate::fault::Fault;
use crate::ids::ConnectionId;

impl Broker {
    /// Bytes came in: takes whole packets from the front of `input` and leaves a packet that is not whole yet.
    ///
    /// A packet over the limit is refused as soon as its length is there. What comes in on a connection that is
    /// unknown or closing is thrown away. A driver reads on although a client does not read: what the answers may take is
    /// bounded here.
    pub fn handle_input(&mut self, now: Instant, id: ConnectionId, input: &mut BytesMut) {
        self.now = now;
        self.take_packets(now, id, input);
        self.note_buffers(id, Some(input.len()));
        if self.has_too_much(id) {
            // Answers that nobody reads are given up with it.
            self.connections.get_mut(&id).into_iter().for_each(|connection| connection.control.clear());
            let text = "too many bytes wait for all clients together";
            self.fail(now, id, Fault::new(ReasonCode::QuotaExceeded, text));
            input.clear();
            self.note_buffers(id, Some(0));
        }
    }

    /// [`Broker::handle_input`] for bytes that were just read. They are appended so that a large packet has memory of its
    /// own, no larger than it is, and that nothing is kept between packets.
    pub fn handle_bytes(&mut self, now: Instant, id: ConnectionId, input: &mut BytesMut, bytes: &[u8]) {
        let mut bytes = bytes;
        while !bytes.is_empty() {
            bytes.advance(append(input, bytes));
            self.handle_input(now, id, input);
            if input.is_empty() {
                *input = BytesMut::new();
            }
        }
    }

    fn take_packets(&mut self, now: Instant, id: ConnectionId, input: &mut BytesMut) {
        while let Some(connection) = self.connections.get(&id).filter(|it| it.state != State::Closing) {
            if connection.control.len() >= self.config.control_packets_max {
                let text = "too many answers wait to be read";
                self.fail(now, id, Fault::new(ReasonCode::QuotaExceeded, text));
                continue;
            }
            let is_first = connection.state == State::Handshake && connection.authentication.is_none();
            if is_first && input.first().is_some_and(|first| first >> 4 != PacketKind::Connect as u8) {
                // There is no version to answer in. [5.0 MQTT-3.1.0-1] [3.1.1 MQTT-3.1.0-1]
                let end =
                    self.fault_end(&Fault::new(ReasonCode::ProtocolError, "the first packet is no CONNECT"));
                self.close(now, id, ending::Will::Stays, Some(end));
                continue;
            }
            let size_max = match connection.state {
                State::Handshake => self.config.packet_size_max.min(self.config.connect_size_max),
                State::Online(_) | State::Closing => self.config.packet_size_max,
            };
            match frame_len(input, size_max) {
                Ok(Some(len)) if len <= input.len() => self.on_frame(now, id, input, len),
                Ok(_) => return,
                Err(error) => self.fail(now, id, error.into()),
            }
        }
        input.clear();
    }

    /// Counts what a connection has in its buffers now: so much of a packet, if that has changed, and answers.
    pub(super) fn note_buffers(&mut self, id: ConnectionId, input_bytes: Option<usize>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.input_bytes = input_bytes.unwrap_or(connection.input_bytes);
        let bytes = connection.input_bytes + connection.control.bytes();
        self.buffers_bytes = self.buffers_bytes - connection.noted_bytes + bytes;
        connection.noted_bytes = bytes;
    }

    /// Whether all connections have too much in their buffers, and this one has its share in it.
    fn has_too_much(&self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get(&id).filter(|it| it.state != State::Closing) else {
            return false;
        };
        let most = connection.input_bytes.max(connection.control.bytes());
        self.buffers_bytes > self.config.buffers_bytes_max && most > BUFFER_ALWAYS
    }
}

/// Appends what belongs to the packet that has begun, or all if none has, and says how much that was.
fn append(input: &mut BytesMut, bytes: &[u8]) -> usize {
    if input.is_empty() {
        *input = BytesMut::from(bytes);
        return bytes.len();
    }
    let whole = match frame_len(input, u32::MAX) {
        Ok(Some(len)) if len > input.len() => len,
        // The next byte may decide.
        Ok(_) | Err(_) => input.len() + 1,
    };
    let len = bytes.len().min(whole - input.len());
    if input.capacity() - input.len() < len {
        let capacity = whole.min(2 * input.len()).max(input.len() + len);
        let begun = core::mem::replace(input, BytesMut::with_capacity(capacity));
        input.extend_from_slice(&begun);
    }
    input.extend_from_slice(&bytes[..len]);
    len
}

/// Bytes of a packet that is not whole, or of answers, that a connection may always have.
const BUFFER_ALWAYS: usize = 64 * 1024;
