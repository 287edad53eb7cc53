//! Sockets and timers of tokio.

use std::future::Future;
use std::io::{self, IoSlice};
#[cfg(unix)]
use std::io::{ErrorKind, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use mqtt_client::Instant;
use mqtt_client::adapter::{BoxedLink, Route, SystemClock};
use mqtt_transport::{Connection, Readiness, Runtime, SockRef, SystemSocket, open};
#[cfg(unix)]
use tokio::io::Interest;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::time::{Sleep, sleep_until};

/// The runtime whose task polls, with its sockets and timers enabled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokio;

impl Runtime for Tokio {
    /// Reading without having polled works there.
    const COALESCES: bool = cfg!(unix);

    type Socket = Arc<Socket>;
    type Link = BoxedLink;
    type Timer = Timer;

    /// A task that wakes itself would come before the sockets of others.
    fn yield_now() -> impl Future<Output = ()> {
        tokio::task::yield_now()
    }

    fn dial(&self, route: Route) -> impl Future<Output = io::Result<Connection<Arc<Socket>>>> {
        open(self, route, Socket::register)
    }

    fn timer(&self) -> Timer {
        Timer::default()
    }
}

/// A timer that takes memory once it is set.
#[derive(Debug, Default)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl mqtt_transport::Timer for Timer {
    fn set(&mut self, at: Instant) {
        let at = SystemClock::to_std(at).into();
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.0 = Some(Box::pin(sleep_until(at))),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(context))
    }
}

/// A socket of either kind.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Does the same for the stream of either kind.
macro_rules! for_stream {
    ($socket:expr, $stream:ident => $what:expr) => {
        match $socket {
            Socket::Tcp($stream) => $what,
            #[cfg(unix)]
            Socket::Unix($stream) => $what,
        }
    };
}

impl Socket {
    fn register(socket: SystemSocket) -> io::Result<Socket> {
        match socket {
            SystemSocket::Tcp(stream) => TcpStream::from_std(stream).map(Socket::Tcp),
            #[cfg(unix)]
            SystemSocket::Unix(stream) => UnixStream::from_std(stream).map(Socket::Unix),
        }
    }
}

impl Readiness for Socket {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        for_stream!(self, stream => stream.poll_read_ready(context).map(drop))
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<()> {
        for_stream!(self, stream => stream.poll_write_ready(context).map(drop))
    }
}

impl mqtt_transport::Socket for Socket {
    /// Reads whether or not tokio has heard of anything: after a coalescing delay it has not asked. When a read has taken
    /// all there was, the socket counts as not ready, so that no further read is needed to find that out.
    #[cfg(unix)]
    fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let size = buf.len();
        let mut read = || (&*self.as_sock_ref()).read(buf);
        let mut result = None;
        let read_ready = || {
            let read = result.insert(read());
            let is_all = match read {
                Ok(len) => (1..size).contains(len),
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            };
            if is_all { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
        };
        // What it returns stands in `result`, unless tokio knows of nothing to read.
        let _ = for_stream!(self, stream => stream.try_io(Interest::READABLE, read_ready));
        result.unwrap_or_else(read)
    }

    /// Other systems report what comes only after a read of tokio's own that would have blocked.
    #[cfg(not(unix))]
    fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        for_stream!(self, stream => stream.try_read(buf))
    }

    fn try_write(&self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        for_stream!(self, stream => stream.try_write_vectored(chunks))
    }

    fn as_sock_ref(&self) -> SockRef<'_> {
        for_stream!(self, stream => SockRef::from(stream))
    }
}
