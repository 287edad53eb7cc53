//! The MQTT client on async-io, for smol and friends.

#![forbid(unsafe_code)]
