//! What a runtime supplies to move the bytes of clients: connections, a timer, and a way to yield to other tasks.
//!
//! Everything else is shared: [`drive`](crate::drive) is the loop over a [`Runtime`], and [`open`](crate::open) dials
//! for every runtime that registers sockets of the system.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use mqtt_client::Instant;
use mqtt_client::adapter::{BoxedLink, Link, Route};

/// A runtime that [`drive`](crate::drive) runs on.
///
/// Three types make an adapter: the runtime, its [`Socket`](crate::Socket) and its [`Timer`]. The runtime opens
/// connections and makes timers; the loop, name lookups, racing of addresses, proxies, TLS and WebSocket come with this
/// crate. A complete adapter of some two hundred lines is in the project's guide `docs/your-own-runtime.md`.
///
/// The future of [`drive`](crate::drive) is `Send` if the runtime, its timers, its connections and the future of
/// [`Runtime::dial`] are. A runtime that keeps its tasks on one thread needs none of this.
///
/// ```
/// use std::future::Future;
/// use std::io;
/// use std::sync::Arc;
/// use mqtt_client::adapter::{BoxedLink, Route};
/// use mqtt_transport::{Connection, Runtime, Socket, Timer, open};
/// # use std::task::{Context, Poll};
/// # use mqtt_client::Instant;
/// # use mqtt_transport::{Readiness, SockRef, SystemSocket};
/// # struct MySocket(std::net::TcpStream);
/// # impl MySocket {
/// #     fn register(_: SystemSocket) -> io::Result<MySocket> { Err(io::ErrorKind::Unsupported.into()) }
/// # }
/// # impl Readiness for MySocket {
/// #     fn poll_readable(&self, _: &mut Context<'_>) -> Poll<()> { Poll::Pending }
/// #     fn poll_writable(&self, _: &mut Context<'_>) -> Poll<()> { Poll::Pending }
/// # }
/// # impl Socket for MySocket {
/// #     fn try_read(&self, _: &mut [u8]) -> io::Result<usize> { Ok(0) }
/// #     fn try_write(&self, _: &[io::IoSlice<'_>]) -> io::Result<usize> { Ok(0) }
/// #     fn as_sock_ref(&self) -> SockRef<'_> { SockRef::from(&self.0) }
/// # }
/// # struct MyTimer;
/// # impl Timer for MyTimer {
/// #     fn set(&mut self, _: Instant) {}
/// #     fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> { Poll::Pending }
/// # }
///
/// struct MyRuntime;
///
/// impl Runtime for MyRuntime {
///     type Socket = Arc<MySocket>;
///     type Link = BoxedLink;
///     type Timer = MyTimer;
///
///     fn dial(&self, route: Route) -> impl Future<Output = io::Result<Connection<Arc<MySocket>>>> {
///         open(self, route, MySocket::register)
///     }
///
///     fn timer(&self) -> MyTimer {
///         MyTimer
///     }
/// }
/// ```
pub trait Runtime {
    /// What is waited for: with [`open`](crate::open), the [`Socket`](crate::Socket) in an [`Arc`].
    type Socket: Readiness;

    /// What is read and written: with [`open`](crate::open), a [`BoxedLink`] through the layers to the same socket.
    type Link: Link;

    /// A timer of this runtime.
    type Timer: Timer;

    /// Whether the thread may sleep for the coalescing delay of [`Turn::Wait`], which is 50 µs, or 300 µs while nothing is
    /// acknowledged: under load the loop then leaves a connection alone for that long, and one read finds many packets.
    ///
    /// It yields first, and the thread sleeps only for what other tasks leave of that time; so of many connections under load
    /// one sleeps. Systems add some tens of microseconds to a sleep. Meanwhile nothing wakes the task for what it will find
    /// anyway, which no timer of a runtime achieves.
    ///
    /// Default: false, which costs several times the processor time under load and harms nothing else. Reads must work
    /// without the runtime having reported anything.
    ///
    /// [`Turn::Wait`]: mqtt_client::adapter::Turn::Wait
    const COALESCES: bool = false;

    /// Opens a connection to a server: dials what [`Route::dial`] names, within the options of [`Route::socket`], and wraps
    /// what it gets by [`Route::wrap`]. [`open`](crate::open) does all of it for sockets of the system.
    ///
    /// It need not bound its time: the future is dropped when the connection is not wanted any more, at the latest after
    /// the network timeout of the options, and with it everything that it has begun. An error becomes the reason why the
    /// client is offline; the client dials again by its own rules. The future is boxed once for each dial.
    fn dial(&self, route: Route) -> impl Future<Output = io::Result<Connection<Self::Socket, Self::Link>>>;

    /// A timer that is not set.
    fn timer(&self) -> Self::Timer;

    /// Lets the other tasks of the runtime run, and is ready when it is this one's turn again.
    ///
    /// Default: wakes its own task and is ready when it is polled again, which is right wherever tasks that are ready
    /// wait in a queue.
    fn yield_now() -> impl Future<Output = ()> {
        let mut is_polled = false;
        poll_fn(move |context| {
            if std::mem::replace(&mut is_polled, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }
}

/// An open connection to a server.
#[derive(Debug)]
pub struct Connection<S, L = BoxedLink> {
    /// What is waited for.
    pub socket: S,
    /// What is read and written.
    pub link: L,
}

/// One timer, which can be set again and again. Dropping it takes it back.
pub trait Timer {
    /// Whether a wait that is over at once lets other tasks run first all the same.
    ///
    /// Default: false. An executor on a virtual clock sets it, so that the tasks of one moment alternate, and a task that
    /// never really waits is noticed.
    const YIELDS_BEFORE_WAIT: bool = false;

    /// Sets the timer to that time, whatever it was set to before. A time that has passed is due at once.
    ///
    /// Times are those of the clock that the client was made with: with [`SystemClock`], [`SystemClock::to_std`] turns
    /// them into the system's own.
    ///
    /// [`SystemClock`]: mqtt_client::adapter::SystemClock
    /// [`SystemClock::to_std`]: mqtt_client::adapter::SystemClock::to_std
    fn set(&mut self, at: Instant);

    /// Ready once the time has come, or sooner: a timer that is due early costs a turn and changes nothing. Until then
    /// the task that polled last is woken when the time comes.
    ///
    /// It is not polled before it is set, nor after it was ready until it is set again.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()>;
}

/// Whether something can be read and written without waiting.
pub trait Readiness {
    /// Ready when a read may give bytes, the end, or an error. Otherwise the task that polled last is woken when that may
    /// be so. To be ready too often costs a read; to stay ready after a read that would have blocked costs a processor.
    ///
    /// A read that does not fill its buffer has taken everything, unless [`Link::short_read_is_all`] says otherwise; so
    /// what reports changes only, such as a poll that is edge-triggered, must report whatever arrives after it.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()>;

    /// Ready when a write may take bytes, or fail; otherwise as for reading. One task polls both directions.
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<()>;

    /// Whether it is ready for what is wanted. Both directions are polled, so that each knows whom to wake.
    fn is_ready(&self, interest: Interest, context: &mut Context<'_>) -> bool {
        let readable = interest.read && self.poll_readable(context).is_ready();
        let writable = interest.write && self.poll_writable(context).is_ready();
        readable || writable
    }

    /// When it may be ready by the clock alone, as far as that was known when it was last polled: then it is polled again.
    /// Default: never, so that only a wake says so. A network on a virtual clock knows what arrives when.
    fn ready_at(&self) -> Option<Instant> {
        None
    }
}

/// What a connection is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Whether it is waited for until it can be read.
    pub read: bool,
    /// Whether it is waited for until it can be written.
    pub write: bool,
}

impl<S: Readiness> Readiness for Arc<S> {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        (**self).poll_readable(context)
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<()> {
        (**self).poll_writable(context)
    }

    fn ready_at(&self) -> Option<Instant> {
        (**self).ready_at()
    }
}
