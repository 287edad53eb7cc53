//! Opens sockets on threads of their own, and the way to the server over them.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use mqtt_client::{ADDRESS_HEAD_START, BoxedLink, Dial, Route, SocketOptions};
use mqtt_transport::{open_socket, take_turns};

use crate::socket::Socket;

/// An open socket, and the link to the server over it.
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    pub(crate) link: BoxedLink,
}

/// Goes the way to the server as far as a socket leads; the layers over it follow with the first bytes. `wake` is
/// called once the receiver has the result.
pub(crate) fn dial(
    route: Route,
    timeout: Duration,
    wake: impl FnOnce() + Send + 'static,
) -> io::Result<Receiver<io::Result<Connection>>> {
    let (sender, result) = mpsc::channel();
    thread::Builder::new().name("mqtt-dial".into()).spawn(move || {
        // Nobody waits for it any more if this fails.
        let _ = sender.send(connect(&route, timeout));
        wake();
    })?;
    Ok(result)
}

fn connect(route: &Route, timeout: Duration) -> io::Result<Connection> {
    let socket = match &route.dial {
        Dial::Tcp { host, port } => {
            let addresses = (host.as_str(), *port).to_socket_addrs()?;
            let stream = race(&take_turns(addresses), timeout, &route.socket)?;
            stream.set_nonblocking(true)?;
            Socket::Tcp(Arc::new(mio::net::TcpStream::from_std(stream)))
        }
        #[cfg(unix)]
        Dial::Unix { path } => {
            let stream = std::os::unix::net::UnixStream::connect(path)?;
            stream.set_nonblocking(true)?;
            Socket::Unix(Arc::new(mio::net::UnixStream::from_std(stream)))
        }
        #[cfg(not(unix))]
        Dial::Unix { .. } => return Err(io::ErrorKind::Unsupported.into()),
    };
    let link = route.wrap(Box::new(socket.clone()))?;
    Ok(Connection { socket, link })
}

/// Each address gets a head start, and the first that answers wins.
fn race(addresses: &[SocketAddr], timeout: Duration, options: &SocketOptions) -> io::Result<TcpStream> {
    if let [address] = addresses {
        return connect_to(*address, timeout, options);
    }
    let (sender, results) = mpsc::channel();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    let mut running = 0;
    let mut waiting = addresses.iter();
    loop {
        match waiting.next() {
            Some(address) => {
                start(*address, timeout, options.clone(), sender.clone())?;
                running += 1;
            }
            None if running == 0 => return Err(failure),
            None => {}
        }
        let is_last = waiting.as_slice().is_empty();
        let result = match is_last {
            true => results.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => results.recv_timeout(ADDRESS_HEAD_START),
        };
        match result {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => {
                running -= 1;
                failure = error;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(failure),
        }
    }
}

fn start(
    address: SocketAddr,
    timeout: Duration,
    options: SocketOptions,
    sender: Sender<io::Result<TcpStream>>,
) -> io::Result<()> {
    let attempt = move || {
        // Another address has won if this fails.
        let _ = sender.send(connect_to(address, timeout, &options));
    };
    thread::Builder::new().name("mqtt-dial".into()).spawn(attempt).map(|_| ())
}

fn connect_to(address: SocketAddr, timeout: Duration, options: &SocketOptions) -> io::Result<TcpStream> {
    let socket = open_socket(address, options)?;
    // The system refuses to wait for no time at all.
    socket.connect_timeout(&address.into(), timeout.max(Duration::from_millis(1)))?;
    Ok(socket.into())
}
