//! Sockets that never block; a poll reports when they are ready.

use std::io::{self, IoSlice, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use mio::event::{Event, Source};
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use mqtt_transport::{Readiness, SockRef, SystemSocket};

/// A socket that is registered with a poll for as long as it lives, for both directions.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    events: Arc<Events>,
    token: Token,
    tokens: Tokens,
}

/// A stream of either kind.
#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Does the same with the stream of either kind.
macro_rules! with {
    ($stream:ident of $socket:expr => $what:expr) => {
        match $socket {
            Stream::Tcp($stream) => $what,
            #[cfg(unix)]
            Stream::Unix($stream) => $what,
        }
    };
}

/// What the poll has reported, each change once.
#[derive(Debug, Default)]
struct Events {
    is_readable: AtomicBool,
    is_writable: AtomicBool,
    /// Nothing more comes, or something is wrong. The end may stand behind bytes that are read without filling the
    /// reader's buffer.
    is_read_closed: AtomicBool,
}

/// Tokens of sockets that are gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens(Arc<Mutex<Vec<usize>>>);

impl Tokens {
    pub(crate) fn take(&self) -> Option<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, token: Token) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(token.0);
    }
}

impl Socket {
    /// Registers a socket for everything that can happen to it. Closing it takes it out of the poll.
    pub(crate) fn register(
        socket: SystemSocket,
        registry: &Registry,
        token: Token,
        tokens: &Tokens,
    ) -> io::Result<Socket> {
        let mut stream = match socket {
            SystemSocket::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream)),
            #[cfg(unix)]
            SystemSocket::Unix(stream) => Stream::Unix(UnixStream::from_std(stream)),
        };
        let source: &mut dyn Source = with!(stream of &mut stream => stream);
        let registered = registry.register(source, token, Interest::READABLE | Interest::WRITABLE);
        let socket = Socket { stream, events: Arc::default(), token, tokens: tokens.clone() };
        registered.map(|()| socket)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.tokens.give_back(self.token);
    }
}

/// What the poll knows of a socket.
#[derive(Debug)]
pub(crate) struct Registered {
    events: Weak<Events>,
    task: usize,
}

impl Registered {
    pub(crate) fn new(socket: &Socket, task: usize) -> Registered {
        Registered { events: Arc::downgrade(&socket.events), task }
    }

    /// Notes what has happened, and says to whose socket, unless it is gone.
    pub(crate) fn on_event(&self, event: &Event) -> Option<usize> {
        let events = self.events.upgrade()?;
        let is_read_closed = event.is_read_closed() || event.is_error();
        let is_write_closed = event.is_write_closed() || event.is_error();
        // What was reported before and not looked at stays.
        events.is_read_closed.fetch_or(is_read_closed, Ordering::Relaxed);
        events.is_readable.fetch_or(event.is_readable() || is_read_closed, Ordering::Relaxed);
        events.is_writable.fetch_or(event.is_writable() || is_write_closed, Ordering::Relaxed);
        Some(self.task)
    }
}

impl Readiness for Socket {
    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<()> {
        take(&self.events.is_readable)
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<()> {
        take(&self.events.is_writable)
    }
}

/// The task uses the socket until it would block, after which the poll reports anew.
fn take(is_ready: &AtomicBool) -> Poll<()> {
    if is_ready.swap(false, Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
}

impl mqtt_transport::Socket for Socket {
    fn as_sock_ref(&self) -> SockRef<'_> {
        with!(stream of &self.stream => SockRef::from(stream))
    }

    fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        with!(stream of &self.stream => (&*stream).read(buf))
    }

    fn try_write(&self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        with!(stream of &self.stream => (&*stream).write_vectored(chunks))
    }

    /// Windows reports what comes only after a read that would have blocked.
    fn short_read_is_all(&self) -> bool {
        cfg!(unix) && !self.events.is_read_closed.load(Ordering::Relaxed)
    }
}
