//! One MQTT client handle and one driver turn for every runtime.

#![forbid(unsafe_code)]
