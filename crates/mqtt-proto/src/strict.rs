//! Characters that the standard lets a receiver refuse: control characters and non-characters.
//!
//! The text says that they should not be sent and may be refused. [`decode`] takes them; who wants to refuse
//! them uses [`decode_strict`], or asks [`Packet::discouraged_character`] before sending.

use crate::decode::decode;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::packet::{Packet, Will};
use crate::property::{Properties, Value};
use crate::types::Context;

/// [`decode`], and refuses strings with a discouraged character: U+0001 to U+001F, U+007F to U+009F, and
/// the non-characters, of which U+FFFE is one.
pub fn decode_strict(frame: &[u8], context: Context) -> Result<Packet<'_>, DecodeError> {
    let packet = decode(frame, context)?;
    match packet.find_in_strings(discouraged_in) {
        None => Ok(packet),
        Some((text, at, character)) => {
            let version = match packet {
                Packet::Connect(connect) => connect.version(),
                _ => context.version,
            };
            // Every string of a decoded packet is a slice of its frame.
            let offset = text.as_ptr().addr() - frame.as_ptr().addr() + at;
            let kind = DecodeErrorKind::DiscouragedCharacter { character };
            Err(DecodeError { kind, packet: Some(packet.kind()), version, offset: offset as u32 })
        }
    }
}

impl<'a> Packet<'a> {
    /// The first character in a string of this packet that should not be sent and may be refused.
    ///
    /// Those are U+0001 to U+001F, U+007F to U+009F, and the non-characters. Payloads, passwords and binary
    /// properties are no strings.
    pub fn discouraged_character(&self) -> Option<char> {
        self.find_in_strings(discouraged_in).map(|(_text, _at, character)| character)
    }

    /// What `find` finds first in the strings of the packet.
    fn find_in_strings<T>(&self, find: impl Fn(&'a str) -> Option<T>) -> Option<T> {
        let in_properties = |properties: Properties<'a>| find_in_properties(properties, &find);
        match *self {
            Packet::Connect(connect) => {
                let connect = connect.fields();
                let in_will =
                    |will: Will<'a>| in_properties(will.properties).or_else(|| find(will.topic.as_str()));
                in_properties(connect.properties)
                    .or_else(|| find(connect.client_id))
                    .or_else(|| connect.will.and_then(in_will))
                    .or_else(|| connect.user_name.and_then(&find))
            }
            Packet::Connack(connack) => in_properties(connack.properties),
            Packet::Publish(publish) => {
                find(publish.topic.as_str()).or_else(|| in_properties(publish.properties))
            }
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
                in_properties(ack.properties)
            }
            Packet::Subscribe(subscribe) => in_properties(subscribe.properties)
                .or_else(|| subscribe.filters.iter().find_map(|item| find(item.filter.as_str()))),
            Packet::Unsubscribe(unsubscribe) => in_properties(unsubscribe.properties)
                .or_else(|| unsubscribe.filters.iter().find_map(|filter| find(filter.as_str()))),
            Packet::Suback(suback) => in_properties(suback.properties),
            Packet::Unsuback(unsuback) => in_properties(unsuback.properties),
            Packet::Pingreq | Packet::Pingresp => None,
            Packet::Disconnect(disconnect) => in_properties(disconnect.properties),
            Packet::Auth(auth) => in_properties(auth.properties),
        }
    }
}

fn find_in_properties<'a, T>(properties: Properties<'a>, find: &impl Fn(&'a str) -> Option<T>) -> Option<T> {
    properties.iter().find_map(|property| match property.value() {
        Value::String(text) => find(text),
        Value::StringPair(name, value) => find(name).or_else(|| find(value)),
        Value::Byte(_)
        | Value::TwoByteInteger(_)
        | Value::FourByteInteger(_)
        | Value::VariableByteInteger(_)
        | Value::Binary(_) => None,
    })
}

/// The string, the byte in it and the character.
fn discouraged_in(text: &str) -> Option<(&str, usize, char)> {
    let (at, character) = text.char_indices().find(|(_at, character)| is_discouraged(*character))?;
    Some((text, at, character))
}

fn is_discouraged(character: char) -> bool {
    let code = u32::from(character);
    character.is_control() || (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}
