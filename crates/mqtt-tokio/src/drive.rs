//! Clients, and the tasks that move their bytes.

use mqtt_client::{Client, ConnectError, IntoOptions, OptionsError};
use mqtt_transport::{Drive, drive};

use crate::runtime::Tokio;

/// A client and the future that moves its bytes, for options or a URL. Nothing is connected yet.
///
/// The future needs tokio's sockets and timers, so it is spawned on a runtime that has both enabled.
pub fn client(options: impl IntoOptions) -> Result<(Client, Drive), OptionsError> {
    let (client, driver) = mqtt_transport::client(options)?;
    Ok((client, Drive::new(drive(Tokio, driver))))
}

/// Connects with options or to a URL; a task of the current runtime moves the bytes.
///
/// Fails if the first attempt fails, unless the options say that it is tried again.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub async fn connect(options: impl IntoOptions) -> Result<Client, ConnectError> {
    let (client, drive) = client(options)?;
    drop(tokio::spawn(drive));
    client.connect()?.await?;
    Ok(client)
}
