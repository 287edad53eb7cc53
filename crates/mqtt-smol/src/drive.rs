//! Clients, and the futures that move their bytes.

use mqtt_client::{Client, ConnectError, IntoOptions, OptionsError};
use mqtt_transport::{Drive, drive};

use crate::runtime::Smol;

/// A client and the future that moves its bytes, for options or a URL. Nothing is connected yet.
pub fn client(options: impl IntoOptions) -> Result<(Client, Drive), OptionsError> {
    let (client, driver) = mqtt_transport::client(options)?;
    Ok((client, Drive::new(drive(Smol, driver))))
}

/// Connects with options or to a URL: `spawn` is given the future that moves the bytes.
///
/// Fails if the first attempt fails, unless the options say that it is tried again.
pub async fn connect(options: impl IntoOptions, spawn: impl FnOnce(Drive)) -> Result<Client, ConnectError> {
    let (client, drive) = client(options)?;
    spawn(drive);
    client.connect()?.await?;
    Ok(client)
}
