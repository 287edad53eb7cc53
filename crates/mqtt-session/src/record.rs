//! Records: what a session has to remember beyond the end of its program, one change each.
//!
//! A record is one run of bytes; where it ends and whether it is whole is for the store to say. The first byte is
//! the version of this encoding, the second the kind. Numbers are big-endian; a packet or text takes the rest.
//!
//! | kind | fields | what has happened |
//! |---|---|---|
//! | 1 `Queued` | ticket 8, accepted at 8 (microseconds), level 1, PUBLISH | a QoS 1 or 2 message was accepted |
//! | 2 `Sent` | ticket 8, identifier 2 | it has an identifier from now on, and may be sent |
//! | 3 `Released` | identifier 2, reason 1 | the server has taken a QoS 2 message |
//! | 4 `Ended` | ticket 8 | a message is over |
//! | 5 `Forgotten` | ticket 8 | nobody waits for an operation any more, which goes on |
//! | 6 `Reserved` | identifier 2 | a QoS 2 message was given up, and the server may know its identifier |
//! | 7 `Taken` | identifier 2, reason 1 | the application has taken or refused an incoming QoS 2 message |
//! | 8 `Completed` | identifier 2 | the exchange of an incoming QoS 2 message is over |
//! | 9 `SessionLost` | | the server has no session of before |
//! | 10 `Online` | client identifier | the server has a session under that name |
//! | 11 `Wanted` | ticket 8, level 1, SUBSCRIBE of one filter | a filter is wanted |
//! | 12 `Granted` | ticket 8, code 1, filter | the server has answered the request of that ticket |
//! | 13 `Unwanted` | ticket 8, filter | a filter is not wanted any more |
//! | 14 `Unsubscribed` | ticket 8 | that request is over |
//! | 15 `Dropped` | filter | a filter that the server's terms rule out is not wanted any more |
//!
//! A level is that of CONNECT: 3, 4 or 5. An incoming message itself is not recorded: the server keeps it until it
//! is acknowledged.

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::{
    Context, DecodeError, Packet, PacketId, PacketKind, Publish, ReasonCode, Sender, Subscribe, TopicFilter,
    Version, decode,
};

use crate::event::Ticket;

/// Version of the encoding.
const FORMAT: u8 = 1;

/// A change to be remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Record<'a> {
    Queued { ticket: Ticket, accepted_at: Instant, version: Version, packet: PublishBytes<'a> },
    Sent { ticket: Ticket, packet_id: PacketId },
    Released { packet_id: PacketId, reason: ReasonCode },
    Ended { ticket: Ticket },
    Forgotten { ticket: Ticket },
    Reserved { packet_id: PacketId },
    Taken { packet_id: PacketId, reason: ReasonCode },
    Completed { packet_id: PacketId },
    SessionLost,
    Online { client_id: &'a str },
    Wanted { ticket: Ticket, version: Version, packet: &'a [u8] },
    Granted { ticket: Ticket, code: ReasonCode, filter: &'a str },
    Unwanted { ticket: Ticket, filter: &'a str },
    Unsubscribed { ticket: Ticket },
    Dropped { filter: &'a str },
}

/// A whole PUBLISH, whose payload may lie elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublishBytes<'a> {
    pub(crate) head: &'a [u8],
    pub(crate) payload: Option<&'a Bytes>,
}

/// Why a session cannot be rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Number of the record, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub kind: RecordErrorKind,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordErrorKind {
    /// It was made by another version of this library.
    Format(u8),
    /// It has an unknown kind.
    Kind(u8),
    /// It is too short, too long, or has a value that does not exist.
    Malformed,
    /// The packet in it cannot be decoded.
    Packet(DecodeError),
    /// The packet in it has no encoding in the version of the configuration.
    Version(mqtt_proto::EncodeError),
    /// It does not follow from the records before it: some are missing, or stand in another order.
    Inconsistent,
}

impl fmt::Display for RecordErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordErrorKind::Format(format) => {
                write!(f, "format {format}, and this version of the library reads format {FORMAT}")
            }
            RecordErrorKind::Kind(kind) => write!(f, "unknown kind {kind}"),
            RecordErrorKind::Malformed => f.write_str("malformed"),
            RecordErrorKind::Packet(error) => write!(f, "its packet: {error}"),
            RecordErrorKind::Version(error) => {
                write!(f, "its packet in the version of the configuration: {error}")
            }
            RecordErrorKind::Inconsistent => {
                f.write_str("it does not follow from those before it; records are missing or out of order")
            }
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {}", self.index, self.kind)
    }
}

impl core::error::Error for RecordError {}

impl Record<'_> {
    const fn kind(&self) -> u8 {
        match self {
            Record::Queued { .. } => 1,
            Record::Sent { .. } => 2,
            Record::Released { .. } => 3,
            Record::Ended { .. } => 4,
            Record::Forgotten { .. } => 5,
            Record::Reserved { .. } => 6,
            Record::Taken { .. } => 7,
            Record::Completed { .. } => 8,
            Record::SessionLost => 9,
            Record::Online { .. } => 10,
            Record::Wanted { .. } => 11,
            Record::Granted { .. } => 12,
            Record::Unwanted { .. } => 13,
            Record::Unsubscribed { .. } => 14,
            Record::Dropped { .. } => 15,
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend([FORMAT, self.kind()]);
        match *self {
            Record::Queued { ticket, accepted_at, version, packet } => {
                out.extend(ticket.get().to_be_bytes());
                out.extend(accepted_at.as_micros().to_be_bytes());
                out.push(version.level());
                out.extend_from_slice(packet.head);
                out.extend_from_slice(packet.payload.map_or(&[], Bytes::as_ref));
            }
            Record::Sent { ticket, packet_id } => {
                out.extend(ticket.get().to_be_bytes());
                out.extend(packet_id.get().to_be_bytes());
            }
            Record::Released { packet_id, reason } | Record::Taken { packet_id, reason } => {
                out.extend(packet_id.get().to_be_bytes());
                out.push(reason.byte());
            }
            Record::Ended { ticket } | Record::Forgotten { ticket } | Record::Unsubscribed { ticket } => {
                out.extend(ticket.get().to_be_bytes());
            }
            Record::Reserved { packet_id } | Record::Completed { packet_id } => {
                out.extend(packet_id.get().to_be_bytes());
            }
            Record::SessionLost => {}
            Record::Online { client_id } => out.extend_from_slice(client_id.as_bytes()),
            Record::Wanted { ticket, version, packet } => {
                out.extend(ticket.get().to_be_bytes());
                out.push(version.level());
                out.extend_from_slice(packet);
            }
            Record::Granted { ticket, code, filter } => {
                out.extend(ticket.get().to_be_bytes());
                out.push(code.byte());
                out.extend_from_slice(filter.as_bytes());
            }
            Record::Unwanted { ticket, filter } => {
                out.extend(ticket.get().to_be_bytes());
                out.extend_from_slice(filter.as_bytes());
            }
            Record::Dropped { filter } => out.extend_from_slice(filter.as_bytes()),
        }
    }

    /// What these bytes say; packets in it are looked at later.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Record<'_>, RecordErrorKind> {
        let mut fields = Fields(bytes);
        match fields.byte()? {
            FORMAT => {}
            format => return Err(RecordErrorKind::Format(format)),
        }
        let kind = fields.byte()?;
        let record = match kind {
            1 => Record::Queued {
                ticket: fields.ticket()?,
                accepted_at: Instant::from_micros(fields.number()?),
                version: fields.version()?,
                packet: PublishBytes { head: fields.rest(), payload: None },
            },
            2 => Record::Sent { ticket: fields.ticket()?, packet_id: fields.packet_id()? },
            3 => Record::Released {
                packet_id: fields.packet_id()?,
                reason: fields.reason(PacketKind::Pubrec)?,
            },
            4 => Record::Ended { ticket: fields.ticket()? },
            5 => Record::Forgotten { ticket: fields.ticket()? },
            6 => Record::Reserved { packet_id: fields.packet_id()? },
            7 => Record::Taken { packet_id: fields.packet_id()?, reason: fields.reason(PacketKind::Pubrec)? },
            8 => Record::Completed { packet_id: fields.packet_id()? },
            9 => Record::SessionLost,
            10 => Record::Online { client_id: fields.text()? },
            11 => {
                Record::Wanted { ticket: fields.ticket()?, version: fields.version()?, packet: fields.rest() }
            }
            12 => Record::Granted {
                ticket: fields.ticket()?,
                code: fields.reason(PacketKind::Suback)?,
                filter: fields.text()?,
            },
            13 => Record::Unwanted { ticket: fields.ticket()?, filter: fields.text()? },
            14 => Record::Unsubscribed { ticket: fields.ticket()? },
            15 => Record::Dropped { filter: fields.text()? },
            kind => return Err(RecordErrorKind::Kind(kind)),
        };
        if fields.0.is_empty() { Ok(record) } else { Err(RecordErrorKind::Malformed) }
    }

    /// The operation that the record is about.
    pub(crate) const fn ticket(&self) -> Option<Ticket> {
        match self {
            Record::Queued { ticket, .. }
            | Record::Sent { ticket, .. }
            | Record::Ended { ticket }
            | Record::Forgotten { ticket }
            | Record::Wanted { ticket, .. }
            | Record::Granted { ticket, .. }
            | Record::Unwanted { ticket, .. }
            | Record::Unsubscribed { ticket } => Some(*ticket),
            Record::Released { .. }
            | Record::Reserved { .. }
            | Record::Taken { .. }
            | Record::Completed { .. }
            | Record::SessionLost
            | Record::Online { .. }
            | Record::Dropped { .. } => None,
        }
    }
}

/// The PUBLISH in a record.
pub(crate) fn publish(packet: &[u8], version: Version) -> Result<Publish<'_>, RecordErrorKind> {
    match decode(packet, Context { version, sender: Some(Sender::Client) })
        .map_err(RecordErrorKind::Packet)?
    {
        Packet::Publish(publish) => Ok(publish),
        _ => Err(RecordErrorKind::Malformed),
    }
}

/// The SUBSCRIBE in a record.
pub(crate) fn subscribe(packet: &[u8], version: Version) -> Result<Subscribe<'_>, RecordErrorKind> {
    match decode(packet, Context { version, sender: Some(Sender::Client) })
        .map_err(RecordErrorKind::Packet)?
    {
        Packet::Subscribe(subscribe) => Ok(subscribe),
        _ => Err(RecordErrorKind::Malformed),
    }
}

/// The filter in a record.
pub(crate) fn filter(text: &str) -> Result<TopicFilter<'_>, RecordErrorKind> {
    TopicFilter::new(text).map_err(|_| RecordErrorKind::Malformed)
}

/// What is left of a record.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordErrorKind> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or(RecordErrorKind::Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    fn byte(&mut self) -> Result<u8, RecordErrorKind> {
        self.array().map(|[byte]| byte)
    }

    fn number(&mut self) -> Result<u64, RecordErrorKind> {
        self.array().map(u64::from_be_bytes)
    }

    fn ticket(&mut self) -> Result<Ticket, RecordErrorKind> {
        Ticket::from_number(self.number()?).ok_or(RecordErrorKind::Malformed)
    }

    fn packet_id(&mut self) -> Result<PacketId, RecordErrorKind> {
        PacketId::new(self.array().map(u16::from_be_bytes)?).ok_or(RecordErrorKind::Malformed)
    }

    fn reason(&mut self, kind: PacketKind) -> Result<ReasonCode, RecordErrorKind> {
        ReasonCode::from_byte(self.byte()?, kind).ok_or(RecordErrorKind::Malformed)
    }

    fn version(&mut self) -> Result<Version, RecordErrorKind> {
        match self.byte()? {
            3 => Ok(Version::V3_1),
            4 => Ok(Version::V3_1_1),
            5 => Ok(Version::V5_0),
            _ => Err(RecordErrorKind::Malformed),
        }
    }

    fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    fn text(&mut self) -> Result<&'a str, RecordErrorKind> {
        core::str::from_utf8(self.rest()).map_err(|_| RecordErrorKind::Malformed)
    }
}
