//! Clients whose bytes are moved by the thread that works with them.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use mqtt_client::{Client, ConnectError, IntoOptions};

use crate::worker::{Worker, WorkerHandle};

/// Runs one future and the clients that it uses on one thread: what one wakes in the other costs no system call.
///
/// For programs of one thread that would rather await than wait. Bytes are moved, and pings sent, only while
/// [`ThisThread::block_on`] runs and its future waits: what blocks the thread for longer than the keep alive costs the
/// connection. Dropping it leaves its clients without a connection for good.
///
/// ```no_run
/// use mqtt_std::{Publish, QoS, ThisThread};
///
/// let mut thread = ThisThread::new()?;
/// let clients = thread.clients();
/// thread.block_on(async {
///     let client = clients.client("mqtt://localhost")?;
///     client.connect()?.await?;
///     client.publish(Publish::new("home/hall/door", "open").qos(QoS::AtLeastOnce))?.await?;
///     client.disconnect()?.await;
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ThisThread {
    worker: Worker,
    clients: Clients,
}

/// Makes clients for a [`ThisThread`]. Clones make them for the same.
#[derive(Clone)]
pub struct Clients(Arc<WorkerHandle>);

impl ThisThread {
    /// Fails if the system has no more descriptors.
    pub fn new() -> io::Result<ThisThread> {
        let (handle, worker) = Worker::of_this_thread()?;
        Ok(ThisThread { worker, clients: Clients(Arc::new(handle)) })
    }

    /// What makes the clients.
    pub fn clients(&self) -> Clients {
        self.clients.clone()
    }

    /// Runs the future, and moves the bytes of all clients meanwhile. What the future awaits may also be of other
    /// runtimes, whose wakes reach this thread.
    pub fn block_on<T>(&mut self, work: impl Future<Output = T>) -> T {
        self.worker.run_until(pin!(work))
    }
}

impl Clients {
    /// A client, for options or a URL. Nothing is connected yet.
    pub fn client(&self, options: impl IntoOptions) -> Result<Client, ConnectError> {
        let options = options.into_options()?;
        let server = options.server.to_string();
        let (client, driver) = mqtt_transport::client(options)?;
        self.0.register(driver).map_err(|error| ConnectError::unavailable(server, error))?;
        Ok(client)
    }
}

impl fmt::Debug for ThisThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThisThread").finish_non_exhaustive()
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}
