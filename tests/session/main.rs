//! The client's session, held to what it promises: conversations with a scripted server, properties over random
//! ones, and a reference run against a model of a server.
//!
//! Each test reads as a conversation; only [`harness`] knows the session's interface. Times are virtual.

mod harness;

mod connect;
mod second_connection;
mod journal;
mod quarantine;
mod refusals;
mod keep_alive;
mod publish;
mod window;
mod replay;
mod lost;
mod unknown;
mod expiry;
mod timeouts;
mod limits;
mod policies;
mod aliases;
mod authentication;
mod receive;
mod release;
mod refusing;
mod subscribe;
mod resubscribe;
mod identifiers;
mod faults;
mod disconnect;
mod stop;
mod reconnect;
mod servers;
mod stalled;
mod explain;
mod stats;
mod driver;
mod properties;
mod model;
mod machine;
