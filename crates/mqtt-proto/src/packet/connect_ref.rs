//! CONNECT as a packet holds it: small, whichever way it came about.
//!
//! One that was decoded stays as it lies in its frame. It was checked once, and each field is found where it is asked
//! for; of the offsets only those are kept that would have to be searched. One that a program builds is borrowed.

use core::fmt;

use crate::error::DecodeErrorKind;
use crate::packet::connect::{Connect, Will, check_flags, flag};
use crate::packet::publish::read_topic;
use crate::property::Properties;
use crate::property_id::PropertyOwner;
use crate::text;
use crate::topic::TopicName;
use crate::types::{QoS, Sender, Version};
use crate::wire::{Faulty, Reader, split_field};

/// A CONNECT in a [`Packet`](crate::Packet): one that was decoded, or a [`Connect`] that a program has built.
///
/// Each field has a function; [`ConnectRef::fields`] gives all of them. What costs more than a look at the frame says so.
#[derive(Clone, Copy)]
pub struct ConnectRef<'a>(Kept<'a>);

#[derive(Clone, Copy)]
enum Kept<'a> {
    Built(&'a Connect<'a>),
    Read(Read<'a>),
}

/// A decoded CONNECT. All offsets count from the connect flags.
#[derive(Clone, Copy)]
struct Read<'a> {
    /// From the connect flags on.
    body: &'a [u8],
    client_id_at: u32,
    /// Where the will begins, or 0.
    will_at: u32,
    /// Where the user name's length stands, or 0.
    user_name_at: u32,
    /// Where the password's length stands, or 0.
    password_at: u32,
    /// One bit for each property.
    ids: u32,
    /// One bit for each property of the will.
    will_ids: u32,
    version: Version,
}

impl<'a> From<&'a Connect<'a>> for ConnectRef<'a> {
    fn from(connect: &'a Connect<'a>) -> ConnectRef<'a> {
        ConnectRef(Kept::Built(connect))
    }
}

impl<'a> ConnectRef<'a> {
    /// A CONNECT of 3.1.1 or 5.0 with nothing unusual about it, behind its fixed header; none if there is anything.
    #[inline(always)]
    pub(crate) fn decode_plain(body: &'a [u8]) -> Option<ConnectRef<'a>> {
        let (name_and_level, body) = body.split_first_chunk::<7>()?;
        let version = match name_and_level {
            b"\0\x04MQTT\x04" => Version::V3_1_1,
            b"\0\x04MQTT\x05" => Version::V5_0,
            _ => return None,
        };
        let ([flags, _, _], mut rest) = body.split_first_chunk::<PROPERTIES_AT>()?;
        let will_qos = check_flags(*flags, version).ok()?;
        let (mut ids, mut will_ids) = (0, 0);
        if version.has_properties() {
            (ids, rest) = Properties::split_plain(rest, PropertyOwner::Connect)?;
        }
        let offset = |rest: &[u8]| (body.len() - rest.len()) as u32;
        let client_id_at = offset(rest);
        rest = split_text(rest)?;
        let mut will_at = 0;
        if will_qos.is_some() {
            will_at = offset(rest);
            if version.has_properties() {
                (will_ids, rest) = Properties::split_plain(rest, PropertyOwner::Will)?;
            }
            let (topic, behind) = split_field(rest)?;
            if topic.is_empty() || !text::is_plain_name(topic) {
                return None;
            }
            rest = split_field(behind)?.1;
        }
        let (mut user_name_at, mut password_at) = (0, 0);
        if flags & flag::USER_NAME != 0 {
            user_name_at = offset(rest);
            rest = split_text(rest)?;
        }
        if flags & flag::PASSWORD != 0 {
            password_at = offset(rest);
            rest = split_field(rest)?.1;
        }
        let read = Read { body, client_id_at, will_at, user_name_at, password_at, ids, will_ids, version };
        if rest.is_empty() { Some(ConnectRef(Kept::Read(read))) } else { None }
    }

    /// What follows the protocol level.
    #[inline(always)]
    pub(crate) fn decode(reader: &mut Reader<'a>, version: Version) -> Result<ConnectRef<'a>, Faulty> {
        let start = reader.at();
        let offset = |reader: &Reader<'_>| (reader.at() - start) as u32;
        let flags = reader.u8()?;
        let will_qos = check_flags(flags, version).map_err(|kind| reader.refuse(kind, start))?;
        reader.u16()?;
        let mut ids = 0;
        if version.has_properties() {
            ids = Properties::decode(reader, PropertyOwner::Connect, Some(Sender::Client))?.ids();
        }
        let client_id_at = offset(reader);
        reader.text()?;
        let (mut will_at, mut will_ids) = (0, 0);
        if will_qos.is_some() {
            will_at = offset(reader);
            if version.has_properties() {
                will_ids = Properties::decode(reader, PropertyOwner::Will, Some(Sender::Client))?.ids();
            }
            let topic_at = reader.at();
            if read_topic(reader)?.is_aliased() {
                return Err(reader.refuse(DecodeErrorKind::EmptyTopicName, topic_at));
            }
            reader.binary()?;
        }
        let is_there = |reader: &Reader<'_>, bit| {
            // In 3.1 the remaining length wins over the flags.
            flags & bit != 0 && !(version == Version::V3_1 && reader.is_empty())
        };
        let (mut user_name_at, mut password_at) = (0, 0);
        if is_there(reader, flag::USER_NAME) {
            user_name_at = offset(reader);
            reader.text()?;
        }
        if is_there(reader, flag::PASSWORD) {
            password_at = offset(reader);
            reader.binary()?;
        }
        let body = reader.since(start);
        let read = Read { body, client_id_at, will_at, user_name_at, password_at, ids, will_ids, version };
        Ok(ConnectRef(Kept::Read(read)))
    }

    /// The version that the client speaks.
    #[inline]
    pub const fn version(&self) -> Version {
        match &self.0 {
            Kept::Built(connect) => connect.version,
            Kept::Read(read) => read.version,
        }
    }

    /// Clean Session before 5.0, Clean Start since.
    #[inline]
    pub fn clean_start(&self) -> bool {
        match &self.0 {
            Kept::Built(connect) => connect.clean_start,
            Kept::Read(read) => read.flags() & flag::CLEAN_START != 0,
        }
    }

    /// Longest silence that the client allows itself, in seconds; 0 is none.
    #[inline]
    pub fn keep_alive_secs(&self) -> u16 {
        match &self.0 {
            Kept::Built(connect) => connect.keep_alive_secs,
            Kept::Read(read) => Reader::new(read.body, 1).u16().unwrap_or_default(),
        }
    }

    /// 5.0: what the client offers and asks for.
    #[inline]
    pub fn properties(&self) -> Properties<'a> {
        match &self.0 {
            Kept::Built(connect) => connect.properties,
            Kept::Read(read) => read.properties_at(PROPERTIES_AT, read.ids).0,
        }
    }

    /// Names the session; may be empty to have the server choose one. Its bytes are looked over once more.
    #[inline]
    pub fn client_id(&self) -> &'a str {
        match &self.0 {
            Kept::Built(connect) => connect.client_id,
            Kept::Read(read) => text::checked(read.field_at(read.client_id_at as usize)),
        }
    }

    /// What the server publishes if the connection ends without DISCONNECT.
    #[inline]
    pub fn will(&self) -> Option<Will<'a>> {
        match &self.0 {
            Kept::Built(connect) => connect.will,
            Kept::Read(read) if read.will_at != 0 => Some(read.will()),
            Kept::Read(_) => None,
        }
    }

    /// Before 5.0 a password needs one. Its bytes are looked over once more. [3.1.1 MQTT-3.1.2-22]
    #[inline]
    pub fn user_name(&self) -> Option<&'a str> {
        match &self.0 {
            Kept::Built(connect) => connect.user_name,
            Kept::Read(read) if read.user_name_at != 0 => {
                Some(text::checked(read.field_at(read.user_name_at as usize)))
            }
            Kept::Read(_) => None,
        }
    }

    /// Any bytes, 65,535 at most.
    #[inline]
    pub fn password(&self) -> Option<&'a [u8]> {
        match &self.0 {
            Kept::Built(connect) => connect.password,
            Kept::Read(read) if read.password_at != 0 => Some(read.field_at(read.password_at as usize)),
            Kept::Read(_) => None,
        }
    }

    /// All fields.
    pub fn fields(&self) -> Connect<'a> {
        match &self.0 {
            Kept::Built(connect) => **connect,
            Kept::Read(_) => Connect {
                version: self.version(),
                clean_start: self.clean_start(),
                keep_alive_secs: self.keep_alive_secs(),
                properties: self.properties(),
                client_id: self.client_id(),
                will: self.will(),
                user_name: self.user_name(),
                password: self.password(),
            },
        }
    }

    /// The fields where a program has built them, or else where they are put for it.
    ///
    /// Whoever encodes calls the functions of [`Connect`] in one place, so that they become part of the caller.
    #[inline(always)]
    pub(crate) fn fields_in<'f>(&'f self, place: &'f mut Option<Connect<'a>>) -> &'f Connect<'a> {
        match &self.0 {
            Kept::Built(connect) => connect,
            Kept::Read(_) => place.insert(self.fields()),
        }
    }
}

impl<'a> Read<'a> {
    #[inline(always)]
    fn flags(&self) -> u8 {
        self.body.first().copied().unwrap_or_default()
    }

    /// What stands behind its length at that offset; all of it is there, since it was decoded.
    #[inline(always)]
    fn field_at(&self, at: usize) -> &'a [u8] {
        Reader::new(self.body, at).binary().unwrap_or_default()
    }

    /// The section at that offset, and where the next field begins.
    #[inline(always)]
    fn properties_at(&self, at: usize, ids: u32) -> (Properties<'a>, usize) {
        if !self.version.has_properties() {
            return (Properties::none(), at);
        }
        let mut reader = Reader::new(self.body, at);
        let len = reader.variable().unwrap_or_default() as usize;
        let raw = reader.take(len).unwrap_or_default();
        (Properties::checked(raw, ids), reader.at())
    }

    #[inline(always)]
    fn will(&self) -> Will<'a> {
        let (properties, topic_at) = self.properties_at(self.will_at as usize, self.will_ids);
        let mut reader = Reader::new(self.body, topic_at);
        let topic = TopicName::checked(reader.binary().unwrap_or_default());
        let payload = reader.binary().unwrap_or_default();
        let qos = QoS::from_bits(self.flags() >> flag::WILL_QOS_SHIFT & 0b11).unwrap_or_default();
        Will { qos, retain: self.flags() & flag::WILL_RETAIN != 0, properties, topic, payload }
    }
}

impl PartialEq for ConnectRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.fields() == other.fields()
    }
}

impl Eq for ConnectRef<'_> {}

impl fmt::Debug for ConnectRef<'_> {
    /// The password is never shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields().fmt(f)
    }
}

/// What follows a string that is plain.
#[inline(always)]
fn split_text(bytes: &[u8]) -> Option<&[u8]> {
    let (text, rest) = split_field(bytes)?;
    if text::is_plain(text) { Some(rest) } else { None }
}

/// Where the properties stand: behind flags and keep alive.
const PROPERTIES_AT: usize = 3;
