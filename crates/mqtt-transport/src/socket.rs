//! Sockets with the options applied.

use std::io;
use std::net::{SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mqtt_client::SocketOptions;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// A TCP connection to that address that never blocks, and is under way or open. It can be written once it is open or has
/// failed; then `take_error` of its [`SockRef`] has the error, if any.
pub fn start_connect(address: SocketAddr, options: &SocketOptions) -> io::Result<TcpStream> {
    let socket = open_socket(address, options)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if !is_under_way(&error) => Err(error),
        Ok(()) | Err(_) => Ok(socket.into()),
    }
}

/// A connection to a Unix socket that never blocks; none while as many wait there as its listener has room for.
///
/// No event says when there is room, so that a caller tries again after [`UNIX_PAUSE`].
#[cfg(unix)]
pub fn connect_unix(path: &str) -> io::Result<Option<UnixStream>> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&socket2::SockAddr::unix(path)?) {
        Ok(()) => Ok(Some(socket.into())),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Pause before a Unix socket whose listener has no room is tried again.
#[cfg(unix)]
pub const UNIX_PAUSE: Duration = Duration::from_millis(20);

/// Sets `TCP_QUICKACK`, so that the system acknowledges received bytes at once; a failure costs only time.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn quickack(socket: SockRef<'_>) {
    let _ = socket.set_tcp_quickack(true);
}

/// Other systems have no such option.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn quickack(_: SockRef<'_>) {}

fn is_under_way(error: &io::Error) -> bool {
    #[cfg(unix)]
    if rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::INPROGRESS) {
        return true;
    }
    error.kind() == io::ErrorKind::WouldBlock
}

/// Bytes that the system takes ahead of the network. More would hide from the driver how far a large message is, and a
/// slow but steady link would look like a dead one.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_MAX: u32 = 128 * 1024;

#[cfg(any(target_os = "linux", target_os = "android"))]
fn bound_unsent(socket: &Socket) {
    // An old system has no such bound; then only the time that is granted by size helps.
    let _ = socket.set_tcp_notsent_lowat(UNSENT_MAX);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn bound_unsent(_: &Socket) {}

/// A TCP socket for a connection to that address, set up and not yet connected.
fn open_socket(address: SocketAddr, options: &SocketOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(options.nodelay)?;
    bound_unsent(&socket);
    if let Some(after) = options.keep_alive {
        let after = after.clamp(KEEP_ALIVE_MIN, KEEP_ALIVE_MAX);
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(after))?;
    }
    if let Some(size) = options.send_buffer_size {
        socket.set_send_buffer_size(size)?;
    }
    if let Some(size) = options.receive_buffer_size {
        socket.set_recv_buffer_size(size)?;
    }
    if let Some(local) = options.bind {
        socket.bind(&SocketAddr::new(local, 0).into())?;
    }
    Ok(socket)
}

/// Systems take whole seconds, and no more than these.
const KEEP_ALIVE_MIN: Duration = Duration::from_secs(1);
const KEEP_ALIVE_MAX: Duration = Duration::from_secs(32_767);
