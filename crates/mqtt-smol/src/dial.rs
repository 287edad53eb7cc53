//! Opens sockets, and the way to the server over them.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::task::{Context, Poll};

use async_io::{Async, Timer};
use mqtt_client::{BoxedLink, Dial, Link, Route, SocketOptions};
use mqtt_transport::{SockRef, hasten_acknowledgement, look_up, race, start_connect};

#[cfg(unix)]
use std::os::unix::net::UnixStream;

/// A socket that never blocks.
#[derive(Clone, Debug)]
pub(crate) enum Socket {
    Tcp(Arc<Async<TcpStream>>),
    #[cfg(unix)]
    Unix(Arc<Async<UnixStream>>),
}

impl Socket {
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(stream) => stream.poll_readable(context),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.poll_readable(context),
        }
    }

    pub(crate) fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(stream) => stream.poll_writable(context),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.poll_writable(context),
        }
    }
}

impl Link for Socket {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.get_ref().read(buf),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.get_ref().read(buf),
        }
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.get_ref().write_vectored(chunks),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.get_ref().write_vectored(chunks),
        }
    }

    fn hasten(&mut self) {
        match self {
            Socket::Tcp(stream) => hasten_acknowledgement(SockRef::from(stream.get_ref())),
            #[cfg(unix)]
            Socket::Unix(_) => {}
        }
    }

    fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.get_ref().shutdown(Shutdown::Write),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.get_ref().shutdown(Shutdown::Write),
        }
    }
}

/// An open socket, and the link to the server over it.
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    pub(crate) link: BoxedLink,
}

/// Goes the way to the server as far as a socket leads; the layers over it follow with the first bytes.
pub(crate) async fn dial(route: Route) -> io::Result<Connection> {
    let socket = match &route.dial {
        Dial::Tcp { host, port } => {
            let addresses = look_up(host, *port).await?;
            let connect = |address| connect(address, route.socket.clone());
            Socket::Tcp(Arc::new(race(addresses, connect, Timer::after).await?))
        }
        #[cfg(unix)]
        Dial::Unix { path } => Socket::Unix(Arc::new(connect_unix(path).await?)),
        #[cfg(not(unix))]
        Dial::Unix { .. } => return Err(io::ErrorKind::Unsupported.into()),
    };
    let link = route.wrap(Box::new(socket.clone()))?;
    Ok(Connection { socket, link })
}

async fn connect(address: SocketAddr, options: SocketOptions) -> io::Result<Async<TcpStream>> {
    let stream = start_connect(address, &options)?;
    let stream = Async::new_nonblocking(stream)?;
    stream.writable().await?;
    match stream.get_ref().take_error()? {
        None => Ok(stream),
        Some(error) => Err(error),
    }
}

/// A listener that has no room for one more is asked again until the dial is given up.
#[cfg(unix)]
async fn connect_unix(path: &str) -> io::Result<Async<UnixStream>> {
    loop {
        if let Some(stream) = mqtt_transport::connect_unix(path)? {
            return Async::new_nonblocking(stream);
        }
        Timer::after(mqtt_transport::UNIX_PAUSE).await;
    }
}
