//! Sockets that never block and tell a poll when they are ready.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use mqtt_client::Link;
use mqtt_transport::{SockRef, hasten_acknowledgement};

/// A socket whose clones are the same one.
#[derive(Clone, Debug)]
pub(crate) enum Socket {
    Tcp(Arc<mio::net::TcpStream>),
    #[cfg(unix)]
    Unix(Arc<mio::net::UnixStream>),
}

/// Keeps a socket registered; the poll tells each change once.
#[derive(Debug)]
pub(crate) struct Registered {
    registry: Registry,
    socket: OwnSocket,
}

#[derive(Debug)]
enum OwnSocket {
    Tcp(mio::net::TcpStream),
    #[cfg(unix)]
    Unix(mio::net::UnixStream),
}

impl OwnSocket {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            OwnSocket::Tcp(stream) => stream,
            #[cfg(unix)]
            OwnSocket::Unix(stream) => stream,
        }
    }
}

impl Registered {
    /// Registers the socket for everything that can happen to it.
    pub(crate) fn new(registry: Registry, socket: &Socket, token: Token) -> io::Result<Registered> {
        let mut own = socket.duplicate()?;
        registry.register(own.source(), token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Registered { registry, socket: own })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // A socket that cannot be deregistered is gone already.
        let _ = self.registry.deregister(self.socket.source());
    }
}

impl Socket {
    #[cfg(unix)]
    fn duplicate(&self) -> io::Result<OwnSocket> {
        use std::os::fd::AsFd;
        Ok(match self {
            Socket::Tcp(stream) => {
                let duplicate = std::net::TcpStream::from(stream.as_fd().try_clone_to_owned()?);
                OwnSocket::Tcp(mio::net::TcpStream::from_std(duplicate))
            }
            Socket::Unix(stream) => {
                let duplicate = std::os::unix::net::UnixStream::from(stream.as_fd().try_clone_to_owned()?);
                OwnSocket::Unix(mio::net::UnixStream::from_std(duplicate))
            }
        })
    }

    #[cfg(windows)]
    fn duplicate(&self) -> io::Result<OwnSocket> {
        use std::os::windows::io::AsSocket;
        let Socket::Tcp(stream) = self;
        let duplicate = std::net::TcpStream::from(stream.as_socket().try_clone_to_owned()?);
        Ok(OwnSocket::Tcp(mio::net::TcpStream::from_std(duplicate)))
    }
}

impl Link for Socket {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => (&**stream).read(buf),
            #[cfg(unix)]
            Socket::Unix(stream) => (&**stream).read(buf),
        }
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => (&**stream).write_vectored(chunks),
            #[cfg(unix)]
            Socket::Unix(stream) => (&**stream).write_vectored(chunks),
        }
    }

    fn hasten(&mut self) {
        if let Socket::Tcp(stream) = self {
            hasten_acknowledgement(SockRef::from(&**stream));
        }
    }

    fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}
