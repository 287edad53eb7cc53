//! The MQTT client on tokio.
//!
//! [`connect`] returns a [`Client`] that is online; its bytes are moved by a task of the runtime that it is called
//! in. [`client`] returns client and task body without waiting.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = mqtt_tokio::connect("mqtt://localhost").await?;
//! let mut doors = client.subscribe("home/+/door")?;
//! while let Some(message) = doors.next().await {
//!     println!("{}: {} bytes", message.topic(), message.payload().len());
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod runtime;
mod drive;

pub use drive::{client, connect};
#[doc(inline)]
pub use mqtt_client::*;
pub use mqtt_transport as transport;
pub use mqtt_transport::Drive;
