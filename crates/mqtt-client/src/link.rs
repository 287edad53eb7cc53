//! What a driver needs of a transport: bytes in and out, without ever waiting.

use std::io::{self, IoSlice};

/// An open byte stream that is told to be non-blocking.
///
/// A call that cannot go on returns [`io::ErrorKind::WouldBlock`]; the adapter then waits until the stream is ready.
pub trait Link {
    /// Reads into `buf`; 0 is the end of the stream.
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes from the chunks, in order, as far as it gets.
    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Says that nothing more will be written; what comes in can still be read.
    fn shutdown(&mut self) -> io::Result<()>;
}
