//! Sockets that never block, and report to a poll when they are ready.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::event::Source;
use mio::{Interest, Registry, Token};
use mqtt_client::Link;
use mqtt_transport::{SockRef, quickack};

/// A socket that is registered with a poll for as long as it lives. Clones are the same one: a connection has one
/// descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Socket(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stream: Stream,
    /// Whether the poll has reported that nothing more comes, or that something is wrong. It reports each change once, so
    /// that the end may stand behind bytes that are read without filling the reader's buffer.
    is_read_closed: AtomicBool,
}

/// A stream of either kind.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(mio::net::TcpStream),
    #[cfg(unix)]
    Unix(mio::net::UnixStream),
}

impl Socket {
    /// Registers a stream for everything that can happen to it. Closing it takes it out of the poll.
    pub(crate) fn register(mut stream: Stream, registry: &Registry, token: Token) -> io::Result<Socket> {
        let source: &mut dyn Source = match &mut stream {
            Stream::Tcp(stream) => stream,
            #[cfg(unix)]
            Stream::Unix(stream) => stream,
        };
        registry.register(source, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Socket(Arc::new(Inner { stream, is_read_closed: AtomicBool::new(false) })))
    }

    /// Whether a connection that was started is open; an error if it failed.
    pub(crate) fn is_connected(&self) -> io::Result<bool> {
        mqtt_transport::is_connected(self.as_ref())
    }

    /// The poll has reported that nothing more comes.
    pub(crate) fn set_read_closed(&self) {
        self.0.is_read_closed.store(true, Ordering::Relaxed);
    }

    fn as_ref(&self) -> SockRef<'_> {
        match &self.0.stream {
            Stream::Tcp(stream) => SockRef::from(stream),
            #[cfg(unix)]
            Stream::Unix(stream) => SockRef::from(stream),
        }
    }
}

impl Link for Socket {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.0.stream {
            Stream::Tcp(stream) => (&*stream).read(buf),
            #[cfg(unix)]
            Stream::Unix(stream) => (&*stream).read(buf),
        }
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        match &self.0.stream {
            Stream::Tcp(stream) => (&*stream).write_vectored(chunks),
            #[cfg(unix)]
            Stream::Unix(stream) => (&*stream).write_vectored(chunks),
        }
    }

    fn hasten(&mut self) {
        match &self.0.stream {
            Stream::Tcp(stream) => quickack(SockRef::from(stream)),
            #[cfg(unix)]
            Stream::Unix(_) => {}
        }
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.as_ref().shutdown(Shutdown::Write)
    }

    /// Windows reports what comes only after a read that would have blocked.
    fn short_read_is_all(&self) -> bool {
        cfg!(unix) && !self.0.is_read_closed.load(Ordering::Relaxed)
    }
}
