//! Opens sockets, and the way to the server over them, without a thread and without waiting.
//!
//! A dial looks the host's name up, if it is one, and then has its addresses race; what it has begun is gone with it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use mio::{Registry, Token};
use mqtt_client::{ADDRESS_HEAD_START, BoxedLink, Dial, Instant, Route, SocketOptions};
use mqtt_transport::{LookUp, look_up, start_connect, take_turns};

use crate::socket::{Socket, Stream};

/// An open socket, and the link to the server over it.
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    pub(crate) link: BoxedLink,
}

/// The way to a server, as far as a socket leads; the layers over it follow with the first bytes.
pub(crate) struct Dialing {
    route: Route,
    step: Step,
}

enum Step {
    LookingUp(LookUp),
    Racing(Race),
    /// A Unix socket, and when it is tried next.
    #[cfg(unix)]
    Unix(Option<Instant>),
    #[cfg(not(unix))]
    Impossible,
}

/// Where sockets of a dial are registered, and the time.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) token: Token,
    pub(crate) now: Instant,
}

impl Dialing {
    pub(crate) fn new(route: Route) -> Dialing {
        let step = match &route.dial {
            Dial::Tcp { host, port } => Step::LookingUp(look_up(host, *port)),
            #[cfg(unix)]
            Dial::Unix { .. } => Step::Unix(None),
            #[cfg(not(unix))]
            Dial::Unix { .. } => Step::Impossible,
        };
        Dialing { route, step }
    }

    /// Goes on as far as it gets. It is to be called again at [`Dialing::deadline`], when a socket with the token is
    /// ready, and when the context's waker is called.
    pub(crate) fn poll(
        &mut self,
        place: Place<'_>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Connection>> {
        self.poll_socket(place, context).map(|socket| {
            let socket = socket?;
            let link = self.route.wrap(Box::new(socket.clone()))?;
            Ok(Connection { socket, link })
        })
    }

    fn poll_socket(&mut self, place: Place<'_>, context: &mut Context<'_>) -> Poll<io::Result<Socket>> {
        if let Step::LookingUp(asked) = &mut self.step {
            match Pin::new(asked).poll(context) {
                Poll::Ready(Ok(addresses)) => self.step = Step::Racing(Race::new(addresses)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        match &mut self.step {
            Step::LookingUp(_) => Poll::Pending,
            Step::Racing(race) => race.poll(place, &self.route.socket),
            #[cfg(unix)]
            Step::Unix(next_at) => poll_unix(&self.route.dial, next_at, place),
            #[cfg(not(unix))]
            Step::Impossible => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// When it goes on by itself.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.step {
            Step::LookingUp(_) => None,
            Step::Racing(race) => race.next_at.filter(|_| !race.waiting.as_slice().is_empty()),
            #[cfg(unix)]
            Step::Unix(next_at) => *next_at,
            #[cfg(not(unix))]
            Step::Impossible => None,
        }
    }

    /// The poll has reported that nothing more comes on one of the sockets.
    pub(crate) fn set_read_closed(&self) {
        if let Step::Racing(race) = &self.step {
            race.running.iter().for_each(Socket::set_read_closed);
        }
    }
}

/// Each address gets a head start, and the first that answers wins.
struct Race {
    waiting: IntoIter<SocketAddr>,
    running: Vec<Socket>,
    /// When the next address is tried, whatever the others do.
    next_at: Option<Instant>,
    failure: io::Error,
}

impl Race {
    fn new(addresses: Vec<SocketAddr>) -> Race {
        Race {
            waiting: take_turns(addresses).into_iter(),
            running: Vec::new(),
            next_at: None,
            failure: io::Error::new(io::ErrorKind::NotFound, "the host name has no address"),
        }
    }

    fn poll(&mut self, place: Place<'_>, options: &SocketOptions) -> Poll<io::Result<Socket>> {
        let mut is_due = self.next_at.is_none_or(|at| at <= place.now);
        loop {
            match self.look() {
                Look::Connected(socket) => return Poll::Ready(Ok(socket)),
                Look::Failed => is_due = true,
                Look::Pending => {}
            }
            if !is_due {
                return Poll::Pending;
            }
            match self.waiting.next() {
                Some(address) => match start(address, place, options) {
                    Ok(socket) => {
                        self.running.push(socket);
                        self.next_at = Some(place.now + ADDRESS_HEAD_START);
                        is_due = false;
                    }
                    Err(error) => self.failure = error,
                },
                None if self.running.is_empty() => {
                    let none = io::Error::from(io::ErrorKind::NotFound);
                    return Poll::Ready(Err(std::mem::replace(&mut self.failure, none)));
                }
                None => return Poll::Pending,
            }
        }
    }

    fn look(&mut self) -> Look {
        let mut look = Look::Pending;
        let mut index = 0;
        while let Some(socket) = self.running.get(index) {
            match socket.is_connected() {
                Ok(true) => return Look::Connected(self.running.swap_remove(index)),
                Ok(false) => index += 1,
                Err(error) => {
                    self.failure = error;
                    drop(self.running.remove(index));
                    look = Look::Failed;
                }
            }
        }
        look
    }
}

/// How those that run are doing.
enum Look {
    Connected(Socket),
    Failed,
    Pending,
}

fn start(address: SocketAddr, place: Place<'_>, options: &SocketOptions) -> io::Result<Socket> {
    let stream = mio::net::TcpStream::from_std(start_connect(address, options)?);
    Socket::register(Stream::Tcp(stream), place.registry, place.token)
}

/// A listener that has no room for one more is asked again and again, without a socket in between.
#[cfg(unix)]
fn poll_unix(dial: &Dial, next_at: &mut Option<Instant>, place: Place<'_>) -> Poll<io::Result<Socket>> {
    let Dial::Unix { path } = dial else { return Poll::Ready(Err(io::ErrorKind::InvalidInput.into())) };
    if next_at.is_some_and(|at| place.now < at) {
        return Poll::Pending;
    }
    match mqtt_transport::connect_unix(path) {
        Ok(Some(stream)) => {
            let stream = Stream::Unix(mio::net::UnixStream::from_std(stream));
            Poll::Ready(Socket::register(stream, place.registry, place.token))
        }
        Ok(None) => {
            *next_at = Some(place.now + mqtt_transport::UNIX_PAUSE);
            Poll::Pending
        }
        Err(error) => Poll::Ready(Err(error)),
    }
}
