//! Sockets and timers of `async-io`.

use std::future::Future;
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_io::Async;
use mqtt_client::Instant;
use mqtt_client::adapter::{BoxedLink, Route, SystemClock};
use mqtt_transport::{Connection, Readiness, Runtime, SockRef, SystemSocket, open, socket2};

/// Whatever executor polls: `async-io` has a thread of its own for what happens outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Smol;

impl Runtime for Smol {
    const COALESCES: bool = true;

    type Socket = Arc<Socket>;
    type Link = BoxedLink;
    type Timer = Timer;

    fn dial(&self, route: Route) -> impl Future<Output = io::Result<Connection<Arc<Socket>>>> {
        open(self, route, Socket::register)
    }

    fn timer(&self) -> Timer {
        Timer::new()
    }
}

/// A timer that is never due unless it is set.
#[derive(Debug)]
pub(crate) struct Timer(async_io::Timer);

impl Timer {
    pub(crate) fn new() -> Timer {
        Timer(async_io::Timer::never())
    }
}

impl mqtt_transport::Timer for Timer {
    fn set(&mut self, at: Instant) {
        self.0.set_at(SystemClock::to_std(at));
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(drop)
    }
}

/// A socket of either kind.
#[derive(Debug)]
pub(crate) struct Socket(Async<socket2::Socket>);

impl Socket {
    pub(crate) fn register(socket: SystemSocket) -> io::Result<Socket> {
        Async::new_nonblocking(socket.into()).map(Socket)
    }

    /// A connection that was accepted.
    #[cfg(feature = "broker")]
    pub(crate) fn accepted(stream: std::net::TcpStream) -> io::Result<Socket> {
        Async::new(stream.into()).map(Socket)
    }
}

impl Readiness for Socket {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll_readable(context).map(drop)
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll_writable(context).map(drop)
    }
}

impl mqtt_transport::Socket for Socket {
    fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.get_ref().read(buf)
    }

    fn try_write(&self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.get_ref().write_vectored(chunks)
    }

    fn as_sock_ref(&self) -> SockRef<'_> {
        SockRef::from(self.0.get_ref())
    }
}
