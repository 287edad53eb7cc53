//! What a driver needs of a transport: bytes in and out, without ever waiting; and how transports stack up.

use std::fmt;
use std::io::{self, IoSlice};

use crate::server::Server;

/// An open byte stream that never blocks.
///
/// A call that cannot proceed returns [`io::ErrorKind::WouldBlock`]; the adapter then waits until the stream is ready.
pub trait Link {
    /// Reads into `buf`; 0 is the end of the stream.
    ///
    /// One call does a bounded amount of work. A link that has read much without a byte for `buf`, such as frames of a
    /// layer that carry nothing, returns [`io::ErrorKind::Interrupted`]: the driver calls again, a few times a turn.
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes from the chunks, in order, as far as it gets.
    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Says that nothing more will be written; what comes in can still be read.
    fn shutdown(&mut self) -> io::Result<()>;

    /// Whether to call again once the socket can be written. `has_output` says whether the driver has bytes that
    /// [`Link::try_write`] did not take; a layer that takes them only after something else returns false.
    fn wants_write(&self, has_output: bool) -> bool {
        has_output
    }

    /// Asks the system to acknowledge at once what was read, since no write follows that would carry the acknowledgement:
    /// a server that gathers small writes holds the next one back until then. Default: does nothing.
    fn quickack(&mut self) {}

    /// Whether a read that does not fill its buffer has taken all that there was. A layer with a buffer of its own
    /// returns false, and is read until it would block.
    fn short_read_is_all(&self) -> bool {
        true
    }
}

/// A link of any kind.
pub type BoxedLink = Box<dyn Link + Send>;

impl<L: Link + ?Sized> Link for Box<L> {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (**self).try_read(buf)
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        (**self).try_write(chunks)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        (**self).shutdown()
    }

    fn wants_write(&self, has_output: bool) -> bool {
        (**self).wants_write(has_output)
    }

    fn quickack(&mut self) {
        (**self).quickack();
    }

    fn short_read_is_all(&self) -> bool {
        (**self).short_read_is_all()
    }
}

/// A transport over another one, such as TLS over TCP: it has no socket and works with any link.
pub trait Layer: Send + Sync + fmt::Debug {
    /// The link through this layer to a server. Nothing is sent before the first read or write.
    fn wrap(&self, link: BoxedLink, server: &Server) -> io::Result<BoxedLink>;
}
