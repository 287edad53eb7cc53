//! Every adapter, the same scenarios: over real sockets against the embedded broker and mosquitto, through every
//! transport; and what the client says on the wire is the same for all.

#[cfg(unix)]
mod own_runtime;
mod adapter;
mod bench;
mod arrival;
mod arrival_scripted;
mod foreign;
#[path = "../mosquitto/server.rs"]
#[expect(dead_code, reason = "shared with the suite that needs all of it")]
mod server;
mod tap;
mod scenario;
mod scripted;
mod memory;
mod pipe;
mod certificates;
mod relay;

mod traces;
mod transports;
mod tls;
mod this_thread;
mod tls_options;
mod proxies;
mod dropping;
mod edges;
mod sharing;
mod wrappers;
mod websocket;
mod listeners;
