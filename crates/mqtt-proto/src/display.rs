//! Packets as one line for people: logs, the command line, failed tests.
//!
//! A line names the packet and what it is about, then its properties in braces. Text is quoted and escaped, so a
//! packet cannot break the line; long text and payloads are cut. Passwords and authentication data never show.

use core::fmt::{self, Display, Formatter, Write};

use crate::packet::{
    Ack, Auth, Connack, Connect, Disconnect, Filters, Packet, Publish, ReasonCodes, RetainHandling, Suback,
    Subscribe, SubscribeFilter, SubscribeOptions, TopicFilters, Unsuback, Unsubscribe, Will,
};
use crate::property::{Properties, Property, Value};
use crate::property_id::PropertyId;

impl Display for Packet<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Packet::Connect(connect) => Display::fmt(&connect.fields(), f),
            Packet::Connack(connack) => connack.fmt(f),
            Packet::Publish(publish) => publish.fmt(f),
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
                write!(f, "{} {ack}", self.kind())
            }
            Packet::Subscribe(subscribe) => subscribe.fmt(f),
            Packet::Suback(suback) => suback.fmt(f),
            Packet::Unsubscribe(unsubscribe) => unsubscribe.fmt(f),
            Packet::Unsuback(unsuback) => unsuback.fmt(f),
            Packet::Pingreq | Packet::Pingresp => self.kind().fmt(f),
            Packet::Disconnect(disconnect) => disconnect.fmt(f),
            Packet::Auth(auth) => auth.fmt(f),
        }
    }
}

impl Display for Connect<'_> {
    /// The password is never shown.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CONNECT {} client {}", self.version, Text(self.client_id))?;
        if self.clean_start {
            f.write_str(", clean start")?;
        }
        write!(f, ", keep alive {} s", self.keep_alive_secs)?;
        if let Some(user_name) = self.user_name {
            write!(f, ", user {}", Text(user_name))?;
        }
        if self.password.is_some() {
            f.write_str(", password ***")?;
        }
        if let Some(will) = &self.will {
            write!(f, ", {will}")?;
        }
        section(f, &self.properties)
    }
}

impl Display for Will<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "will {} QoS {}", Text(self.topic.as_str()), self.qos)?;
        if self.retain {
            f.write_str(" retain")?;
        }
        write!(f, ", {}", Payload(self.payload))?;
        section(f, &self.properties)
    }
}

impl Display for Connack<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CONNACK {}", self.reason)?;
        if self.session_present {
            f.write_str(", session present")?;
        }
        section(f, &self.properties)
    }
}

impl Display for Publish<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("PUBLISH ")?;
        if let Some(id) = self.packet_id {
            write!(f, "{id} ")?;
        }
        write!(f, "{} QoS {}", Text(self.topic.as_str()), self.qos)?;
        if self.dup {
            f.write_str(" dup")?;
        }
        if self.retain {
            f.write_str(" retain")?;
        }
        write!(f, ", {}", Payload(self.payload))?;
        section(f, &self.properties)
    }
}

impl Display for Ack<'_> {
    /// Which of the four it is, only the [`Packet`] knows.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.packet_id, self.reason)?;
        section(f, &self.properties)
    }
}

impl Display for Subscribe<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SUBSCRIBE {} {}", self.packet_id, self.filters)?;
        section(f, &self.properties)
    }
}

impl Display for Suback<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SUBACK {} {}", self.packet_id, self.codes)?;
        section(f, &self.properties)
    }
}

impl Display for Unsubscribe<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "UNSUBSCRIBE {} {}", self.packet_id, self.filters)?;
        section(f, &self.properties)
    }
}

impl Display for Unsuback<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "UNSUBACK {}", self.packet_id)?;
        if !self.codes.is_empty() {
            write!(f, " {}", self.codes)?;
        }
        section(f, &self.properties)
    }
}

impl Display for Disconnect<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "DISCONNECT {}", self.reason)?;
        section(f, &self.properties)
    }
}

impl Display for Auth<'_> {
    /// The data of the authentication is never shown.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "AUTH {}", self.reason)?;
        section(f, &self.properties)
    }
}

impl Display for Filters<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        list(f, self.iter())
    }
}

impl Display for TopicFilters<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        list(f, self.iter().map(|filter| Text(filter.as_str())))
    }
}

impl Display for ReasonCodes<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        list(f, self.iter())
    }
}

impl Display for SubscribeFilter<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Text(self.filter.as_str()), self.options)
    }
}

impl Display for SubscribeOptions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "QoS {}", self.qos)?;
        if self.no_local {
            f.write_str(" no local")?;
        }
        if self.retain_as_published {
            f.write_str(" retain as published")?;
        }
        f.write_str(match self.retain_handling {
            RetainHandling::OnSubscribe => "",
            RetainHandling::OnNewSubscription => " retained messages if new",
            RetainHandling::Never => " no retained messages",
        })
    }
}

impl Display for Properties<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('{')?;
        list(f, self.iter())?;
        f.write_char('}')
    }
}

impl Display for Property<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.id())?;
        match (self.value(), self.id()) {
            (Value::TwoByteInteger(secs), PropertyId::ServerKeepAlive) => write!(f, "{secs} s"),
            (Value::FourByteInteger(size), PropertyId::MaximumPacketSize) => size.fmt(f),
            // All others of four bytes are times.
            (Value::FourByteInteger(secs), _) => write!(f, "{secs} s"),
            (Value::Byte(value), _) => value.fmt(f),
            (Value::TwoByteInteger(value), _) => value.fmt(f),
            (Value::VariableByteInteger(value), _) => value.fmt(f),
            (Value::String(text), _) => Text(text).fmt(f),
            (Value::StringPair(name, value), _) => write!(f, "{}={}", Text(name), Text(value)),
            (Value::Binary(_), PropertyId::AuthenticationData) => f.write_str("***"),
            (Value::Binary(bytes), _) => Payload(bytes).fmt(f),
        }
    }
}

/// What stands behind a packet that has properties.
fn section(f: &mut Formatter<'_>, properties: &Properties<'_>) -> fmt::Result {
    if properties.is_empty() { Ok(()) } else { write!(f, " {properties}") }
}

fn list<T: Display>(f: &mut Formatter<'_>, items: impl Iterator<Item = T>) -> fmt::Result {
    for (index, item) in items.enumerate() {
        f.write_str(if index == 0 { "" } else { ", " })?;
        item.fmt(f)?;
    }
    Ok(())
}

/// Text in quotes, escaped, and cut if it is long.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Text(text) = self;
        let shown = text.char_indices().nth(TEXT_CHARS_MAX).map_or(*text, |(end, _char)| &text[..end]);
        let cut = if shown.len() < text.len() { "…" } else { "" };
        write!(f, "{shown:?}{cut}")
    }
}

/// A size and how the bytes begin: as text if that is what they are, in hexadecimal otherwise.
struct Payload<'a>(&'a [u8]);

impl Display for Payload<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Payload(bytes) = self;
        let size = bytes.len();
        match size {
            0 => return f.write_str("0 bytes"),
            1 => f.write_str("1 byte ")?,
            _ => write!(f, "{size} bytes ")?,
        }
        let shown = &bytes[..size.min(PAYLOAD_BYTES_MAX)];
        match printable(shown, shown.len() < size) {
            Some(text) => write!(f, "{text:?}")?,
            None => shown.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?,
        }
        f.write_str(if shown.len() < size { "…" } else { "" })
    }
}

/// The bytes as text; a character that the cut has split is left out.
fn printable(bytes: &[u8], is_cut: bool) -> Option<&str> {
    let text = match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if is_cut && error.error_len().is_none() => {
            core::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_plain = |character: char| !character.is_control() || matches!(character, '\n' | '\r' | '\t');
    text.chars().all(is_plain).then_some(text)
}

/// Most characters of a text that are shown.
const TEXT_CHARS_MAX: usize = 96;

/// Most bytes of a payload that are shown.
const PAYLOAD_BYTES_MAX: usize = 32;
