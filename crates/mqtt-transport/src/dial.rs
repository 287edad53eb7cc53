//! Connections over sockets of the system: how they are opened on any runtime, and what the runtime adds to a socket.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use mqtt_client::SocketOptions;
use mqtt_client::adapter::{Clock, Dial, Link, Route, SystemClock};
use socket2::SockRef;

use crate::lookup::look_up;
use crate::race::race;
use crate::runtime::{Connection, Readiness, Runtime};
#[cfg(unix)]
use crate::socket::{UNIX_PAUSE, connect_unix};
use crate::socket::{quickack, start_connect};
use crate::waiter::Waiter;

/// A socket of the system that never blocks, for a runtime to register: open, or about to be.
#[derive(Debug)]
pub enum SystemSocket {
    /// It may be that the connection is still under way; then it can be written once it is open or has failed.
    Tcp(TcpStream),
    /// An open connection.
    #[cfg(unix)]
    Unix(UnixStream),
}

/// For runtimes that take any socket.
impl From<SystemSocket> for socket2::Socket {
    fn from(socket: SystemSocket) -> socket2::Socket {
        match socket {
            SystemSocket::Tcp(stream) => stream.into(),
            #[cfg(unix)]
            SystemSocket::Unix(stream) => stream.into(),
        }
    }
}

/// A socket that is registered with a runtime for as long as it lives. It is used by one task at a time.
pub trait Socket: Readiness {
    /// Reads into `buf` without waiting; 0 is the end; a read that would wait is [`io::ErrorKind::WouldBlock`].
    fn try_read(&self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes from the chunks, in order, without waiting; a write that would wait is [`io::ErrorKind::WouldBlock`].
    fn try_write(&self, chunks: &[IoSlice<'_>]) -> io::Result<usize>;

    /// The socket itself, for its options.
    fn as_sock_ref(&self) -> SockRef<'_>;

    /// Whether a read that does not fill its buffer has taken all that there was: what comes later is reported anew.
    /// Default: true.
    fn short_read_is_all(&self) -> bool {
        true
    }
}

/// Opens the connection of a route on a runtime: looks its host up, has the addresses race, and wraps the socket in the
/// layers of the route, whose handshakes follow with the first bytes.
///
/// `register` makes a socket the runtime's; an error of it counts as that address having failed. Times are those of
/// [`SystemClock`]. Fails if there is no address or none answers, with the failure that came last; if a Unix socket
/// cannot be opened, or there are none on this system ([`io::ErrorKind::Unsupported`]); and if the options lack a layer.
/// Dropping the future closes what it has opened.
pub async fn open<R: Runtime, S: Socket + Send + Sync + 'static>(
    runtime: &R,
    route: Route,
    register: impl Fn(SystemSocket) -> io::Result<S>,
) -> io::Result<Connection<Arc<S>>> {
    let (socket, is_tcp) = match &route.dial {
        Dial::Tcp { host, port } => {
            let addresses = look_up(host, *port).await?;
            let connect = |address| connect_tcp(address, &route.socket, &register);
            (race(addresses, connect, |delay| sleep(runtime, delay)).await?, true)
        }
        #[cfg(unix)]
        Dial::Unix { path } => loop {
            if let Some(stream) = connect_unix(path)? {
                break (register(SystemSocket::Unix(stream))?, false);
            }
            // A listener that has no room for one more is asked again until the dial is given up.
            sleep(runtime, UNIX_PAUSE).await;
        },
        #[cfg(not(unix))]
        Dial::Unix { .. } => return Err(io::ErrorKind::Unsupported.into()),
    };
    let socket = Arc::new(socket);
    let link = route.wrap(Box::new(SocketLink { socket: Arc::clone(&socket), is_tcp }))?;
    Ok(Connection { socket, link })
}

async fn connect_tcp<S: Socket>(
    address: SocketAddr,
    options: &SocketOptions,
    register: impl Fn(SystemSocket) -> io::Result<S>,
) -> io::Result<S> {
    let socket = register(SystemSocket::Tcp(start_connect(address, options)?))?;
    poll_fn(|context| socket.poll_writable(context)).await;
    let error = socket.as_sock_ref().take_error()?;
    error.map_or(Ok(socket), Err)
}

async fn sleep<R: Runtime>(runtime: &R, long: Duration) {
    let until = SystemClock.now() + long;
    Waiter::new(runtime.timer()).wait(Some(until), |_| false).await;
}

/// The link at the bottom of all layers.
struct SocketLink<S> {
    socket: Arc<S>,
    is_tcp: bool,
}

impl<S: Socket> Link for SocketLink<S> {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.try_read(buf)
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.try_write(chunks)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.socket.as_sock_ref().shutdown(Shutdown::Write)
    }

    fn quickack(&mut self) {
        if self.is_tcp {
            quickack(self.socket.as_sock_ref());
        }
    }

    fn short_read_is_all(&self) -> bool {
        self.socket.short_read_is_all()
    }
}
