//! A link as the `Read` and `Write` of the standard library, for libraries that want a stream.

use std::io::{self, IoSlice, Read, Write};

use mqtt_client::adapter::{BoxedLink, Link};

/// A link that remembers whether it waits to be written.
pub(crate) struct Stream {
    pub(crate) link: BoxedLink,
    is_blocked: bool,
}

impl Stream {
    pub(crate) fn new(link: BoxedLink) -> Stream {
        Stream { link, is_blocked: false }
    }

    /// Whether a write continues once the socket can be written.
    pub(crate) fn wants_write(&self) -> bool {
        self.link.wants_write(self.is_blocked)
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.link.try_read(buf)
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let is_something = bufs.iter().any(|buf| !buf.is_empty());
        let result = match self.link.try_write(bufs) {
            // Libraries take it for progress, and turn in circles or panic.
            Ok(0) if is_something => Err(io::ErrorKind::WriteZero.into()),
            result => result,
        };
        self.is_blocked = matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        result
    }

    /// A link holds nothing back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
