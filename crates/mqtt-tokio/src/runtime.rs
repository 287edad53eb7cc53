//! Sockets and timers of tokio.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use mqtt_client::Instant;
use mqtt_client::adapter::{BoxedLink, Route, SystemClock};
use mqtt_transport::{Connection, Readiness, Runtime, SockRef, SystemSocket, open};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::time::{Sleep, sleep_until};

/// The runtime whose task polls, with its sockets and timers enabled.
///
/// There is no coalescing delay, since its timers count milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokio;

impl Runtime for Tokio {
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
