//! Messages as JSON objects, in the form that `mqtt pub --json` reads again.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::ZonedDateTime;
use mqtt_smol::{Message, QoS};
use serde::Serialize;
use serde_json::Value;

/// A message that has arrived.
#[derive(Debug, Serialize)]
pub(crate) struct Received<'a> {
    ts: String,
    topic: &'a str,
    qos: u8,
    retain: bool,
    dup: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    /// Instead of `payload` where that is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Properties<'a>>,
}

/// Properties of 5.0.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Properties<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_format_indicator: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_expiry_interval: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_topic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_data_base64: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    user_properties: Vec<(&'a str, &'a str)>,
}

impl<'a> Received<'a> {
    pub(crate) fn new(message: &'a Message, now: &ZonedDateTime) -> Received<'a> {
        let (payload, payload_base64) = text_or_base64(message.payload());
        let given = message.properties();
        let (correlation_data, correlation_data_base64) =
            given.correlation_data().map_or((None, None), text_or_base64);
        let properties = Properties {
            payload_format_indicator: given.payload_format_indicator(),
            message_expiry_interval: given.message_expiry_interval(),
            content_type: given.content_type(),
            response_topic: given.response_topic(),
            correlation_data,
            correlation_data_base64,
            user_properties: given.user_properties().collect(),
        };
        Received {
            ts: now.strftime("%Y-%m-%dT%H:%M:%S.%6f%:z").to_string(),
            topic: message.topic(),
            qos: message.qos() as u8,
            retain: message.retain(),
            dup: message.qos() != QoS::AtMostOnce && message.dup(),
            payload,
            payload_base64,
            properties: (properties != Properties::default()).then_some(properties),
        }
    }
}

/// The time as mosquitto writes it, with microseconds and the offset of its zone.
fn iso_8601(now: &ZonedDateTime) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%S.%6f%z").to_string()
}

/// Text where it is UTF-8, otherwise Base64.
fn text_or_base64(bytes: &[u8]) -> (Option<&str>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(BASE64_STANDARD.encode(bytes))),
    }
}

/// A value as text: in one line, or over several and in colours. Everything that controls a terminal is escaped.
pub(crate) fn render(value: &impl Serialize, pretty: bool, colours: bool) -> String {
    let text = match pretty {
        true => serde_json::to_string_pretty(value),
        false => serde_json::to_string(value),
    };
    let text = escape(&text.expect("strings, numbers and lists have an encoding"));
    if colours { coloured(&text) } else { text }
}

/// JSON leaves the controls above ASCII as they are; escaped they are the same JSON.
fn escape(text: &str) -> String {
    let is_control = |character: char| !character.is_ascii() && character.is_control() || character == '\x7f';
    if !text.contains(is_control) {
        return text.into();
    }
    text.chars().fold(String::new(), |mut escaped, character| {
        if is_control(character) {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
        escaped
    })
}

/// Colours the words of JSON: names, text, and everything else.
fn coloured(text: &str) -> String {
    const NAME: &str = "\x1b[34m";
    const TEXT: &str = "\x1b[32m";
    const OTHER: &str = "\x1b[33m";
    const END: &str = "\x1b[0m";
    let mut out = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (len, colour) = match character {
            '"' => {
                let len = string_len(rest);
                let is_name = rest[len..].trim_start().starts_with(':');
                (len, Some(if is_name { NAME } else { TEXT }))
            }
            '0'..='9' | '-' | 'a'..='z' => {
                let end = rest.find([',', '\n', '}', ']', ' ']).unwrap_or(rest.len());
                (end, Some(OTHER))
            }
            character => (character.len_utf8(), None),
        };
        let (word, after) = rest.split_at(len);
        match colour {
            Some(colour) => out.extend([colour, word, END]),
            None => out.push_str(word),
        }
        rest = after;
    }
    out
}

/// The length of the string that text begins with, its quotes included.
fn string_len(text: &str) -> usize {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// The JSON of mosquitto's `%j` and, with the payload as JSON of its own, `%J`.
pub(crate) fn like_mosquitto(message: &Message, now: &ZonedDateTime, nested: bool) -> Option<String> {
    #[derive(Serialize)]
    struct Like<'a> {
        tst: String,
        topic: &'a str,
        qos: u8,
        retain: u8,
        payloadlen: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        mid: Option<u16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        properties: Option<Value>,
        payload: Value,
    }
    let payload = match nested {
        true => serde_json::from_slice(message.payload()).ok()?,
        false => Value::String(String::from_utf8_lossy(message.payload()).into_owned()),
    };
    let properties = properties_like_mosquitto(message);
    let like = Like {
        tst: iso_8601(now),
        topic: message.topic(),
        qos: message.qos() as u8,
        retain: message.retain().into(),
        payloadlen: message.payload().len(),
        mid: message.receipt().map(|receipt| receipt.exchange()),
        properties,
        payload,
    };
    Some(render(&like, false, false))
}

fn properties_like_mosquitto(message: &Message) -> Option<Value> {
    let given = message.properties();
    let mut map = serde_json::Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(name.into(), value);
        }
    };
    put("payload-format-indicator", given.payload_format_indicator().map(Value::from));
    put("message-expiry-interval", given.message_expiry_interval().map(Value::from));
    put("content-type", given.content_type().map(Value::from));
    put("response-topic", given.response_topic().map(Value::from));
    let correlation = given.correlation_data().map(|data| Value::from(String::from_utf8_lossy(data)));
    put("correlation-data", correlation);
    let mut users = serde_json::Map::new();
    for (name, value) in given.user_properties() {
        match users.get_mut(name) {
            None => _ = users.insert(name.into(), value.into()),
            Some(Value::Array(values)) => values.push(value.into()),
            // A name may repeat, where an object has it once.
            Some(first) => *first = Value::Array(vec![first.take(), value.into()]),
        }
    }
    put("user-properties", (!users.is_empty()).then(|| Value::from(users)));
    (!map.is_empty()).then(|| Value::from(map))
}
