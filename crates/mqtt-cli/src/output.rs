//! How a message is printed: its payload, a template, or JSON; and what never reaches a terminal.

mod escape;
mod json;
mod template;

pub(crate) use escape::printable;
pub(crate) use json::Received;
pub(crate) use template::Template;

use std::env;
use std::io::{self, IsTerminal, StdoutLock, Write};

use jiff::ZonedDateTime;
use mqtt_smol::Message;

/// What is printed of a message, and where it goes.
#[derive(Debug)]
pub(crate) struct Style {
    pub(crate) shape: Shape,
    pub(crate) end: &'static [u8],
    is_terminal: bool,
    colours: bool,
    pretty: bool,
}

/// What is printed of a message.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Its payload.
    Payload,
    /// Its topic, a space and its payload.
    TopicAndPayload,
    Template(Template),
    Json,
}

impl Style {
    /// For what standard output is now.
    pub(crate) fn new(shape: Shape, end: &'static [u8], pretty: bool) -> Style {
        let is_terminal = io::stdout().is_terminal();
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colours = is_terminal && !is_set("NO_COLOR") && !is_dumb;
        Style { shape, end, is_terminal, colours, pretty: pretty || is_terminal }
    }

    /// Prints a message and hands it on at once.
    pub(crate) fn print(&self, message: &Message) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match &self.shape {
            Shape::Payload => self.put(&mut out, message.payload())?,
            Shape::TopicAndPayload => {
                self.put(&mut out, message.topic().as_bytes())?;
                out.write_all(b" ")?;
                self.put(&mut out, message.payload())?;
            }
            Shape::Template(template) => {
                let text = template.fill(message, &ZonedDateTime::now(), |bytes| self.safe(bytes));
                out.write_all(&text)?;
            }
            Shape::Json => {
                let received = Received::new(message, &ZonedDateTime::now());
                out.write_all(json::render(&received, self.pretty, self.colours).as_bytes())?;
            }
        }
        out.write_all(self.end)?;
        out.flush()
    }

    /// Bytes of a message: as they are in a pipe, and without anything that controls a terminal on one.
    fn put(&self, out: &mut StdoutLock<'_>, bytes: &[u8]) -> io::Result<()> {
        match self.is_terminal {
            true => out.write_all(printable(bytes).as_bytes()),
            false => out.write_all(bytes),
        }
    }

    fn safe(&self, bytes: &[u8]) -> Vec<u8> {
        if self.is_terminal { printable(bytes).into_bytes() } else { bytes.to_vec() }
    }
}
