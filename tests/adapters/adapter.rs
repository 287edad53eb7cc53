//! The adapters under one face: each makes a client that is not yet connected, and something moves its bytes.

use std::sync::OnceLock;
use std::thread;

use mqtt_smol::{Client, ConnectError, Options};
use tokio::runtime::Runtime;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adapter {
    Smol,
    Tokio,
    Std,
    /// The one of the guide to runtimes of one's own.
    #[cfg(unix)]
    Own,
}

#[cfg(unix)]
pub(crate) const ALL: [Adapter; 4] = [Adapter::Smol, Adapter::Tokio, Adapter::Std, Adapter::Own];
#[cfg(not(unix))]
pub(crate) const ALL: [Adapter; 3] = [Adapter::Smol, Adapter::Tokio, Adapter::Std];

/// A runtime with one thread, for all tests of the process.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let builder = &mut tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().expect("the system has threads")
    })
}

impl Adapter {
    /// A client that is not yet connected.
    pub(crate) fn client(self, options: Options) -> Result<Client, ConnectError> {
        match self {
            Adapter::Smol => {
                let (client, drive) = mqtt_smol::client(options)?;
                thread::spawn(|| smol::block_on(drive));
                Ok(client)
            }
            Adapter::Tokio => {
                let (client, drive) = mqtt_tokio::client(options)?;
                drop(runtime().spawn(drive));
                Ok(client)
            }
            Adapter::Std => mqtt_std::client(options),
            #[cfg(unix)]
            Adapter::Own => Ok(crate::own_runtime::client(options)?),
        }
    }

    /// A client that is online.
    pub(crate) fn connect(self, options: Options) -> Result<Client, ConnectError> {
        let client = self.client(options)?;
        client.connect()?.wait()?;
        Ok(client)
    }
}
