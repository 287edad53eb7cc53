//! One line of the protocol between kit and driver: a name, and fields `key=value` behind it.
//!
//! Values are percent-encoded UTF-8, so that a line splits at spaces and a field at its first `=`.

use std::fmt::{self, Write};

/// A command to the driver, or a report from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What is asked or reported, such as `publish`.
    pub name: String,
    fields: Vec<(String, String)>,
}

/// Why a text is no [`Line`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineError {
    /// There is nothing but spaces.
    Empty,
    /// A word behind the name has no `=`.
    NoValue(String),
    /// A `%` is not followed by two hexadecimal digits, or the bytes are no UTF-8.
    BadEncoding(String),
}

impl Line {
    /// A line without fields.
    pub fn new(name: &str) -> Line {
        Line { name: name.to_owned(), fields: Vec::new() }
    }

    /// The line with one more field.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Line {
        self.fields.push((key.to_owned(), value.to_string()));
        self
    }

    /// Reads a line; spaces around it do not count.
    pub fn parse(text: &str) -> Result<Line, LineError> {
        let mut words = text.split_whitespace();
        let mut line = Line::new(words.next().ok_or(LineError::Empty)?);
        for word in words {
            let (key, value) = word.split_once('=').ok_or_else(|| LineError::NoValue(word.to_owned()))?;
            line.fields.push((key.to_owned(), decoded(value)?));
        }
        Ok(line)
    }

    /// The value of a field.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _value)| name == key).map(|(_name, value)| value.as_str())
    }

    /// The value of a field that is a number.
    pub fn number(&self, key: &str) -> Option<u32> {
        self.get(key)?.parse().ok()
    }

    /// Whether a field is there and has the value `1`.
    pub fn is_set(&self, key: &str) -> bool {
        self.get(key) == Some("1")
    }
}

/// As it is written, without the end of the line.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (key, value) in &self.fields {
            write!(f, " {key}=")?;
            for byte in value.bytes() {
                match byte {
                    b'!'..=b'~' if byte != b'%' => f.write_char(char::from(byte))?,
                    _ => write!(f, "%{byte:02X}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineError::Empty => f.write_str("the line is empty"),
            LineError::NoValue(word) => write!(f, "`{word}` is no field; write key=value"),
            LineError::BadEncoding(value) => {
                write!(f, "`{value}` is no percent-encoded UTF-8; write % as %25 and a space as %20")
            }
        }
    }
}

impl std::error::Error for LineError {}

fn decoded(value: &str) -> Result<String, LineError> {
    let wrong = || LineError::BadEncoding(value.to_owned());
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = behind.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(wrong)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_error| wrong())?);
        rest = &behind[2..];
    }
    String::from_utf8(bytes).map_err(|_error| wrong())
}

#[cfg(test)]
mod tests;
