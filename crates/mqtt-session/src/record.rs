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
//! | 16 `Note` | length of the key 2, key, value | what [`crate::Input::Note`] said; without a value it is forgotten |
//!
//! A level is that of CONNECT: 3, 4 or 5. An incoming message itself is not recorded: the server keeps it until it
//! is acknowledged.

use alloc::vec::Vec;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::{Context, DecodeError, EncodeError, Packet, PacketId, ReasonCode, Sender, Version, decode};
use thiserror::Error;

use crate::event::Ticket;

/// Version of the encoding.
const FORMAT: u8 = 1;

/// Makes the records from a table: each has its kind and its fields, in the order in which they are written.
macro_rules! records {
    ($($kind:literal $name:ident { $($field:ident: $type:ty),* })*) => {
        /// A change to be remembered, as a store may look at it: to know what is needed no more, or to show what it has.
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "the table of this file says what each of them means")]
        pub enum Record<'a> {
            $($name { $($field: $type),* },)*
        }

        impl<'a> Record<'a> {
            pub(crate) fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(Record::$name { $($field),* } => {
                        out.extend([FORMAT, $kind]);
                        $($field.put(out);)*
                    })*
                }
            }

            /// What these bytes say; packets in it are looked at later.
            ///
            /// Fails if they are no record, or one of another version of this library.
            pub fn decode(mut bytes: &'a [u8]) -> Result<Record<'a>, RecordErrorKind> {
                let [format, kind] = take(&mut bytes)?;
                if format != FORMAT {
                    return Err(RecordErrorKind::Format(format));
                }
                let record = match kind {
                    $($kind => Record::$name { $($field: Field::read(&mut bytes)?),* },)*
                    kind => return Err(RecordErrorKind::Kind(kind)),
                };
                if bytes.is_empty() { Ok(record) } else { Err(RecordErrorKind::Malformed) }
            }
        }
    };
}

records! {
    1 Queued { ticket: Ticket, accepted_at: Instant, version: Version, packet: PublishBytes<'a> }
    2 Sent { ticket: Ticket, packet_id: PacketId }
    3 Released { packet_id: PacketId, reason: ReasonCode }
    4 Ended { ticket: Ticket }
    6 Reserved { packet_id: PacketId }
    7 Taken { packet_id: PacketId, reason: ReasonCode }
    8 Completed { packet_id: PacketId }
    9 SessionLost { }
    10 Online { client_id: &'a str }
    11 Wanted { ticket: Ticket, version: Version, packet: &'a [u8] }
    12 Granted { ticket: Ticket, code: ReasonCode, filter: &'a str }
    13 Unwanted { ticket: Ticket, filter: &'a str }
    14 Unsubscribed { ticket: Ticket }
    15 Dropped { filter: &'a str }
    16 Note { key: NoteKey<'a>, value: &'a [u8] }
}

/// A whole PUBLISH, whose payload may lie elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct PublishBytes<'a> {
    /// The packet; without its payload if that lies elsewhere.
    pub head: &'a [u8],
    /// None in a record that was read.
    pub payload: Option<&'a Bytes>,
}

/// What names a note, 65,535 bytes at the most.
#[derive(Clone, Copy, Debug)]
pub struct NoteKey<'a>(pub &'a [u8]);

/// Why a session cannot be rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("record {index}: {kind}")]
pub struct RecordError {
    /// Number of the record, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub kind: RecordErrorKind,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordErrorKind {
    /// It was made by another version of this library.
    #[error("format {0}, and this version of the library reads format {FORMAT}")]
    Format(u8),
    /// It has an unknown kind.
    #[error("unknown kind {0}")]
    Kind(u8),
    /// It is too short, too long, or has a value that does not exist.
    #[error("malformed")]
    Malformed,
    /// The packet in it cannot be decoded.
    #[error("its packet: {0}")]
    Packet(DecodeError),
    /// The packet in it has no encoding in the version of the configuration.
    #[error("its packet in the version of the configuration: {0}")]
    Version(EncodeError),
    /// It does not follow from the records before it: some are missing, or stand in another order.
    #[error("it does not follow from those before it; records are missing or out of order")]
    Inconsistent,
}

impl Record<'_> {
    /// The operation that the record is about.
    pub(crate) const fn ticket(&self) -> Option<Ticket> {
        match self {
            Record::Queued { ticket, .. }
            | Record::Sent { ticket, .. }
            | Record::Ended { ticket }
            | Record::Wanted { ticket, .. }
            | Record::Granted { ticket, .. }
            | Record::Unwanted { ticket, .. }
            | Record::Unsubscribed { ticket } => Some(*ticket),
            Record::Released { .. }
            | Record::Reserved { .. }
            | Record::Taken { .. }
            | Record::Completed { .. }
            | Record::SessionLost {}
            | Record::Online { .. }
            | Record::Dropped { .. }
            | Record::Note { .. } => None,
        }
    }
}

/// The packet in a record.
pub(crate) fn packet(bytes: &[u8], version: Version) -> Result<Packet<'_>, RecordErrorKind> {
    decode(bytes, Context { version, sender: Some(Sender::Client) }).map_err(RecordErrorKind::Packet)
}

/// A field of a record. A packet or text takes the rest.
trait Field<'a>: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn read(rest: &mut &'a [u8]) -> Result<Self, RecordErrorKind>;
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], RecordErrorKind> {
    let (first, behind) = rest.split_first_chunk::<N>().ok_or(RecordErrorKind::Malformed)?;
    *rest = behind;
    Ok(*first)
}

/// Implements [`Field`] for what is a number: how it becomes one, and what a number stands for.
macro_rules! numbers {
    ($($type:ty as $number:ty: $put:expr, $read:expr;)*) => {
        $(impl Field<'_> for $type {
            fn put(&self, out: &mut Vec<u8>) {
                let put: fn(&$type) -> $number = $put;
                out.extend(put(self).to_be_bytes());
            }

            fn read(rest: &mut &[u8]) -> Result<$type, RecordErrorKind> {
                let read: fn($number) -> Option<$type> = $read;
                read(<$number>::from_be_bytes(take(rest)?)).ok_or(RecordErrorKind::Malformed)
            }
        })*
    };
}

numbers! {
    Ticket as u64: |ticket| ticket.get(), Ticket::from_number;
    Instant as u64: |at| at.as_micros(), |micros| Some(Instant::from_micros(micros));
    PacketId as u16: |id| id.get(), PacketId::new;
    ReasonCode as u8: |reason| reason.byte(), |byte| ReasonCode::ALL.iter().copied().find(|code| code.byte() == byte);
    Version as u8: |version| version.level(), Version::from_level;
}

impl<'a> Field<'a> for &'a [u8] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn read(rest: &mut &'a [u8]) -> Result<&'a [u8], RecordErrorKind> {
        Ok(core::mem::take(rest))
    }
}

impl<'a> Field<'a> for &'a str {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().put(out);
    }

    fn read(rest: &mut &'a [u8]) -> Result<&'a str, RecordErrorKind> {
        core::str::from_utf8(core::mem::take(rest)).map_err(|_| RecordErrorKind::Malformed)
    }
}

impl<'a> Field<'a> for PublishBytes<'a> {
    fn put(&self, out: &mut Vec<u8>) {
        self.head.put(out);
        self.payload.map_or(&[][..], Bytes::as_ref).put(out);
    }

    fn read(rest: &mut &'a [u8]) -> Result<PublishBytes<'a>, RecordErrorKind> {
        Ok(PublishBytes { head: core::mem::take(rest), payload: None })
    }
}

impl<'a> Field<'a> for NoteKey<'a> {
    fn put(&self, out: &mut Vec<u8>) {
        let len = u16::try_from(self.0.len()).expect("it was checked when the note was taken");
        out.extend(len.to_be_bytes());
        self.0.put(out);
    }

    fn read(rest: &mut &'a [u8]) -> Result<NoteKey<'a>, RecordErrorKind> {
        let len = usize::from(u16::from_be_bytes(take(rest)?));
        let (key, behind) = rest.split_at_checked(len).ok_or(RecordErrorKind::Malformed)?;
        *rest = behind;
        Ok(NoteKey(key))
    }
}
