//! The MQTT client, a broker and a faulty network in one thread, on a virtual clock.
//!
//! A [`World`] runs your own async code with the same [`Client`] that every other adapter gives. Hours pass in
//! milliseconds, and whatever goes wrong follows from a seed: the same seed gives the same run, byte for byte.
//!
//! ```
//! use std::time::Duration;
//! use mqtt_memory::{Options, Publish, QoS, World};
//!
//! let world = World::calm(7);
//! let outcome = world.run_until(async {
//!     let options = Options::new("broker").client_id("door-7").clean_session(false);
//!     let client = world.connect(options).await?;
//!     world.partition("door-7", true);
//!     let token = client.publish(Publish::new("doors/7/state", "open").qos(QoS::AtLeastOnce))?;
//!     world.sleep(Duration::from_secs(3600)).await;
//!     world.partition("door-7", false);
//!     token.await?;
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! });
//! outcome.expect("an hour without network does not stall the client")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod clock;
mod executor;
mod fault;
mod trace;
mod pipe;
mod link;
mod server;
mod named;
mod network;
mod runtime;
mod program;
mod task;
mod world;

pub use fault::Faults;
pub use mqtt_broker as broker;
#[doc(inline)]
pub use mqtt_client::*;
pub use mqtt_parts::Rng;
pub use task::Task;
pub use trace::{Event, PlanText, Point, Record, Side};
pub use world::{Config as WorldConfig, Stalled, World};

/// The guide's examples, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/testing-against-outages.md")]
struct Guide;

/// The examples of the guide to captures, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/capture-and-replay.md")]
struct CaptureGuide;
