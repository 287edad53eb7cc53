//! The embedded broker on TCP sockets, for tests and demos; not for production.
//!
//! ```no_run
//! // One line, on a thread of its own, for a program on any runtime:
//! let broker = mqtt_smol::broker::start("127.0.0.1:0")?;
//! println!("listening on {}", broker.url());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! [`Server::listen`] opens further sockets, also for TLS and WebSocket, and [`Handle::events`] tells what clients do.
//!
//! It reads on although a client does not, so that the two never wait for one another; [`Config`] bounds what clients
//! make it keep. A connection that the broker ends is gone after a second, whatever its client does.

mod shared;
mod listen;
mod events;
mod connection;

pub use events::Events;
pub use listen::Listen;
pub use mqtt_broker::{
    Action, Authenticator, Config, ConnectionId, Dialogue, End, Event, Origin, Rule, Stats, Step, User,
};

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_executor::Executor;
use async_io::{Async, Timer};
use mqtt_broker::host::{Access, Host};
use mqtt_transport::Waiter;

use crate::runtime;
use connection::serve_connection;
use shared::Shared;

/// A broker that listens and is not yet running.
#[derive(Debug)]
#[must_use = "nobody is served unless `run` is awaited"]
pub struct Server {
    listeners: Vec<(Async<TcpListener>, Listen)>,
    handle: Handle,
    stopping: Stopping,
}

/// Controls a broker that runs elsewhere. Clones control the same one.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
    address: SocketAddr,
}

/// A broker on a thread of its own. Dropping it stops the broker.
#[derive(Debug)]
#[must_use = "dropping it stops the broker"]
pub struct Running {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Starts a broker with default settings on a thread of its own. Port 0 takes any free port.
pub fn start(address: impl ToSocketAddrs) -> io::Result<Running> {
    start_with(address, Config::default())
}

/// Starts a broker on a thread of its own. Port 0 takes any free port.
pub fn start_with(address: impl ToSocketAddrs, config: Config) -> io::Result<Running> {
    Server::bind(address, config)?.start()
}

impl Server {
    /// Listens for plain TCP on the first of the addresses that is available. Port 0 takes any free port.
    pub fn bind(address: impl ToSocketAddrs, config: Config) -> io::Result<Server> {
        let listener = Async::new(TcpListener::bind(address)?)?;
        let address = listener.get_ref().local_addr()?;
        let shared = Arc::new(Shared::new(config, fastrand::u64(..)));
        let stopping = Stopping(Arc::clone(&shared));
        Ok(Server { listeners: vec![(listener, Listen::Tcp)], handle: Handle { shared, address }, stopping })
    }

    /// Listens on one more socket, and returns its address; [`Listen::url`] makes a URL of it. Port 0 takes any free port.
    ///
    /// What a client may take for the handshakes of TLS and WebSocket counts against [`Config::connect_timeout`].
    pub fn listen(&mut self, address: impl ToSocketAddrs, how: Listen) -> io::Result<SocketAddr> {
        let listener = Async::new(TcpListener::bind(address)?)?;
        let address = listener.get_ref().local_addr()?;
        self.listeners.push((listener, how));
        Ok(address)
    }

    /// Serves connections on a thread of its own.
    pub fn start(self) -> io::Result<Running> {
        let handle = self.handle();
        let thread =
            thread::Builder::new().name("mqtt-broker".into()).spawn(|| async_io::block_on(self.run()))?;
        Ok(Running { handle, thread: Some(thread) })
    }

    /// A handle that outlives the call of [`Server::run`].
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves connections until [`Handle::stop`] is called.
    pub async fn run(self) {
        let Server { listeners, handle: Handle { shared, .. }, stopping } = self;
        // Tasks know their executor weakly: with it they all end, and their connections close.
        let executor = Arc::new(Executor::new());
        executor.spawn(keep_time(Arc::clone(&shared))).detach();
        for (listener, how) in listeners {
            executor.spawn(accept(listener, how, Arc::clone(&shared), Arc::downgrade(&executor))).detach();
        }
        // Before the tasks end, so that events tell why.
        let _stopping = stopping;
        executor.run(shared.stopped()).await;
    }
}

impl Handle {
    /// The address that the broker listens on for plain TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a URL.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Counters of the broker.
    pub fn stats(&self) -> Stats {
        self.shared.access(|host, _| host.broker().stats())
    }

    /// What clients do, from now on or from the start, as far as [`Config::events_max`] has it recorded: by default it has
    /// nothing. All streams share what waits, so that each event comes once.
    pub fn events(&self) -> Events {
        Events::new(Arc::clone(&self.shared))
    }

    /// Cuts the connection of a client as an outage would: without a packet. False if it has none.
    pub fn cut(&self, client_id: &str) -> bool {
        self.shared.access(|host, _| host.cut(|id| id == Some(client_id))) > 0
    }

    /// Cuts all connections as an outage would, and says how many there were.
    pub fn cut_all(&self) -> usize {
        self.shared.access(|host, _| host.cut(|id| id.is_some()))
    }

    /// Ends all connections without a packet and serves no more.
    pub fn stop(&self) {
        self.shared.stop();
    }
}

impl Running {
    /// A handle that outlives this value; the broker does not.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl std::ops::Deref for Running {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by its thread already.
            let _ = thread.join();
        }
    }
}

/// Ends everything when a server is gone, whether or not it ran.
#[derive(Debug)]
struct Stopping(Arc<Shared>);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.access(Host::handle_stopped);
    }
}

/// Accepts connections; a failure to accept, such as too many open files, is tried again after a while.
async fn accept(
    listener: Async<TcpListener>,
    how: Listen,
    shared: Arc<Shared>,
    executor: Weak<Executor<'static>>,
) {
    loop {
        let accepted = listener.read_with(TcpListener::accept).await;
        let Some(executor) = executor.upgrade() else { return };
        match accepted {
            Ok((stream, address)) => {
                let serving = serve_connection(Arc::clone(&shared), stream, address, how.clone());
                executor.spawn(serving).detach();
            }
            Err(_) => {
                drop(executor);
                Timer::after(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Calls the broker at its deadlines.
async fn keep_time(shared: Arc<Shared>) {
    let mut waiter = Waiter::new(runtime::Timer::new());
    loop {
        let deadline = shared.access(Host::handle_timeout);
        waiter.wait(deadline, |context| shared.access(|host, _| host.poll_clock(context)).is_ready()).await;
    }
}

/// Pause after a failure to accept a connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
