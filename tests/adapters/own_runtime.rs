//! A runtime of one's own: a thread for each client, which waits in `poll` of the system and has neither an executor nor
//! a reactor. It goes through all scenarios beside the adapters of the workspace.
//!
//! The guide `docs/your-own-runtime.md` explains it piece by piece; the last test compares the two.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::{self, IoSlice, Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use mqtt_client::adapter::{BoxedLink, Clock, Driver, Route, SystemClock};
use mqtt_client::{Client, Instant, IntoOptions, OptionsError};
use mqtt_transport::{
    Connection, Readiness, Runtime, SockRef, Socket, SystemSocket, Timer, drive, open, socket2,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The runtime of one client: what its thread waits for.
#[derive(Clone, Default)]
struct Own(Rc<Waits>);

#[derive(Default)]
struct Waits {
    sockets: RefCell<Vec<Weak<Watched>>>,
    /// When the first timer is due that was polled and was not.
    next_at: Cell<Option<Instant>>,
}

impl Runtime for Own {
    type Socket = Arc<OwnSocket>;
    type Link = BoxedLink;
    type Timer = OwnTimer;

    /// The thread has nothing else to do.
    const COALESCES: bool = true;

    fn dial(&self, route: Route) -> impl Future<Output = io::Result<Connection<Arc<OwnSocket>>>> {
        open(self, route, |socket| Ok(self.register(socket)))
    }

    fn timer(&self) -> OwnTimer {
        OwnTimer { waits: Rc::clone(&self.0), at: None }
    }
}

/// A timer leaves word when it is polled: the task polls all that it waits for before it sleeps.
struct OwnTimer {
    waits: Rc<Waits>,
    at: Option<Instant>,
}

impl Timer for OwnTimer {
    fn set(&mut self, at: Instant) {
        self.at = Some(at);
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        if self.at.is_some_and(|at| at <= SystemClock.now()) {
            return Poll::Ready(());
        }
        let next_at = self.waits.next_at.get();
        self.waits.next_at.set(next_at.into_iter().chain(self.at).min());
        Poll::Pending
    }
}

/// A socket, and what it shares with its thread.
struct OwnSocket(Arc<Watched>);

struct Watched {
    socket: socket2::Socket,
    /// Directions that are waited for.
    wanted: AtomicU8,
    /// Directions that the system has reported.
    ready: AtomicU8,
}

const READ: u8 = 1;
const WRITE: u8 = 2;

impl Own {
    fn register(&self, socket: SystemSocket) -> OwnSocket {
        let (wanted, ready) = (AtomicU8::new(0), AtomicU8::new(0));
        let watched = Arc::new(Watched { socket: socket.into(), wanted, ready });
        self.0.sockets.borrow_mut().push(Arc::downgrade(&watched));
        OwnSocket(watched)
    }
}

impl OwnSocket {
    /// What was reported holds for one attempt. Otherwise the socket is waited for, as a timer is.
    fn poll(&self, direction: u8) -> Poll<()> {
        if self.0.ready.fetch_and(!direction, Ordering::Relaxed) & direction != 0 {
            return Poll::Ready(());
        }
        self.0.wanted.fetch_or(direction, Ordering::Relaxed);
        Poll::Pending
    }
}

impl Readiness for OwnSocket {
    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<()> {
        self.poll(READ)
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<()> {
        self.poll(WRITE)
    }
}

impl Socket for OwnSocket {
    fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        (&self.0.socket).read(buf)
    }

    fn try_write(&self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.0.socket).write_vectored(chunks)
    }

    fn as_sock_ref(&self) -> SockRef<'_> {
        SockRef::from(&self.0.socket)
    }
}

impl Waits {
    /// Sleeps until a socket is ready, a timer is due, or a byte says that the client has something to do.
    fn sleep(&self, mut alert: &UnixStream) -> io::Result<()> {
        let mut sockets = self.sockets.borrow_mut();
        sockets.retain(|socket| socket.strong_count() > 0);
        let sockets: Vec<Arc<Watched>> = sockets.iter().filter_map(Weak::upgrade).collect();
        let mut polled = vec![PollFd::new(&alert, PollFlags::IN)];
        let mut waiting = Vec::new();
        for socket in &sockets {
            let wanted = socket.wanted.swap(0, Ordering::Relaxed);
            let read = if wanted & READ != 0 { PollFlags::IN } else { PollFlags::empty() };
            let write = if wanted & WRITE != 0 { PollFlags::OUT } else { PollFlags::empty() };
            if wanted != 0 {
                polled.push(PollFd::new(&socket.socket, read | write));
                waiting.push((socket, wanted));
            }
        }
        let left = self.next_at.take().map(|at| at.since(SystemClock.now()));
        // A time that the system cannot count is none.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut polled, timeout.as_ref()) {
            // The client looks at everything anew.
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for ((socket, wanted), polled) in waiting.iter().zip(&polled[1..]) {
            // An end or an error is found by whoever reads or writes.
            let ended = if polled.revents().is_empty() { 0 } else { *wanted };
            socket.ready.fetch_or(ended, Ordering::Relaxed);
        }
        while alert.read(&mut [0; 64]).is_ok_and(|len| len > 0) {}
        Ok(())
    }
}

/// Writes a byte to a thread that may sleep. If there is no room for it, others are there already.
struct Alert(UnixStream);

impl Wake for Alert {
    fn wake(self: Arc<Self>) {
        let _ = (&self.0).write(&[0]);
    }
}

/// Moves the bytes of a client on this thread until all its handles are gone and everything has ended.
fn run(driver: Driver) -> io::Result<()> {
    let (alert, sender) = UnixStream::pair()?;
    alert.set_nonblocking(true)?;
    sender.set_nonblocking(true)?;
    let waker = Waker::from(Arc::new(Alert(sender)));
    let mut context = Context::from_waker(&waker);
    let own = Own::default();
    let mut drive = pin!(drive(own.clone(), driver));
    while drive.as_mut().poll(&mut context).is_pending() {
        own.0.sleep(&alert)?;
    }
    Ok(())
}

/// A client with a thread of its own, for options or a URL. Nothing is connected yet.
pub(crate) fn client(options: impl IntoOptions) -> Result<Client, OptionsError> {
    let (client, driver) = mqtt_transport::client(options)?;
    thread::spawn(move || run(driver));
    Ok(client)
}

#[cfg(test)]
mod tests;
