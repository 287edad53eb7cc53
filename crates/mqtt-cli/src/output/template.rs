//! `-F`: templates with the letters of mosquitto's clients.
//!
//! `%` and a letter stand for a part of the message, with flags and widths between them; `@` and a letter for a part of
//! the time; a backslash and a letter for a character.

use std::fmt::Write;

use jiff::ZonedDateTime;
use mqtt_smol::Message;

use super::json;

/// A template that was checked.
#[derive(Clone, Debug)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Field {
        letter: char,
        width: Width,
    },
    /// A letter of `strftime`.
    Time(char),
}

/// How wide a field is.
#[derive(Clone, Copy, Debug, Default)]
struct Width {
    zeros: bool,
    left: bool,
    min: usize,
    max: Option<usize>,
}

/// Letters that stand for a part of the message, or for the time.
const LETTERS: &str = "ACDEFIJPRSUXjlmpqrtx";

/// The widest that a field may be asked to be.
const WIDTH_MAX: usize = 10_000;

impl Template {
    /// Reads a template; an error names what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Template, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut characters = text.chars().peekable();
        let mut literal = String::new();
        while let Some(character) = characters.next() {
            let part = match character {
                '%' => field(&mut characters)?,
                '@' => time(characters.next())?,
                '\\' => Part::Text(escaped(characters.next())?.into()),
                other => Part::Text(other.into()),
            };
            match part {
                Part::Text(more) => literal.push_str(&more),
                part => {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                    parts.push(part);
                }
            }
        }
        parts.push(Part::Text(literal));
        Ok(Template(parts))
    }

    /// The template with the parts of a message, each made safe for where it goes.
    pub(crate) fn fill(
        &self,
        message: &Message,
        now: &ZonedDateTime,
        safe: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Time('N') => out.extend(format!("{:09}", now.subsec_nanosecond()).bytes()),
                Part::Time(letter) => out.extend(strftime(*letter, now).unwrap_or_default().bytes()),
                Part::Field { letter, width } => width.put(&value(*letter, message, now), &safe, &mut out),
            }
        }
        out
    }
}

/// What a field holds: bytes, or a number, which may be padded with zeros.
enum Value {
    Bytes(Vec<u8>),
    Number(u64),
    Nothing,
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Bytes(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Bytes(text.into())
    }
}

fn value(letter: char, message: &Message, now: &ZonedDateTime) -> Value {
    let properties = message.properties();
    let number = |value: Option<u32>| value.map_or(Value::Nothing, |value| Value::Number(value.into()));
    let text = |value: Option<&str>| value.map_or(Value::Nothing, Value::from);
    match letter {
        'A' => number(properties.topic_alias().map(u32::from)),
        'C' => text(properties.content_type()),
        'D' => properties.correlation_data().map_or(Value::Nothing, |data| Value::Bytes(data.into())),
        'E' => number(properties.message_expiry_interval()),
        'F' => number(properties.payload_format_indicator().map(u32::from)),
        'I' => now.strftime("%Y-%m-%dT%H:%M:%S%z").to_string().into(),
        'j' => json::like_mosquitto(message, now, false).unwrap_or_default().into(),
        'J' => match json::like_mosquitto(message, now, true) {
            Some(text) => text.into(),
            None => {
                eprintln!("mqtt: {:?}: its payload is no JSON", message.topic());
                Value::Nothing
            }
        },
        'l' => Value::Number(message.payload().len() as u64),
        'm' => Value::Number(message.receipt().map_or(0, |receipt| receipt.exchange().into())),
        'p' => Value::Bytes(message.payload().into()),
        'P' => {
            let all: Vec<String> =
                properties.user_properties().map(|(name, value)| format!("{name}:{value}")).collect();
            all.join(" ").into()
        }
        'q' => Value::Number(message.qos() as u64),
        'r' => Value::Number(message.retain().into()),
        'R' => text(properties.response_topic()),
        'S' => {
            let all: Vec<String> = properties.subscription_identifiers().map(|id| id.to_string()).collect();
            all.join(" ").into()
        }
        't' => message.topic().into(),
        'U' => {
            let since = now.timestamp();
            format!("{}.{:09}", since.as_second(), since.subsec_nanosecond()).into()
        }
        'x' => hex(message.payload(), |text, byte| write!(text, "{byte:02x}")),
        _ => hex(message.payload(), |text, byte| write!(text, "{byte:02X}")),
    }
}

fn hex(bytes: &[u8], put: impl Fn(&mut String, u8) -> std::fmt::Result) -> Value {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = put(&mut text, *byte);
    }
    text.into()
}

impl Width {
    fn put(&self, value: &Value, safe: impl Fn(&[u8]) -> Vec<u8>, out: &mut Vec<u8>) {
        let mut bytes = match value {
            Value::Bytes(bytes) => safe(bytes),
            Value::Number(number) => number.to_string().into_bytes(),
            Value::Nothing => Vec::new(),
        };
        let cut = |bytes: &[u8], max: usize| match std::str::from_utf8(bytes) {
            Ok(text) => text.char_indices().nth(max).map_or(bytes.len(), |(end, _)| end),
            Err(_) => bytes.len().min(max),
        };
        if let Some(max) = self.max {
            bytes.truncate(cut(&bytes, max));
        }
        let len = std::str::from_utf8(&bytes).map_or(bytes.len(), |text| text.chars().count());
        let is_padded_with_zeros = self.zeros && !self.left && !matches!(value, Value::Nothing);
        let pad = vec![if is_padded_with_zeros { b'0' } else { b' ' }; self.min.saturating_sub(len)];
        match self.left {
            true => out.extend(bytes.into_iter().chain(pad)),
            false => out.extend(pad.into_iter().chain(bytes)),
        }
    }
}

/// What stands behind a `%`.
fn field(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Part, String> {
    let mut width = Width::default();
    while let Some(flag) = characters.next_if(|character| matches!(character, '0' | '-')) {
        match flag {
            '0' => width.zeros = true,
            _ => width.left = true,
        }
    }
    width.min = number(characters)?.unwrap_or(0);
    if characters.next_if_eq(&'.').is_some() {
        width.max = Some(number(characters)?.unwrap_or(0));
    }
    match characters.next() {
        Some('%') => Ok(Part::Text("%".into())),
        Some(letter) if LETTERS.contains(letter) => Ok(Part::Field { letter, width }),
        Some(letter) => Err(format!("%{letter} stands for nothing; the letters are {LETTERS} and %%")),
        None => Err("a % stands at the end; write %% for a percent sign".into()),
    }
}

fn number(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<usize>, String> {
    let mut digits = String::new();
    while let Some(digit) = characters.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    match digits.parse() {
        _ if digits.is_empty() => Ok(None),
        Ok(number) if number <= WIDTH_MAX => Ok(Some(number)),
        _ => Err(format!("a width of {digits}; {WIDTH_MAX} is the most")),
    }
}

/// What stands behind an `@`.
fn time(letter: Option<char>) -> Result<Part, String> {
    match letter {
        Some('@') => Ok(Part::Text("@".into())),
        Some('N') => Ok(Part::Time('N')),
        Some(letter) if letter.is_ascii_alphabetic() && strftime(letter, &ZonedDateTime::now()).is_some() => {
            Ok(Part::Time(letter))
        }
        Some(letter) => Err(format!("@{letter} is no part of a time; write @@ for an at sign")),
        None => Err("an @ stands at the end; write @@ for an at sign".into()),
    }
}

/// A part of the time; none if there is no such letter.
fn strftime(letter: char, now: &ZonedDateTime) -> Option<String> {
    jiff::fmt::strtime::format(format!("%{letter}"), now).ok()
}

/// What a backslash and a letter stand for.
fn escaped(letter: Option<char>) -> Result<char, String> {
    Ok(match letter {
        Some('\\') => '\\',
        Some('0') => '\0',
        Some('a') => '\x07',
        Some('e') => '\x1b',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('v') => '\x0b',
        Some(letter) => {
            return Err(format!("\\{letter} stands for nothing; use \\\\ \\0 \\a \\e \\n \\r \\t or \\v"));
        }
        None => return Err("a backslash stands at the end; write \\\\ for a backslash".into()),
    })
}
