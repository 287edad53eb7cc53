//! Opens sockets, and the way to the server over them.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use mqtt_client::{BoxedLink, Dial, Link, Route, SocketOptions};
use mqtt_transport::{SockRef, hasten_acknowledgement, open_socket, race};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::sleep;

#[cfg(unix)]
use tokio::net::UnixStream;

/// A socket that never blocks.
#[derive(Clone, Debug)]
pub(crate) enum Socket {
    Tcp(Arc<TcpStream>),
    #[cfg(unix)]
    Unix(Arc<UnixStream>),
}

impl Socket {
    pub(crate) fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(stream) => stream.poll_read_ready(context),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.poll_read_ready(context),
        }
    }

    pub(crate) fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(stream) => stream.poll_write_ready(context),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.poll_write_ready(context),
        }
    }
}

impl Link for Socket {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.try_read(buf),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.try_read(buf),
        }
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.try_write_vectored(chunks),
            #[cfg(unix)]
            Socket::Unix(stream) => stream.try_write_vectored(chunks),
        }
    }

    fn hasten(&mut self) {
        match self {
            Socket::Tcp(stream) => hasten_acknowledgement(SockRef::from(&**stream)),
            #[cfg(unix)]
            Socket::Unix(_) => {}
        }
    }

    fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => SockRef::from(&**stream).shutdown(Shutdown::Write),
            #[cfg(unix)]
            Socket::Unix(stream) => SockRef::from(&**stream).shutdown(Shutdown::Write),
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
            let addresses: Vec<SocketAddr> = lookup_host((host.as_str(), *port)).await?.collect();
            let connect = |address| connect(address, route.socket.clone());
            Socket::Tcp(Arc::new(race(addresses, connect, sleep).await?))
        }
        #[cfg(unix)]
        Dial::Unix { path } => Socket::Unix(Arc::new(connect_unix(path).await?)),
        #[cfg(not(unix))]
        Dial::Unix { .. } => return Err(io::ErrorKind::Unsupported.into()),
    };
    let link = route.wrap(Box::new(socket.clone()))?;
    Ok(Connection { socket, link })
}

async fn connect(address: SocketAddr, options: SocketOptions) -> io::Result<TcpStream> {
    let socket = open_socket(address, &options)?;
    socket.set_nonblocking(true)?;
    TcpSocket::from_std_stream(socket.into()).connect(address).await
}

/// A listener that has no room for one more is asked again until the dial is given up.
#[cfg(unix)]
async fn connect_unix(path: &str) -> io::Result<UnixStream> {
    loop {
        if let Some(stream) = mqtt_transport::connect_unix(path)? {
            return UnixStream::from_std(stream);
        }
        sleep(mqtt_transport::UNIX_PAUSE).await;
    }
}
