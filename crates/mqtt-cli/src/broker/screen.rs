//! Lines on standard error, and on a terminal one more below them that is rewritten in its place.

use std::io::Write;

/// Where lines go.
#[derive(Debug)]
pub(crate) struct Screen<W> {
    is_terminal: bool,
    out: W,
    /// What stands in the last line and is to be rewritten.
    status: String,
}

impl<W: Write> Screen<W> {
    pub(crate) fn new(is_terminal: bool, out: W) -> Screen<W> {
        Screen { is_terminal, out, status: String::new() }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Writes a line above the status.
    pub(crate) fn line(&mut self, text: &str) {
        let line = match self.status.as_str() {
            "" => format!("{text}\n"),
            status => format!("{REWRITE}{text}\n{status}"),
        };
        self.write(&line);
    }

    /// Rewrites the status; on what is no terminal there is none.
    pub(crate) fn status(&mut self, text: &str) {
        if self.is_terminal && self.status != text {
            self.status = text.chars().take(WIDTH).collect();
            let line = format!("{REWRITE}{}", self.status);
            self.write(&line);
        }
    }

    /// Removes the status.
    pub(crate) fn clear(&mut self) {
        if !self.status.is_empty() {
            self.status.clear();
            self.write(REWRITE);
        }
    }

    /// Whoever reads it may have gone away, which is no reason to stop.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

/// Back to the beginning of the line, which is wiped.
const REWRITE: &str = "\r\x1b[K";

/// Most terminals are at least as wide; a line that breaks could not be rewritten.
const WIDTH: usize = 79;

#[cfg(test)]
mod tests;
