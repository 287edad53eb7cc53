//! Clients whose bytes are moved by threads that nobody sees.

use mqtt_client::{Client, ConnectError, IntoOptions};

use crate::worker::register;

/// A client whose bytes are moved by a thread that it shares with others, for options or a URL. Nothing is connected
/// yet.
pub fn client(options: impl IntoOptions) -> Result<Client, ConnectError> {
    let options = options.into_options()?;
    let server = options.server.to_string();
    let (client, driver) = mqtt_transport::client(options)?;
    register(driver).map_err(|error| ConnectError::unavailable(server, error))?;
    Ok(client)
}

/// Connects with options or to a URL, and waits until the server has accepted.
///
/// Fails if the first attempt fails, unless the options say that it is tried again.
pub fn connect(options: impl IntoOptions) -> Result<Client, ConnectError> {
    let client = client(options)?;
    client.connect()?.wait()?;
    Ok(client)
}
